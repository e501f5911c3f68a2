"""Several chunks on their way into the database at once, committed in their order.

No two of them hold the same address: such chunks follow each other. So they never wait for each
other inside the database, where a wait for one that may not commit yet would not end.
"""

from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier

from django.db import connection


class Abandoned(Exception):
    """A chunk before this one failed, so this one may not be stored."""


class Turn:
    """The place of a chunk in the order of commits."""

    def __init__(self, before: "Future[None] | None") -> None:
        self._before = before

    def wait(self) -> None:
        """Return when every chunk before this one is committed. Raises Abandoned if one can't."""
        if self._before is not None and self._before.exception() is not None:
            raise Abandoned


Work = Callable[[Turn], None]


class Lanes:
    """Threads that store chunks. With a width of 0, chunks are stored where they are submitted."""

    def __init__(self, width: int) -> None:
        self._pool = ThreadPoolExecutor(width, "import") if width else None
        self._width = width
        self._going: deque[tuple[Collection[str], Future[None]]] = deque()
        self._last: Future[None] | None = None

    def submit(self, keys: Collection[str], work: Work) -> None:
        """Have a chunk stored, when a lane is free. Raises what an earlier chunk raised."""
        if self._pool is None:
            work(Turn(None))
            return
        while self._going and (len(self._going) >= self._width or self._shares(keys)):
            self._collect()
        self._last = self._pool.submit(work, Turn(self._last))
        self._going.append((keys, self._last))

    def finish(self) -> None:
        """Return when all chunks are stored. Raises what one of them raised."""
        while self._going:
            self._collect()

    def close(self) -> None:
        """End the threads, and their connections with them."""
        if self._pool is None:
            return
        for _, future in self._going:
            future.cancel()
        # Each thread waits here for the others, so that each closes its own connection.
        together = Barrier(self._width)
        for _ in range(self._width):
            self._pool.submit(self._leave, together)
        self._pool.shutdown()

    def _collect(self) -> None:
        _, future = self._going.popleft()
        future.result()

    def _shares(self, keys: Collection[str]) -> bool:
        mine = set(keys)
        return any(not mine.isdisjoint(others) for others, _ in self._going)

    @staticmethod
    def _leave(together: Barrier) -> None:
        connection.close()
        together.wait()
