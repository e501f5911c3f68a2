"""Where a link leads: kept in memory, else asked of Redis, else of PostgreSQL, else of the disk.

The edge knows the links of recent campaigns before their first reader clicks: it loads them when
it starts and learns of new ones within LISTEN_EVERY. All that it ever learned is copied to its disk
(tracking/copies.py), so that a click is answered with both servers away, also by an edge that has
only just been started and on a link that has left the memory.

Each address is checked when it is learned: only what `as_target` lets through is redirected to.
An address that differs from reader to reader is a template, and checked each time it is resolved.
"""

import asyncio
import contextlib
import logging
import re
import time
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import redis
import redis.asyncio
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from tracking.copies import Copies
from tracking.looping import Loop

logger = logging.getLogger(__name__)

LONGEST = 8192  # characters of an address
MEMORY = 32 * 1024 * 1024  # characters of addresses in one process; the least used go first
LISTEN_EVERY = 2.0  # seconds between looks for newly published campaigns
TIMEOUT = 0.5  # seconds that a reader waits for each server
REST = 2.0  # seconds that a server which failed is left alone
UNKNOWN_FOR = 5.0  # seconds until a link that does not exist is looked for again

# Whole campaigns, since that is what copies are of; oldest first, so that the newest links are the
# last to leave the memory.
_NEWEST = """
SELECT campaign_id, id, url FROM tracking_link
WHERE campaign_id IN (SELECT campaign_id FROM tracking_link ORDER BY id DESC LIMIT 20000)
ORDER BY id
"""
_CAMPAIGN = "SELECT campaign_id, id, url FROM tracking_link WHERE campaign_id = %s"

Links = dict[int, str]  # id -> address

# Characters with no place in an address; a line break in one would start a header of its own.
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER = re.compile(r"[0-9]{1,19}")  # what anybody put into Redis need not be an id
# A name or an address, and a port. About all else, programs differ in what they take for the host.
_PLACE = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]*)?", re.IGNORECASE)


class BadTarget(ValueError):
    """A link may not lead there. The message says why, for the author of the mail."""


class TargetsAway(Exception):
    """Neither server could be asked about a link that is neither in memory nor on the disk."""


def as_target(url: str) -> str:
    """Return `url` when a Location header may hold it: ASCII, absolute, http or https.

    Raises BadTarget. Names before an @ are refused, because they make one site look like another.
    """
    if len(url) > LONGEST or not url.isascii() or _FORBIDDEN.search(url):
        raise BadTarget(f"too long, or with a blank or foreign character: {url[:80]!r}")
    try:
        parts = urlsplit(url)
        is_plain = _PLACE.fullmatch(parts.netloc) and parts.port != 0
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

    def __init__(self, folder: Path) -> None:
        """Keep copies in `folder`."""
        self._copies = Copies(folder)
        self._uncopied: dict[int, Links] = {}
        self._known: OrderedDict[int, str] = OrderedDict()
        self._size = 0
        self._unknown: dict[int, float] = {}  # link -> until when it needs no second look
        self._searches: dict[int, asyncio.Future[str | None]] = {}
        self._resting: dict[str, float] = {}  # server -> until when it is left alone
        self._published = 0  # how many of the published campaigns are in memory
        self._redis = redis.asyncio.Redis.from_url(
            settings.REDIS_URL,
            decode_responses=True,
            encoding_errors="replace",  # what is no text is no address either
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
        await self._copy()
        with contextlib.suppress(redis.RedisError, OSError):
            await self._redis.aclose()

    async def _search(self, campaign_id: int, link_id: int) -> str | None:
        urls = await self._ask("Redis", self._from_redis, campaign_id)
        if not urls or link_id not in urls:
            urls = await self._ask("PostgreSQL", _from_postgresql, campaign_id)
            if urls is None:
                urls = await asyncio.to_thread(self._copies.read, campaign_id)
                if link_id not in urls:
                    raise TargetsAway
            elif urls:
                await self._ask("Redis", self._to_redis, campaign_id, urls)
        self._learn(campaign_id, urls)
        # Not whatever is in memory under this number: it has to be a link of this campaign.
        url = self.recall(link_id) if link_id in urls else None
        if url is None:
            self._note_unknown(link_id)
        return url

    async def _ask(
        self, server: str, question: Callable[..., Awaitable[Links]], *arguments: Any
    ) -> Links | None:
        """Return the answer of a server; None when it gives none, or rests after a failure."""
        if self._is_resting(server):
            return None
        try:
            async with asyncio.timeout(TIMEOUT):
                return await question(*arguments)
        except Exception as error:  # noqa: BLE001  (whatever it is, the next one is asked)
            self._resting[server] = time.monotonic() + REST
            logger.warning("link targets: %s does not answer (%s)", server, type(error).__name__)
            return None

    def _is_resting(self, server: str) -> bool:
        return self._resting.get(server, 0) > time.monotonic()

    def _note_unknown(self, link_id: int) -> None:
        if len(self._unknown) > 10_000:
            self._unknown.clear()
        self._unknown[link_id] = time.monotonic() + UNKNOWN_FOR

    def _learn(self, campaign_id: int, urls: Mapping[int, str]) -> None:
        good: Links = {}
        for link_id, url in urls.items():
            try:
                good[link_id] = as_link(url)
            except BadTarget:
                logger.exception("link %d leads nowhere", link_id)
        for link_id, target in good.items():
            self._size += len(target) - len(self._known.get(link_id, ""))
            self._known[link_id] = target
        while self._size > MEMORY:
            self._size -= len(self._known.popitem(last=False)[1])
        if good:
            self._uncopied.setdefault(campaign_id, {}).update(good)

    async def _from_redis(self, campaign_id: int) -> Links:
        urls: dict[str, str] = await self._redis.hgetall(key(campaign_id))  # type: ignore[assignment]
        return {int(each): str(url) for each, url in urls.items() if _NUMBER.fullmatch(each)}

    async def _to_redis(self, campaign_id: int, urls: Links) -> Links:
        await self._redis.hset(key(campaign_id), mapping={str(each): urls[each] for each in urls})
        return urls

    async def _listen(self) -> None:
        """Learn what was published in Redis since the last time; once also from PostgreSQL."""
        with contextlib.suppress(redis.RedisError, OSError):
            await self._learn_published()
        if not self._is_warm:
            with contextlib.suppress(psycopg.Error, OSError):
                async with asyncio.timeout(10 * TIMEOUT):
                    for campaign_id, urls in (await _newest()).items():
                        self._learn(campaign_id, urls)
                    self._is_warm = True
        await self._copy()

    async def _learn_published(self) -> None:
        # A shorter list than before is that of an emptied Redis: begin again.
        if await self._redis.llen(published_key()) < self._published:
            self._published = 0
        campaigns = await self._redis.lrange(published_key(), self._published, -1)
        for campaign_id in map(str, campaigns[-1000:]):
            if _NUMBER.fullmatch(campaign_id):
                await self._learn_from_redis(int(campaign_id))
            else:
                logger.warning("link targets: no number among the published: %.40r", campaign_id)
        self._published += len(campaigns)

    async def _learn_from_redis(self, campaign_id: int) -> None:
        try:
            urls = await self._from_redis(campaign_id)
        except redis.ResponseError as error:
            # It answers, so the next campaigns are not kept waiting for what this one lacks.
            logger.warning("link targets: Redis holds none of %d (%s)", campaign_id, error)
        else:
            self._learn(campaign_id, urls)

    async def _copy(self) -> None:
        """Bring to the disk what was learned since the last time."""
        new, self._uncopied = self._uncopied, {}
        if new:
            await asyncio.to_thread(self._copy_now, new)

    def _copy_now(self, new: Mapping[int, Links]) -> None:
        try:
            for campaign_id, urls in new.items():
                self._copies.keep(campaign_id, urls)
            self._copies.forget_oldest()
        except OSError as error:
            logger.warning("link targets: %d campaigns have no copy: %s", len(new), error)


async def _newest() -> dict[int, Links]:
    return _by_campaign(await _query(_NEWEST))


async def _from_postgresql(campaign_id: int) -> Links:
    return _by_campaign(await _query(_CAMPAIGN, campaign_id))[campaign_id]


async def _query(statement: LiteralString, *values: int) -> list[tuple[int, int, str]]:
    # A connection for each miss: there are few, and none is kept from a server that restarts.
    connection = await psycopg.AsyncConnection.connect(settings.DATABASE_URL, autocommit=True)
    async with connection, connection.cursor() as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


def _by_campaign(rows: Iterable[tuple[int, int, str]]) -> dict[int, Links]:
    found: dict[int, Links] = defaultdict(dict)
    for campaign_id, link_id, url in rows:
        found[campaign_id][link_id] = url
    return found
