"""Group commit: what many readers do in the same few milliseconds is stored in one round trip.

Promise: `Recorder.record` returns when the hit is in the Redis stream or, when Redis is away, on
the disk; it never raises, and takes about APPEND_TIMEOUT at most. A Redis that hangs costs one pack
of readers that time: from then on packs go to the disk, until a check in the background succeeds
and the disk's packs have followed into the stream.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tracking import packs, spool, stream
from tracking.eager import Stored
from tracking.looping import Loop
from tracking.packs import Hit

logger = logging.getLogger(__name__)

LARGEST_PACK = 200  # hits; bounds what ingest has in memory
CHECK_EVERY = 1.0  # seconds between looks at a Redis that is away, or at how full the stream is


class Recorder:
    """Stores the hits of one process. Made and used inside its event loop."""

    def __init__(self, folder: Path) -> None:
        """Spool to `folder` when Redis can't take the hits."""
        self.is_stream_there = True
        self._folder = folder
        self._spool = spool.Spool(folder)
        self._stream = stream.Appender()
        # One thread, so that packs lie on the disk in the order in which they came.
        self._disk = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
        self._hits: list[Hit] = []
        self._stored = _new_group()
        self._arrived = asyncio.Event()
        self._is_closing = False
        self._storing = asyncio.ensure_future(self._store())
        self._watching = Loop(self._watch, CHECK_EVERY)

    def record(self, hit: Hit) -> asyncio.Future[None]:
        """Store a hit. Await the answer before the reader is told anything."""
        if not self._hits:
            self._arrived.set()
        self._hits.append(hit)
        return self._stored

    async def close(self) -> None:
        """Store what has arrived, and stop."""
        self._is_closing = True
        self._arrived.set()
        await self._storing
        await self._watching.stop(within=2)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.seal)
        self._disk.shutdown()
        self._stream.close()

    async def _store(self) -> None:
        # No waiting for more: what comes while one pack is on its way makes the next. So packs
        # are large when it matters, and nobody waits when it is quiet.
        while self._hits or not self._is_closing:
            await self._arrived.wait()
            hits, stored = self._hits, self._stored
            self._hits, self._stored = [], _new_group()
            self._arrived.clear()
            for start in range(0, len(hits), LARGEST_PACK):
                await self._store_pack(hits[start : start + LARGEST_PACK])
            stored.finish()

    async def _store_pack(self, hits: list[Hit]) -> None:
        try:
            pack = packs.encode(hits)
            if not (self.is_stream_there and await self._append(pack)):
                # It may have reached Redis in spite of an error: its id makes the double harmless.
                loop = asyncio.get_running_loop()
                await loop.run_in_executor(self._disk, self._spool.append, [pack])
        except Exception:
            # Neither Redis nor the disk: the readers get their pages all the same.
            logger.exception("%d hits lost: neither Redis nor the spool took them", len(hits))

    async def _append(self, pack: bytes) -> bool:
        try:
            await self._stream.append(pack)
        except stream.AWAY as error:
            self._note_away(error)
            return False
        return True

    async def _watch(self) -> None:
        """Look after the stream: is it back, is it full, is there anything left over to replay?"""
        try:
            await self._stream.check()
            # Before new hits: they are older. And a Redis that is full answers questions, but
            # refuses this; it is not back before it has taken something.
            await self._replay()
        except stream.AWAY as error:
            self._note_away(error)
            return
        if not self.is_stream_there:
            logger.warning("the event stream takes hits again")
            self.is_stream_there = True
            # What came to the disk while the rest was handed on.
            await self._watch()

    async def _replay(self) -> None:
        """Hand on what is on the disk. Raises redis.RedisError."""
        if spool.is_empty(self._folder):
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._spool.seal)
            # Not in the spool's own thread: new hits must reach the disk if Redis goes away again.
            replayed = await asyncio.to_thread(spool.replay, self._folder, stream.append_all)
        except OSError as error:
            # Not of Redis, whose errors are its own: a disk that can't be read must not keep new
            # hits from the stream.
            logger.warning("the spool in %s must wait: %s", self._folder, error)
            return
        if replayed:
            logger.warning("replayed %d packs of hits from the spool", replayed)

    def _note_away(self, error: BaseException) -> None:
        if self.is_stream_there:
            logger.warning(
                "the event stream takes no hits (%s: %s); they go to the spool in %s",
                type(error).__name__,
                error,
                self._folder,
            )
        self.is_stream_there = False


def _new_group() -> Stored:
    return Stored(asyncio.get_running_loop())
