"""How well hits are judged: against the truth, for each verdict, and as the reports count."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import gcd

from tests.simulator.traces import Trace
from tracking.classify import PEOPLE, WINDOW, Evidence, Judgement, judge
from tracking.classify.lines import read_line
from tracking.classify.networks import Networks
from tracking.classify.verdicts import CLICK, Verdict

VERDICTS = ("human", "proxy_open", "privacy_prefetch", "scanner", "preview", "unknown")
_Bare = tuple[int, int]


def evidence(trace: Trace) -> list[Evidence]:
    """Return what would be stored of the hits."""
    return [read_line(line, number)[1] for number, line in enumerate(trace.lines())]


def judge_by_minutes(hits: Sequence[Evidence], networks: Networks) -> list[Judgement]:
    """Judge as ingest does: each minute with those around it."""
    return _judge_by(60, WINDOW, hits, networks)


def judge_by_days(hits: Sequence[Evidence], networks: Networks) -> list[Judgement]:
    """Judge as tracking/hindsight.py does: each day with those before and after it."""
    return _judge_by(86_400, 86_400, hits, networks)


def _judge_by(
    length: int, around: int, hits: Sequence[Evidence], networks: Networks
) -> list[Judgement]:
    """Judge each stretch of `length` seconds with so many `around` it."""
    step = gcd(length, around)
    steps: defaultdict[int, list[int]] = defaultdict(list)
    stretches: defaultdict[int, list[int]] = defaultdict(list)
    for index, hit in enumerate(hits):
        steps[int(hit.at // step)].append(index)
        stretches[int(hit.at // length)].append(index)
    answer: list[Judgement | None] = [None] * len(hits)
    for stretch, own in stretches.items():
        first, last = stretch * length - around, (stretch + 1) * length + around
        known = [i for n in range(first // step, last // step) for i in steps.get(n, ())]
        judged = dict(zip(known, judge([hits[i] for i in known], networks), strict=True))
        for index in own:
            answer[index] = judged[index]
    return [judgement for judgement in answer if judgement]


def name(verdict: Verdict) -> str:
    return "human" if verdict == Verdict.LIKELY_HUMAN else verdict.name.lower()


@dataclass
class Score:
    """Counts over one or several traces."""

    pairs: Counter[tuple[str, str]] = field(default_factory=Counter)  # (truth, taken for)
    demoted: Counter[str] = field(default_factory=Counter)  # behaviour -> clicks taken for machines
    clicks: Counter[str] = field(default_factory=Counter)  # behaviour -> clicks
    human_clicks: int = 0
    human_clicks_demoted: int = 0
    scanner_clicks: int = 0
    scanner_clicks_demoted: int = 0
    clickers: int = 0  # people who truly clicked
    clickers_counted: int = 0  # people of whom a click was taken for a person's
    clickers_wrong: int = 0  # of both, those that the other does not have

    def add(self, trace: Trace, hits: Sequence[Evidence], judged: Sequence[Judgement]) -> None:
        true, counted = set(), set()
        for hit, truth, behaviour, judgement in zip(
            hits, trace.truths, trace.behaviours, judged, strict=True
        ):
            self.pairs[truth, name(judgement.verdict)] += 1
            if hit.kind != CLICK:
                continue
            is_machine = judgement.verdict not in PEOPLE
            person = (hit.campaign, hit.subscriber)
            self.clicks[behaviour] += 1
            self.demoted[behaviour] += is_machine
            if not is_machine:
                counted.add(person)
            if truth == "human":
                true.add(person)
                self.human_clicks += 1
                self.human_clicks_demoted += is_machine
            else:
                self.scanner_clicks += 1
                self.scanner_clicks_demoted += is_machine
        self.clickers += len(true)
        self.clickers_counted += len(counted)
        self.clickers_wrong += len(true ^ counted)

    @property
    def human_demoted(self) -> float:
        return self.human_clicks_demoted / max(self.human_clicks, 1)

    @property
    def scanner_demoted(self) -> float:
        return self.scanner_clicks_demoted / max(self.scanner_clicks, 1)

    @property
    def unique_error(self) -> float:
        return abs(self.clickers_counted - self.clickers) / max(self.clickers, 1)

    def precision(self, verdict: str) -> float:
        taken = sum(count for (_, said), count in self.pairs.items() if said == verdict)
        return self.pairs[verdict, verdict] / taken if taken else 1.0

    def recall(self, verdict: str) -> float:
        truly = sum(count for (truth, _), count in self.pairs.items() if truth == verdict)
        return self.pairs[verdict, verdict] / truly if truly else 1.0

    def table(self) -> str:
        lines = ["| verdict | hits | precision | recall |", "|---|---|---|---|"]
        for verdict in VERDICTS:
            count = sum(n for (truth, _), n in self.pairs.items() if truth == verdict)
            if count:
                lines.append(
                    f"| {verdict} | {count} | {self.precision(verdict):.2%} "
                    f"| {self.recall(verdict):.2%} |"
                )
        lines += ["", "| behaviour | clicks | taken for a machine's |", "|---|---|---|"]
        lines += [
            f"| {behaviour} | {count} | {self.demoted[behaviour] / count:.2%} |"
            for behaviour, count in sorted(self.clicks.items())
        ]
        lines += [
            "",
            f"human clicks demoted: {self.human_demoted:.2%} of {self.human_clicks}",
            f"machine clicks demoted: {self.scanner_demoted:.2%} of {self.scanner_clicks}",
            f"unique human clicks: {self.clickers_counted} counted, {self.clickers} true, "
            f"{self.unique_error:.2%} off ({self.clickers_wrong} people wrong)",
        ]
        return "\n".join(lines)
