"""The readers' own record: a line for every request that has ended, in whichever way.

Fields are divided by tabs: hit, attempt, edge, since when its connection was silent, when it was
sent and when it ended (seconds since 1970), outcome, detail. The clock is the machine's, as the
edges and the judge have it.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.chaos.growing import GrowingFile

RIGHT = "right"  # answered as it had to be
WRONG = "wrong"  # answered otherwise; the detail says how
NONE = "none"  # refused, cut or silent; the detail says which
ANSWERED = (RIGHT, WRONG)


class Line(NamedTuple):
    """One request."""

    hit: int
    attempt: int
    edge: int
    silent_since: float  # the last answer on its connection; when it was sent, on a new one
    sent: float
    ended: float
    outcome: str
    detail: str

    def __str__(self) -> str:
        detail = self.detail.replace("\t", " ").replace("\n", " ")
        return (
            f"{self.hit}\t{self.attempt}\t{self.edge}\t{self.silent_since:.4f}\t{self.sent:.4f}\t"
            f"{self.ended:.4f}\t{self.outcome}\t{detail}\n"
        )


class Tail:
    """Reads a record while it is being written."""

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self.lines: list[Line] = []
        self.answered = 0

    def read(self) -> int:
        """Read on. Returns how many requests were answered by now."""
        for line in parse(self._file.read()):
            self.lines.append(line)
            self.answered += line.outcome in ANSWERED
        return self.answered


def parse(text: str) -> Iterator[Line]:
    """Yield the lines of a record."""
    for line in text.splitlines():
        hit, attempt, edge, silent_since, sent, ended, outcome, detail = line.split("\t")
        moments = map(float, (silent_since, sent, ended))
        yield Line(int(hit), int(attempt), int(edge), *moments, outcome, detail)
