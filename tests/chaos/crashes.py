"""Who may be in doubt because a worker and PostgreSQL's journal were lost together.

The journal's table is unlogged: a crash empties it. A worker that lives writes its part anew; one
that is dead, or stopped, can't, and then everybody in the batches that it held is in doubt. That is
said of two failures that fall together, and of nothing else, so it is counted apart: a crash alone,
or a kill alone, adds nobody here.
"""

import threading
from contextlib import suppress

import psycopg

from tests.chaos.stage import LEASE
from tests.chaos.trouble import Kind

# A run that lives renews the lease of its batches every LEASE / 4.
SILENT = LEASE / 2  # seconds without that after which its worker counts as lost
WRITTEN_ANEW = 2.0  # seconds after PostgreSQL is back until each worker surely has its part again
# One that gets a SIGTERM lives until it has given everything back.
LOST = (Kind.KILL_CHILD, Kind.KILL_TREE, Kind.FREEZE)

_HELD = """
    SELECT sum(size - taken_back - sent - failed - skipped - in_doubt)::int,
           min(lease_until) < now() + %s * interval '1 second'
    FROM newsletter_batch WHERE state = 'claimed' GROUP BY run
"""


class Crashes:
    """Watches what runs hold, and adds up what crashes put at risk."""

    def __init__(self, url: str) -> None:
        """`url`: the database's."""
        self._url = url
        self._lock = threading.Lock()
        self._windows: list[tuple[float, float]] = []
        self._orphans = 0
        self.most = 0  # people without an outcome that one run was seen to hold

    def look(self) -> int:
        """Count what runs hold just now; return what those hold that were lost already.

        0 when the database is away.
        """
        with suppress(psycopg.OperationalError):
            with psycopg.connect(self._url, connect_timeout=2) as connection:
                rows = connection.execute(_HELD, [LEASE - SILENT]).fetchall()
            with self._lock:
                self.most = max([self.most, *(held for held, _ in rows)])
            return sum(held for held, is_lost in rows if is_lost)
        return 0

    def is_coming(self) -> None:
        """Count what is nobody's at the moment before a crash."""
        self._orphans += self.look()

    def happened(self, begun: float, back: float) -> None:
        """Take note of a crash (moments on the monotonic clock)."""
        self._windows.append((begun - SILENT, back + WRITTEN_ANEW))

    def beside(self, kills: list[tuple[float, Kind]]) -> int:
        """Return how many workers were lost beside a crash: (moment, kind) for each kill."""
        lost = [at for at, kind in kills if kind in LOST]
        return sum(any(begin < at < end for begin, end in self._windows) for at in lost)

    def people(self, kills: list[tuple[float, Kind]]) -> int:
        """Return how many people may be in doubt for workers and journal lost together."""
        return self._orphans + self.most * self.beside(kills)
