"""What happens this second, in Redis: for the pages and the commands that people watch.

Nothing is decided by it, so losing it does no harm: what is true stands in PostgreSQL. Each run
publishes about once a second, in one round trip, into a hash of that second, which expires. Who
watches adds up the last ten of them. Errors of Redis are said once in the log and then passed over.

Hosts' clocks are compared here; one that is wrong by more than some seconds makes a rate wrong, and
nothing else.
"""

import asyncio
import json
import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import redis
import redis.asyncio
import redis.retry
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

logger = logging.getLogger(__name__)

ALL = 0  # instead of a campaign's id: all campaigns together
WINDOW = 10  # seconds over which rates are taken
FRESH = 4  # seconds; a run that has said nothing for so long no longer counts
KEEP = WINDOW + 5  # seconds until a hash expires
EVERY = 1.0  # seconds between two publications of one run
TIMEOUT = 0.5  # seconds; watching is worth no more
PATIENCE = 5.0  # seconds without a try after Redis failed

_WAITING = "waiting:"
_LIMITED = "limited:"
_RUN = "run:"  # a field that holds a run's gauges
_AWAY = (redis.RedisError, OSError, TimeoutError)

Deltas = Mapping[int, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Live:
    """What a campaign does now. All empty when nothing runs, or Redis knows nothing."""

    servers: dict[int, float] = field(default_factory=dict)  # id: mails accepted a second
    providers: dict[str, float] = field(default_factory=dict)  # slug: mails accepted a second
    waiting: dict[str, int] = field(default_factory=dict)  # slug: mails held for its limit
    # "server:<id>" or "provider:<slug>": when its limit lets more through, in seconds since 1970
    limited: dict[str, float] = field(default_factory=dict)
    runs: int = 0  # worker processes that send for it

    @property
    def per_second(self) -> float:
        """Mails accepted a second, by all servers together."""
        return sum(self.servers.values())


class Publisher:
    """One run's way to those who watch."""

    def __init__(self, redis_url: str) -> None:
        """Prepare to publish to the Redis at `redis_url`. Connects at the first publication."""
        self._redis = redis.asyncio.Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._run = _RUN + uuid.uuid4().hex[:12]
        self._counts: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._gauges: dict[int, dict[str, float]] = {}
        self._not_before = 0.0
        self._has_warned = False

    async def publish(self, deltas: Deltas) -> None:
        """Add what happened since the last call, by campaign. Never raises for Redis's sake.

        "server:<id>" and "provider:<slug>" count mails that were accepted. Two more replace what
        this run said before: "waiting:<slug>", how many mails it holds now for the limit of a
        provider; and "limited:server:<id>" or "limited:provider:<slug>", in how many seconds that
        limit lets more through. May be called at any pace: at most one publication a second leaves,
        with all since the last.
        """
        for campaign_id, fields in deltas.items():
            self._gauges[campaign_id] = {}
            for name, number in fields.items():
                if name.startswith((_WAITING, _LIMITED)):
                    self._gauges[campaign_id][name] = number
                else:
                    self._counts[campaign_id][name] += int(number)
                    self._counts[ALL][name] += int(number)
        if time.monotonic() >= self._not_before:
            await self._send()

    async def close(self) -> None:
        """Publish what is left, and close the connection."""
        if self._counts and not self._has_warned:
            await self._send()
        await self._redis.aclose()

    async def _send(self) -> None:
        second = int(time.time())
        pipe = self._redis.pipeline(transaction=False)
        for campaign_id in {*self._gauges, *self._counts}:
            key = _key(campaign_id, second)
            for name, number in self._counts.get(campaign_id, {}).items():
                if number:
                    pipe.hincrby(key, name, number)
            pipe.hset(key, self._run, json.dumps(self._gauges.get(campaign_id, {})))
            pipe.expire(key, KEEP)
        try:
            async with asyncio.timeout(TIMEOUT):
                await pipe.execute()
            pause = EVERY
        except _AWAY as error:
            pause = PATIENCE
            if not self._has_warned:
                logger.warning("Redis does not take what the pages show live: %s", error)
                self._has_warned = True
        # What Redis did not take is let go: it would show as a rate that never was.
        self._counts.clear()
        self._gauges.clear()
        self._not_before = time.monotonic() + pause


def read(redis_url: str, campaign_id: int = ALL) -> Live:
    """Return what a campaign does now, or all together. One round trip; never raises for Redis."""
    now = time.time()
    seconds = range(int(now) - WINDOW, int(now) + 1)
    try:
        with redis.Redis.from_url(
            redis_url,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            decode_responses=True,
            # The driver's own habit is to wait for seconds and try again; a page waits for this.
            retry=redis.retry.Retry(NoBackoff(), 0),
        ) as client:
            pipe = client.pipeline(transaction=False)
            for second in seconds:
                pipe.hgetall(_key(campaign_id, second))
            hashes: list[dict[str, str]] = pipe.execute()
    except _AWAY:
        return Live()
    return _live(dict(zip(seconds, hashes, strict=True)), now)


def _live(hashes: Mapping[int, Mapping[str, str]], now: float) -> Live:
    counts: dict[str, int] = defaultdict(int)
    gauges: dict[str, tuple[int, dict[str, float]]] = {}  # the newest of each run, and its second
    for second, fields in sorted(hashes.items()):
        for name, value in fields.items():
            if name.startswith(_RUN):
                gauges[name] = second, json.loads(value)
            else:
                counts[name] += int(value)
    fresh = [each for each in gauges.values() if now - each[0] <= FRESH]
    waiting, limited = _gauges(fresh)
    begun = min((second for second, fields in hashes.items() if fields), default=now)
    span = max(1.0, now - begun)

    def rates(kind: str) -> dict[str, float]:
        chosen = {name: count for name, count in counts.items() if name.startswith(kind)}
        return {name.removeprefix(kind): count / span for name, count in chosen.items()}

    return Live(
        servers={int(key): rate for key, rate in rates("server:").items()},
        providers=rates("provider:"),
        waiting={slug: number for slug, number in waiting.items() if number},
        limited={what: until for what, until in limited.items() if until > now},
        runs=len(fresh),
    )


def _gauges(
    runs: Iterable[tuple[int, Mapping[str, float]]],
) -> tuple[dict[str, int], dict[str, float]]:
    waiting: dict[str, int] = defaultdict(int)
    limited: dict[str, float] = defaultdict(float)
    for second, values in runs:
        for name, number in values.items():
            if name.startswith(_WAITING):
                waiting[name.removeprefix(_WAITING)] += int(number)
            else:
                what = name.removeprefix(_LIMITED)
                limited[what] = max(limited[what], second + number)
    return waiting, limited


def _key(campaign_id: int, second: int) -> str:
    return f"live:{campaign_id}:{second}"
