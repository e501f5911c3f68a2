"""The judgement: what readers were answered against what is stored. Pure.

The readers' record decides. A request that was answered is in the events exactly once, with its
facts; one that was not, at most once; and what never may be stored is not there at all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos_tracking import hits, record
from tests.chaos_tracking.hits import Facts, Hit
from tests.chaos_tracking.record import Line

CLOCK = 0.005  # seconds: times are stored in whole milliseconds


class Stored(NamedTuple):
    """An event, as far as it is judged."""

    user_agent: str
    facts: Facts
    at: float  # seconds since 1970


class Away(NamedTuple):
    """When a part could not answer (seconds since 1970), for example "edge 1"."""

    part: str
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


@dataclass
class Verdict:
    """What was found, each as a line about one request, so that each can be looked up."""

    wanted: int  # hits
    answered: int = 0  # hits
    requests: int = 0
    stored: int = 0  # events
    silent: int = 0  # requests answered for people who want nothing stored, and forged ones
    unanswered_stored: int = 0
    longest: float = 0.0  # seconds that an answer took, where its edge was not away
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # answers
    cut: list[str] = field(default_factory=list)  # requests without an answer from a live edge
    false: list[str] = field(default_factory=list)  # events that must not be, or with wrong facts
    unserved: list[str] = field(default_factory=list)  # hits that never got an answer
    differing: list[str] = field(default_factory=list)  # sums that are not those of the events

    @property
    def faults(self) -> dict[str, list[str]]:
        """Everything that must not be."""
        return {
            "lost": self.lost,
            "twice": self.twice,
            "wrong answers": self.wrong,
            "cut by a live edge": self.cut,
            "wrongly stored": self.false,
            "never answered": self.unserved,
            "wrong sums": self.differing,
        }

    @property
    def is_good(self) -> bool:
        """Whether everything is as promised."""
        return not any(self.faults.values())

    def __str__(self) -> str:
        return (
            f"hits {self.wanted:,}, answered {self.answered:,}, lost {len(self.lost)}, "
            f"twice {len(self.twice)}, wrong answers {len(self.wrong) + len(self.cut)}, "
            f"wrongly stored {len(self.false)}, never answered {len(self.unserved)}, "
            f"rollups exact: {'no' if self.differing else 'yes'}"
        )


def judge(
    wanted: int,
    hit_of: Callable[[int], Hit],
    lines: Iterable[Line],
    events: Iterable[Stored],
    away: Sequence[Away],
) -> Verdict:
    """Compare. `hit_of` returns a hit by its number; `away` says when edges were."""
    verdict = Verdict(wanted)
    found, foreign = _by_request(events)
    verdict.stored = sum(map(len, found.values())) + len(foreign)
    verdict.false += [f"an event that nobody asked for: {user_agent!r}" for user_agent in foreign]
    downs: dict[int, list[Away]] = {}
    for each in away:
        if each.part.startswith("edge "):
            downs.setdefault(int(each.part.removeprefix("edge ")), []).append(each)
    answers: Counter[int] = Counter()
    asked = set()
    for line in lines:
        hit = hit_of(line.hit)
        stored = found.get((line.hit, line.attempt), [])
        asked.add((line.hit, line.attempt))
        verdict.requests += 1
        is_away = any(_overlaps(line, each) for each in downs.get(line.edge, []))
        if line.outcome in record.ANSWERED:
            answers[line.hit] += 1
            _answered(verdict, hit, line, stored)
            if not is_away:
                verdict.longest = max(verdict.longest, line.ended - line.sent)
        else:
            _not_answered(verdict, hit, line, stored, is_away)
        verdict.false += [
            f"{_about(hit, line)}: {each.facts} at {each.at:.3f}, not {hit.facts}"
            for each in stored
            if not _is_true(hit, line, each)
        ]
    verdict.answered = len(answers)
    verdict.unserved = [f"hit {number}" for number in range(wanted) if not answers[number]]
    verdict.false += [
        f"hit {hit}.{attempt} was never sent" for hit, attempt in found.keys() - asked
    ]
    return verdict


def _by_request(
    events: Iterable[Stored],
) -> tuple[dict[tuple[int, int], list[Stored]], list[str]]:
    found: dict[tuple[int, int], list[Stored]] = {}
    foreign = []
    for event in events:
        attempt = hits.attempt_of(event.user_agent)
        if attempt is None:
            foreign.append(event.user_agent)
        else:
            found.setdefault(attempt, []).append(event)
    return found, foreign


def _answered(verdict: Verdict, hit: Hit, line: Line, stored: list[Stored]) -> None:
    if line.outcome == record.WRONG:
        verdict.wrong.append(_about(hit, line))
    if hit.facts is None:
        verdict.silent += 1
    elif not stored:
        verdict.lost.append(_about(hit, line))
    if len(stored) > 1:
        verdict.twice.append(f"{_about(hit, line)}: {len(stored)} events")


def _not_answered(
    verdict: Verdict, hit: Hit, line: Line, stored: list[Stored], is_away: bool
) -> None:
    verdict.unanswered_stored += len(stored)
    if len(stored) > 1:
        verdict.twice.append(f"{_about(hit, line)}: {len(stored)} events")
    if not is_away:
        verdict.cut.append(_about(hit, line))


def _is_true(hit: Hit, line: Line, event: Stored) -> bool:
    is_in_time = line.sent - CLOCK <= event.at <= line.ended + CLOCK
    # Of a request that was cut off, the edge may have taken its time.
    return event.facts == hit.facts and (is_in_time or line.outcome == record.NONE)


def _overlaps(line: Line, away: Away) -> bool:
    # Who keeps a connection to an edge that dies notices when they use it again.
    return line.silent_since <= away.ended and line.ended >= away.begun


def _about(hit: Hit, line: Line) -> str:
    return (
        f"hit {line.hit}.{line.attempt} ({hit.method} {hit.what}, {hit.person.choice}) at edge "
        f"{line.edge}, {line.sent:.3f} to {line.ended:.3f}: {line.outcome} {line.detail}".rstrip()
    )
