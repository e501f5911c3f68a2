"""Loops in the background of an event loop that end when they are told to.

Not by cancelling: the drivers of Redis and PostgreSQL sometimes turn a cancellation that comes
while they connect into an error of their own, and the loop would go on for ever.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

logger = logging.getLogger(__name__)


class Loop:
    """Calls `work` every `seconds`, beginning at once, until `stop`."""

    def __init__(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        self._work = work
        self._seconds = seconds
        self._stopping = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    async def stop(self, within: float) -> None:
        """Finish the call in hand. One that takes longer than `within` seconds is abandoned."""
        self._stopping.set()
        _, late = await asyncio.wait([self._task], timeout=within)
        for task in late:
            task.cancel()

    async def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._work()
            except Exception:
                # Nobody waits for this task, so an error would end it without a word: hits would
                # never come back from the disk, or no new link be learned.
                logger.exception("background work failed, and is tried again")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._stopping.wait()
