"""The mail server's own record: a line for whatever happened, on disk before the answer goes out.

Fields are divided by tabs: what, wall-clock time, monotonic time, connection, recipient,
Message-ID, monotonic time of the mail's MAIL FROM. Both clocks are in seconds; the monotonic one is
the machine's, so that it can be compared with that of the judge.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tests.chaos.growing import GrowingFile

ACCEPTED = "accepted"
LOST = "lost"  # accepted, and the answer never given
REFUSED = "refused"
DEFERRED = "deferred"
DROPPED = "dropped"  # the place stands where the Message-ID would
RUDE = "rude"  # the client did what the server had not offered
MAILS = (ACCEPTED, LOST)


class Line(NamedTuple):
    """One line of the record."""

    what: str
    wall: float
    at: float
    connection: int
    recipient: str
    detail: str  # the Message-ID, or where a connection was dropped
    begun: float  # when MAIL FROM came


class Writer:
    """Appends to the record. What was flushed survives the end of this process."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        self._lines: list[str] = []

    def add(
        self, what: str, connection: int, recipient: str = "", detail: str = "", begun: float = 0
    ) -> None:
        """Note what happened."""
        self._lines.append(
            f"{what}\t{time.time():.6f}\t{time.monotonic():.6f}\t{connection}\t{recipient}\t"
            f"{detail}\t{begun:.6f}\n"
        )

    def flush(self) -> None:
        """Hand what was noted to the kernel."""
        if self._lines:
            os.write(self._file, "".join(self._lines).encode())
            self._lines.clear()


class Tail:
    """Reads a record while it is being written."""

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self.lines: list[Line] = []
        self.mails = 0  # accepted so far
        self.last_at = 0.0  # when the last mail was accepted

    def read(self) -> int:
        """Read on. Returns how many mails were accepted by now."""
        for line in parse(self._file.read()):
            self.lines.append(line)
            if line.what in MAILS:
                self.mails += 1
                self.last_at = line.at
        return self.mails


def parse(text: str) -> Iterator[Line]:
    """Yield the lines of a record."""
    for line in text.splitlines():
        what, wall, at, connection, recipient, detail, begun = line.split("\t")
        yield Line(what, float(wall), float(at), int(connection), recipient, detail, float(begun))
