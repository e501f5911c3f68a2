"""The Redis stream between edge and ingest. The only module that speaks stream commands.

Promise: a pack that was appended stays in the stream until `acknowledge`, whoever dies. The stream
is never trimmed; when it holds more than TRACKING_STREAM_LIMIT, or Redis is short of memory, the
edge is told so and writes to its spool instead.
"""

import asyncio
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple, cast

import hiredis
import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracking.pipe import Pipe

GROUP = "ingest"
FIELD = b"pack"
APPEND_TIMEOUT = 0.4  # seconds; a reader waits for this before the pack goes to the spool
READ_TIMEOUT = 10.0  # seconds; above BLOCK, or each quiet moment would look like an outage
BLOCK = 1000  # milliseconds that a read waits for something new
DEAD_AFTER = 30_000  # milliseconds after which a silent consumer's packs are given to another

_AT_ONCE = 100  # packs that were set aside, in memory
_BEHIND_COMMAND = " of pipeline caused error: "  # in a message of redis-py

# What the callers treat alike: Redis is not there, refuses, or hangs.
AWAY = (redis.RedisError, OSError, TimeoutError)


class StreamFull(redis.RedisError):
    """The stream holds more than TRACKING_STREAM_LIMIT: ingest is behind, or away."""


class Entry(NamedTuple):
    """A pack as it lies in the stream."""

    id: bytes
    pack: bytes | None  # None: removed before it was acknowledged


class Backlog(NamedTuple):
    """How far ingest is behind."""

    packs: int  # in the stream
    pending: int  # of these, read but not yet acknowledged
    oldest: float  # seconds since the oldest was appended; 0.0 when there is none
    set_aside: int = 0  # packs that could not be stored, apart from the others


class Appender:
    """The edge's own connection. Gives up quickly, and never tries again by itself."""

    def __init__(self) -> None:
        self._pipe: Pipe | None = None
        self._connecting = asyncio.Lock()
        name = settings.TRACKING_STREAM.encode()
        self._head = b"*5\r\n$4\r\nXADD\r\n$%d\r\n%b\r\n$1\r\n*\r\n$4\r\n%b\r\n" % (
            len(name),
            name,
            FIELD,
        )

    async def append(self, pack: bytes) -> None:
        """Store one pack. Raises one of AWAY; the pack may then have arrived all the same."""
        await self._ask(b"%b$%d\r\n%b\r\n" % (self._head, len(pack), pack))

    async def check(self) -> None:
        """Return when the stream can take packs. Raises one of AWAY, which StreamFull is too."""
        question: Any = ("MEMORY", "USAGE", settings.TRACKING_STREAM, "SAMPLES", "10")
        _refuse_when_full(await self._ask(hiredis.pack_command(question)))

    def close(self) -> None:
        """Close the connection."""
        if self._pipe:
            self._pipe.close()

    async def _ask(self, command: bytes) -> Any:
        if self._pipe and self._pipe.is_open:
            return await self._pipe.ask(command, APPEND_TIMEOUT)
        try:
            async with asyncio.timeout(APPEND_TIMEOUT):
                return await (await self._connect()).ask(command, APPEND_TIMEOUT)
        except TimeoutError:
            self.close()
            raise redis.TimeoutError(f"no connection within {APPEND_TIMEOUT} s") from None

    async def _connect(self) -> Pipe:
        async with self._connecting:
            if self._pipe is None or not self._pipe.is_open:
                self._pipe = await Pipe.connect(settings.REDIS_URL, APPEND_TIMEOUT)
            return self._pipe


@cache
def client() -> redis.Redis:
    """Return this process's connections, for everything but the edge's appends."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=READ_TIMEOUT,
        socket_connect_timeout=2.0,
        retry=Retry(NoBackoff(), 0),
    )


def append_all(packs: Iterable[bytes]) -> None:
    """Store packs in their order, as one. Raises one of AWAY, and then none or all have arrived."""
    _refuse_when_full(client().memory_usage(settings.TRACKING_STREAM, samples=10))
    with client().pipeline(transaction=True) as pipeline:
        for pack in packs:
            pipeline.xadd(settings.TRACKING_STREAM, {FIELD: pack})
        try:
            pipeline.execute()
        except redis.ResponseError as error:
            # Its message holds the whole command: whose hits they are is not for a log.
            raise type(error)(str(error).rpartition(_BEHIND_COMMAND)[2]) from None


def create_group() -> None:
    """Make the consumer group when it is missing, so that it reads from the very first pack."""
    if _has_group():
        # Not tried again and again: a Redis that is full refuses that, and who comes to empty it
        # would wait for ever.
        return
    try:
        client().xgroup_create(settings.TRACKING_STREAM, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def read_own(consumer: str, limit: int) -> list[Entry]:
    """Return up to `limit` packs that `consumer` was given before and has not acknowledged."""
    return _read(consumer, "0", limit, block=None)


def read_new(consumer: str, limit: int) -> list[Entry]:
    """Return up to `limit` packs that nobody was given yet; waits up to BLOCK for the first."""
    return _read(consumer, ">", limit, block=BLOCK)


def take_over(consumer: str, limit: int) -> list[Entry]:
    """Give `consumer` up to `limit` packs of consumers that have been silent for DEAD_AFTER."""
    answer: Any = client().xautoclaim(
        settings.TRACKING_STREAM, GROUP, consumer, min_idle_time=DEAD_AFTER, count=limit
    )
    return _entries(answer[1])


def acknowledge(entries: list[Entry]) -> None:
    """Remove packs that are stored elsewhere. Both commands or none, so that nothing lies about."""
    ids = [entry.id for entry in entries]
    with client().pipeline(transaction=True) as pipeline:
        pipeline.xack(settings.TRACKING_STREAM, GROUP, *ids)
        pipeline.xdel(settings.TRACKING_STREAM, *ids)
        pipeline.execute()


def set_aside(entry: Entry, reason: str) -> None:
    """Move a pack that can't be stored to a stream of its own, for a person to look at."""
    with client().pipeline(transaction=True) as pipeline:
        pipeline.xadd(dead_letters(), {FIELD: entry.pack or b"", b"reason": reason.encode()})
        pipeline.xack(settings.TRACKING_STREAM, GROUP, entry.id)
        pipeline.xdel(settings.TRACKING_STREAM, entry.id)
        pipeline.execute()


def dead_entries() -> Iterator[Entry]:
    """Yield the packs that are set aside by now, the oldest first. Raises one of AWAY."""
    newest: Any = client().xrevrange(dead_letters(), count=1)
    if not newest:
        return
    start = "-"
    while rows := cast("Any", client().xrange(dead_letters(), start, newest[0][0], _AT_ONCE)):
        yield from _entries(rows)
        start = f"({rows[-1][0].decode()}"


def forget_dead(entry: Entry) -> None:
    """Remove a pack that was set aside, and is stored."""
    client().xdel(dead_letters(), entry.id)


def dead_letters() -> str:
    """Return the name of the stream of packs that were set aside."""
    return f"{settings.TRACKING_STREAM}:dead"


def backlog() -> Backlog:
    """Return how much waits to be stored. Raises one of AWAY."""
    with client().pipeline(transaction=True) as pipeline:
        pipeline.xlen(settings.TRACKING_STREAM)
        pipeline.xpending(settings.TRACKING_STREAM, GROUP)
        pipeline.xrange(settings.TRACKING_STREAM, count=1)
        pipeline.time()
        pipeline.xlen(dead_letters())
        packs, pending, oldest, (seconds, microseconds), dead = pipeline.execute()
    if not oldest:
        return Backlog(packs, pending["pending"], 0.0, dead)
    added = int(oldest[0][0].partition(b"-")[0]) / 1000
    return Backlog(packs, pending["pending"], max(0.0, seconds + microseconds / 1e6 - added), dead)


def _has_group() -> bool:
    try:
        groups: Any = client().xinfo_groups(settings.TRACKING_STREAM)
    except redis.ResponseError:
        return False  # there is no stream yet
    return any(group["name"] == GROUP.encode() for group in groups)


def _read(consumer: str, start: str, limit: int, block: int | None) -> list[Entry]:
    answer: Any = client().xreadgroup(
        GROUP, consumer, {settings.TRACKING_STREAM: start}, count=limit, block=block
    )
    if not answer:
        return []
    [(_, entries)] = answer
    return _entries(entries)


def _entries(rows: list[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    return [Entry(row_id, (fields or {}).get(FIELD)) for row_id, fields in rows]


def _refuse_when_full(answer: Any) -> None:
    used = cast("int | None", answer)
    if used is not None and used > settings.TRACKING_STREAM_LIMIT:
        raise StreamFull(f"the stream holds {used} bytes: is ingest running?")
