"""Rules that are simpler than ours, for tests of what is done with verdicts.

A hit is what its agent says last, by the name of a verdict, or else a human's; but a person's
clicks on two links within two seconds are a scanner's. So a verdict can change when other hits
come.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from tracking import countries
from tracking.classify import Evidence, Judgement, Verdict
from tracking.classify.pulse import Pulse, beating, silent

BURST = 2.0  # seconds
_NAMED = {verdict.name: Judgement(verdict, "named") for verdict in Verdict}
_HUMAN = Judgement(Verdict.HUMAN, "human")
_HEAD, _BURST = Judgement(Verdict.SCANNER, "head"), Judgement(Verdict.SCANNER, "burst")


def judge(hits: Sequence[Evidence], networks: Any, pulse: Pulse = silent) -> list[Judgement]:
    """Judge hits in the place of tracking.classify.judge."""
    clicks = defaultdict(list)
    for hit in beating(hits, pulse):
        if hit.kind == 2 and hit.subscriber:
            clicks[hit.campaign, hit.subscriber, hit.forward].append(hit)
    return [_judge(hit, clicks[hit.campaign, hit.subscriber, hit.forward]) for hit in hits]


class Countries:
    """Knows the countries of a few networks, in the place of a database."""

    def __getitem__(self, network: str) -> int:
        codes = {"203.0.113.0": "FR", "198.51.100.0": "GB"}
        return countries.number(codes.get(network, ""))


def _judge(hit: Evidence, clicks: list[Evidence]) -> Judgement:
    if hit.marks.get("method") == "HEAD":
        return _HEAD
    named = _NAMED.get(hit.user_agent.rpartition(" ")[2])
    if named or hit.kind != 2:
        return named or _HUMAN
    is_burst = any(other.link != hit.link and abs(other.at - hit.at) <= BURST for other in clicks)
    return _BURST if is_burst else _HUMAN
