"""Where a link leads: kept in memory, else asked of Redis, else of PostgreSQL.

The edge knows the links of recent campaigns before their first reader clicks: it loads them when
it starts and learns of new ones within LISTEN_EVERY. So a click is answered with both servers away,
unless it is on a link so old that it has left the memory.

Each address is checked when it is learned: only what `as_target` lets through is redirected to.
An address that differs from reader to reader is a template, and checked each time it is resolved.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import psycopg
import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tracking.looping import Loop

logger = logging.getLogger(__name__)

LONGEST = 8192  # characters of an address
MEMORY = 32 * 1024 * 1024  # characters of addresses in one process; the least used go first
LISTEN_EVERY = 2.0  # seconds between looks for newly published campaigns
TIMEOUT = 0.5  # seconds that a reader waits for each server
REST = 2.0  # seconds that a server which failed is left alone
UNKNOWN_FOR = 5.0  # seconds until a link that does not exist is looked for again

_NEWEST = "SELECT id, url FROM tracking_link ORDER BY id DESC LIMIT 20000"
_ONE = "SELECT url FROM tracking_link WHERE id = %s AND campaign_id = %s"

# Characters with no place in an address; a line break in one would start a header of its own.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")


class BadTarget(ValueError):
    """A link may not lead there. The message says why, for the author of the mail."""


class TargetsAway(Exception):
    """Neither Redis nor PostgreSQL could be asked about a link that is not in memory."""


def as_target(url: str) -> str:
    """Return `url` when a Location header may hold it: ASCII, absolute, http or https.

    Raises BadTarget. Names before an @ are refused, because they make one site look like another.
    """
    if len(url) > LONGEST or not url.isascii() or _FORBIDDEN.search(url):
        raise BadTarget(f"too long, or with a blank or foreign character: {url[:80]!r}")
    try:
        parts = urlsplit(url)
        is_plain = parts.hostname and "@" not in parts.netloc and parts.port != 0
    except ValueError as error:
        raise BadTarget(f"{error}: {url[:80]!r}") from None
    if parts.scheme not in ("http", "https") or not is_plain:
        raise BadTarget(f"not a plain http or https address: {url[:80]!r}")
    return url


def is_personal(url: str) -> bool:
    """Say whether a link's address is a template, to be resolved for who clicks (personal.py)."""
    return "{{" in url or "{%" in url


def as_link(url: str) -> str:
    """Return `url` when it is a target, or a template for one. Raises BadTarget."""
    if not is_personal(url):
        return as_target(url)
    if len(url) > LONGEST or "\0" in url:
        raise BadTarget(f"too long, or with a NUL character: {url[:80]!r}")
    return url


def key(campaign_id: int) -> str:
    """Return the Redis hash of a campaign's links: link id -> address."""
    return f"{settings.TRACKING_STREAM}:links:{campaign_id}"


def published_key() -> str:
    """Return the Redis list of campaigns whose links were published, oldest first."""
    return f"{settings.TRACKING_STREAM}:links"


class Targets:
    """The link targets that one edge process knows. Made and used inside its event loop."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, str] = OrderedDict()
        self._size = 0
        self._unknown: dict[int, float] = {}  # link -> until when it needs no second look
        self._searches: dict[int, asyncio.Future[str | None]] = {}
        self._resting: dict[str, float] = {}  # server -> until when it is left alone
        self._published = 0  # how many of the published campaigns are in memory
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._is_warm = False
        self._listening = Loop(self._listen, LISTEN_EVERY)

    def recall(self, link_id: int) -> str | None:
        """Return the address of a link that is in memory."""
        url = self._known.get(link_id)
        if url is not None:
            self._known.move_to_end(link_id)
        return url

    async def find(self, campaign_id: int, link_id: int) -> str | None:
        """Return the address of a link; None when there is no such link. Raises TargetsAway."""
        if url := self.recall(link_id):
            return url
        if self._unknown.get(link_id, 0) > time.monotonic():
            return None
        search = self._searches.get(link_id)
        if search is None:
            # All who ask in the meantime wait for the same search.
            search = asyncio.ensure_future(self._search(campaign_id, link_id))
            self._searches[link_id] = search
            search.add_done_callback(lambda _: self._searches.pop(link_id, None))
        return await asyncio.shield(search)

    async def close(self) -> None:
        """Close the connections."""
        await self._listening.stop(within=2)
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.aclose()

    async def _search(self, campaign_id: int, link_id: int) -> str | None:
        url = await self._ask("Redis", self._from_redis, campaign_id, link_id)
        if url is None:
            url = await self._ask("PostgreSQL", _from_postgresql, campaign_id, link_id)
            if url is None:
                self._note_unknown(link_id)
                return None
            await self._ask("Redis", self._to_redis, campaign_id, link_id, url)
        self._learn({link_id: url})
        return self.recall(link_id)

    async def _ask(
        self, server: str, question: Callable[..., Awaitable[str | None]], *arguments: int | str
    ) -> str | None:
        """Return the answer of a server; None when it has none, or rests after a failure."""
        if self._is_resting(server):
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                return await question(*arguments)
        except (redis.RedisError, psycopg.Error, OSError) as error:
            self._resting[server] = time.monotonic() + REST
            logger.warning("link targets: %s does not answer (%s)", server, type(error).__name__)
            return None

    def _is_resting(self, server: str) -> bool:
        return self._resting.get(server, 0) > time.monotonic()

    def _note_unknown(self, link_id: int) -> None:
        # Only PostgreSQL knows all links, so only its "no" is one.
        if self._is_resting("PostgreSQL"):
            raise TargetsAway
        if len(self._unknown) > 10_000:
            self._unknown.clear()
        self._unknown[link_id] = time.monotonic() + UNKNOWN_FOR

    def _learn(self, urls: Mapping[int, str]) -> None:
        for link_id, url in urls.items():
            try:
                target = as_link(url)
            except BadTarget:
                logger.exception("link %d leads nowhere", link_id)
                continue
            if link_id not in self._known:
                self._size += len(target)
            self._known[link_id] = target
        while self._size > MEMORY:
            self._size -= len(self._known.popitem(last=False)[1])

    async def _from_redis(self, campaign_id: int, link_id: int) -> str | None:
        return cast("str | None", await self._redis.hget(key(campaign_id), str(link_id)))

    async def _to_redis(self, campaign_id: int, link_id: int, url: str) -> None:
        await self._redis.hset(key(campaign_id), str(link_id), url)

    async def _listen(self) -> None:
        """Learn what was published in Redis since the last time; once also from PostgreSQL."""
        with contextlib.suppress(redis.RedisError, OSError):
            await self._learn_published()
        if not self._is_warm:
            with contextlib.suppress(psycopg.Error, OSError):
                async with asyncio.timeout(10 * TIMEOUT):
                    self._learn(await _newest())
                    self._is_warm = True

    async def _learn_published(self) -> None:
        # A shorter list than before is that of an emptied Redis: begin again.
        if await self._redis.llen(published_key()) < self._published:
            self._published = 0
        campaigns = await self._redis.lrange(published_key(), self._published, -1)
        for campaign_id in campaigns[-1000:]:
            urls = await self._redis.hgetall(key(int(campaign_id)))
            self._learn({int(link_id): str(url) for link_id, url in urls.items()})
        self._published += len(campaigns)


async def _newest() -> dict[int, str]:
    connection = await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True)
    async with connection, connection.cursor() as cursor:
        await cursor.execute(_NEWEST)
        # Oldest first, so that the newest are the last to leave the memory.
        return dict(reversed(await cursor.fetchall()))


async def _from_postgresql(campaign_id: int, link_id: int) -> str | None:
    # A connection for each miss: there are few, and none is kept from a server that restarts.
    connection = await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True)
    async with connection, connection.cursor() as cursor:
        await cursor.execute(_ONE, (link_id, campaign_id))
        row = await cursor.fetchone()
        return str(row[0]) if row else None
