"""Judges hits of a file of any size, in bounded memory.

Hits may stand in any order, while rules need those of the same minutes together. So they are
sorted by time in runs, which are put on disk when there are several, merged, and judged in slabs
with what lies around them. For each line only its verdict is held until it is its turn.
"""

import heapq
import json
import pickle
from array import array
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from tempfile import SpooledTemporaryFile, TemporaryFile
from typing import IO, Any

from tracking.classify.judging import judge
from tracking.classify.lines import BadLine, read_line
from tracking.classify.networks import Networks
from tracking.classify.verdicts import WINDOW, Evidence, Judgement, Verdict

RUN = 200_000  # hits that are held at a time: some hundred megabytes
_AROUND = 2 * WINDOW  # seconds of hits on either side of a slab
_SPOOL = 16 * 1024 * 1024  # bytes of ids that are held in memory
_at = attrgetter("at")


class Bulk:
    """The hits of one file, and what they are taken for."""

    def __init__(self, networks: Networks, complain: Callable[[int, str], None]) -> None:
        """`complain` is called with number and reason for each line that can't be read."""
        self._networks = networks
        self._complain = complain
        self._ids = SpooledTemporaryFile(_SPOOL, "w+", encoding="utf-8")  # noqa: SIM115
        self._verdicts = array("B")  # for each hit, in the order of the file
        self._reasons = array("I")
        self._codes: dict[str, int] = {}
        self._runs: list[IO[bytes]] = []

    def judge(self, lines: Iterable[bytes]) -> None:
        """Judge all lines; empty ones are passed over."""
        run: list[Evidence] = []
        for hit in self._read(lines):
            run.append(hit)
            if len(run) >= RUN:
                self._put_away(run)
                run = []
        if not self._runs:
            self._keep(run, judge(run, self._networks))
            return
        self._put_away(run)
        for slab in _slabs(heapq.merge(*map(_take_out, self._runs), key=_at)):
            self._judge_slab(*slab)

    def answers(self) -> Iterator[str]:
        """Return a line of JSON for each hit, in the order of the file."""
        reasons = [json.dumps(code) for code in self._codes]
        names = {verdict.value: verdict.name.lower() for verdict in Verdict}
        self._ids.seek(0)
        for number, verdict, reason in zip(self._ids, self._verdicts, self._reasons, strict=True):
            yield (
                f'{{"id": {number.rstrip()}, "verdict": "{names[verdict]}", '
                f'"reason": {reasons[reason]}}}\n'
            )

    def close(self) -> None:
        """Remove what lies on disk."""
        self._ids.close()
        for run in self._runs:
            run.close()

    def _read(self, lines: Iterable[bytes]) -> Iterator[Evidence]:
        """Return the hits whose time is known; the others can only be judged alone."""
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                given, hit = read_line(line, len(self._verdicts))
            except BadLine as error:
                self._complain(number, str(error))
                continue
            self._ids.write(json.dumps(given) + "\n")
            self._verdicts.append(0)
            self._reasons.append(0)
            if hit.at == hit.at:
                yield hit
            else:
                hit = hit._replace(at=0.0)
                self._keep([hit], judge([hit], self._networks))

    def _keep(self, hits: Iterable[Evidence], judgements: Iterable[Judgement]) -> None:
        codes = self._codes
        for hit, (verdict, reason) in zip(hits, judgements, strict=True):
            self._verdicts[hit.id] = verdict
            self._reasons[hit.id] = codes.setdefault(reason, len(codes))

    def _judge_slab(self, hits: list[Evidence], start: int, end: int) -> None:
        judgements = judge(hits, self._networks)
        self._keep(hits[start:end], judgements[start:end])

    def _put_away(self, run: list[Evidence]) -> None:
        run.sort(key=_at)
        file = TemporaryFile()  # noqa: SIM115
        for hit in run:
            pickle.dump(tuple(hit), file)
        file.seek(0)
        self._runs.append(file)


def _take_out(file: IO[bytes]) -> Iterator[Evidence]:
    # Written by this process into a file without a name, so nobody else can have put it there.
    while True:
        try:
            hit: tuple[Any, ...] = pickle.load(file)  # noqa: S301
        except EOFError:
            return
        yield Evidence(*hit)


def _slabs(hits: Iterator[Evidence]) -> Iterator[tuple[list[Evidence], int, int]]:
    """Cut hits, in the order of time, into slabs with what lies around them.

    Return the hits, and where in them the slab's own begin and end.
    """
    held: list[Evidence] = []
    start = 0
    for hit in hits:
        held.append(hit)
        if len(held) - start < RUN:
            continue
        end = _index_before(held, held[-1].at - _AROUND, start)
        if end == start:  # more in these minutes than may be held: cut where we are
            end = len(held) - 1
        yield held, start, end
        first = _index_before(held, held[end].at - _AROUND, 0)
        first = max(first, end - RUN // 2)
        held, start = held[first:], end - first
    yield held, start, len(held)


def _index_before(hits: list[Evidence], at: float, start: int) -> int:
    """Return the first index from `start` on whose hit is not earlier than `at`."""
    low, high = start, len(hits)
    while low < high:
        middle = (low + high) // 2
        if hits[middle].at < at:
            low = middle + 1
        else:
            high = middle
    return low
