"""Cuts time into portions whose hits are judged at once, so that they fit into memory. Pure.

A hit is judged by those around it, so these are read and judged along with each portion, in vain
for them: ten minutes around what has just come (NEARBY), a day around a day (FAR). Where more comes
than may be held, portions stay long and less around them is looked at: many short ones would be
judged as well, but each hit many times over.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import NamedTuple

from tracking.classify import WINDOW

MINUTE = timedelta(minutes=1)
# Of visits and bursts, a hit's verdict depends on hits up to WINDOW away, and on what these are
# taken for, so on theirs.
NEAR = timedelta(seconds=WINDOW)
LONGEST = timedelta(minutes=30)  # of spans that are joined
STEP = 10  # seconds: hits are counted by these, and portions are cut between them

Sights = Sequence[tuple[int, int]]
# How far to look around a portion that is at least so long: the first that fits is taken, in STEPs.
NEARBY: Sights = ((60, 30), (30, 15), (6, 3), (1, 1), (0, 1))
# For whole days: the days before and after as well, or else as far as can be.
FAR: Sights = ((8_640, 8_640), (2_160, 8_640), (720, 2_160), (360, 720), (180, 180), *NEARBY)


class Span(NamedTuple):
    """A stretch of time whose hits are judged."""

    start: datetime
    end: datetime  # not part of it

    def covers(self, other: "Span") -> bool:
        """Whether `other` lies in this one."""
        return self.start <= other.start and other.end <= self.end

    def with_around(self, around: timedelta) -> "Span":
        """Return the span with so much time before and after it."""
        return Span(self.start - around, self.end + around)


class Portion(NamedTuple):
    """Hits to be judged at once, and how far around them to look."""

    span: Span
    around: timedelta


def spans(parts: Iterable[Span]) -> Iterator[Span]:
    """Join spans that touch, in their order, to spans that are mostly no longer than LONGEST."""
    current: Span | None = None
    for part in parts:
        if current and part.start <= current.end and part.end - current.start <= LONGEST:
            current = Span(current.start, max(current.end, part.end))
            continue
        if current:
            yield current
        current = part
    if current:
        yield current


def portions(
    span: Span, counts: Mapping[int, int], largest: int, sights: Sights = NEARBY
) -> Iterator[Portion]:
    """Cut a span into portions that have, with what is looked at around them, up to `largest` hits.

    `counts` says how many hits there are, by STEPs since 1970, also around the span as far as the
    first of `sights`. More than `largest` are only in a portion of one STEP that has more by
    itself.
    """
    steps = sorted(counts)
    sums = [0, *accumulate(counts[step] for step in steps)]
    start = int(span.start.timestamp() // STEP)
    last = -int(-span.end.timestamp() // STEP)
    while start < last:
        for around, least in sights:
            end = _end(steps, sums, start - around, largest) - around
            if end >= min(last, start + least):
                break
        end = min(last, max(end, start + 1))
        yield Portion(
            Span(max(span.start, _moment(start)), min(span.end, _moment(end))),
            timedelta(seconds=around * STEP),
        )
        start = end


def _end(steps: list[int], sums: list[int], start: int, largest: int) -> int:
    """Return the last step up to which there are no more than `largest` hits from `start` on."""
    before = sums[bisect_left(steps, start)]
    # The first step with which there are too many.
    place = bisect_left(sums, before + largest + 1) - 1
    return steps[place] if place < len(steps) else _FOREVER


_FOREVER = 1 << 62


def _moment(step: int) -> datetime:
    return datetime.fromtimestamp(step * STEP, UTC)
