"""How much may be sent now: buckets and leases in Redis, shared by all workers.

Promise: over all workers together, never more than the limit in any rolling minute, hour or day,
and in any second never more than the rate, a tenth of it, and one. A grant has to be used or given
back within GUARD seconds; what a worker takes and never uses, because it died, stays counted. All
times are those of Redis, so workers' clocks do not matter.

A limit comes with each question, so a changed one holds at once. Redis is asked once for any number
of keys. When it does not answer, nothing with a limit may be sent (PaceUnknown).
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

PREFIX = "pace:"
GUARD = 2.0  # seconds; pace.lua counts a mail for so much longer than its window
LEASE = 10.0  # seconds that connections are kept for a run that does not ask again
TIMEOUT = 2.0  # seconds for an answer of Redis
HOUR = 3600  # seconds
# The longest time for which pace.lua counts a mail against the minute.
_MINUTE = 60 + GUARD + 1
# Takers that were refused together would ask in the same order for ever, the first taking all.
_SPREAD = 0.05  # seconds

_AWAY = (redis.RedisError, OSError, TimeoutError)
_SCRIPTS = Path(__file__).parent


class PaceUnknown(Exception):
    """Redis does not answer, so nobody knows what may be sent. Wait with what has a limit."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Mails for each span of time; None where there is no limit. Nought lets nothing through."""

    per_second: float | None = None
    per_minute: float | None = None
    per_hour: float | None = None
    per_day: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether there is no limit at all."""
        return (
            self.per_second is None
            and self.per_minute is None
            and self.per_hour is None
            and self.per_day is None
        )

    @property
    def rate(self) -> float | None:
        """Mails a second at which the mails come; a minute's mails are spread over the minute."""
        rates = [
            rate
            for rate in (self.per_second, self.per_minute and self.per_minute / _MINUTE)
            if rate is not None
        ]
        return min(rates, default=None)


@dataclass(frozen=True, slots=True)
class Want:
    """A question: may `count` mails go under `key`?

    A negative `count` gives back what was granted and not used. With `force` all are granted, and
    counted, so that others wait for them. `used` says what is known to have gone out lately (pairs
    of the beginning of an hour, in seconds since 1970, and mails); it is read only when Redis knows
    nothing of the hour or the day, after it lost its data or when a limit is new.
    """

    key: str
    count: int
    limits: Limits
    force: bool = False
    used: Sequence[tuple[float, int]] = field(default=())


@dataclass(frozen=True, slots=True)
class Grant:
    """An answer: `count` mails may go; more is worth asking after `wait` seconds (0: all went)."""

    count: int
    wait: float = 0.0


class Buckets:
    """One connection to Redis, for one event loop. Connects when first asked, and again if need be.

    `clock` replaces the time of Redis (tests): it returns seconds.
    """

    def __init__(self, redis_url: str, *, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        self._client = redis.asyncio.Redis.from_url(
            redis_url,
            single_connection_client=True,
            socket_timeout=TIMEOUT,
            socket_connect_timeout=TIMEOUT,
            # Once more, for a connection that Redis closed because nobody used it.
            retry=Retry(NoBackoff(), 1),
        )
        self._take = self._client.register_script((_SCRIPTS / "pace.lua").read_text())
        self._lease = self._client.register_script((_SCRIPTS / "leases.lua").read_text())

    async def take(self, wants: Sequence[Want]) -> list[Grant]:
        """Answer all of `wants`, each for itself, in one round trip. Raises PaceUnknown.

        What has no limits is granted without asking Redis. `wait` looks only at the limits of
        now: whoever waits for long should look again when they may have changed.
        """
        asked = [want for want in wants if not want.limits.is_open]
        answers = iter(await self._ask(asked) if asked else [])
        return [
            Grant(want.count) if want.limits.is_open else _grant(*next(answers)) for want in wants
        ]

    async def give_back(self, key: str, count: int, limits: Limits) -> None:
        """Return `count` mails that were granted within the last GUARD seconds and did not go.

        Raises PaceUnknown; they stay counted then.
        """
        await self.take([Want(key, -count, limits)])

    async def connections(
        self, key: str, run_id: str, wanted: int, limit: int, holding: int | None = None
    ) -> int:
        """Return how many connections a run may have under `key`. Raises PaceUnknown.

        Ask once a second: the answer holds for LEASE seconds, and shrinks when other runs come.
        Surplus is to be closed before asking again, or `holding` says how many are still open: they
        count against the limit. `wanted=0` says that all are closed, and frees them at once.
        """
        arguments = [self._now(), run_id, wanted, "" if holding is None else holding, limit, LEASE]
        return int(await self._run(self._lease, [f"{PREFIX}{key}:connections"], arguments))

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _ask(self, wants: Sequence[Want]) -> Any:
        questions = json.dumps([_question(want) for want in wants])
        keys = [PREFIX + want.key for want in wants]
        return await self._run(self._take, keys, [self._now(), questions])

    async def _run(self, script: Any, keys: list[str], arguments: list[Any]) -> Any:
        try:
            return await script(keys=keys, args=arguments)
        except _AWAY as error:
            raise PaceUnknown(f"Redis does not say what may be sent: {error}") from error

    def _now(self) -> str:
        return repr(self._clock()) if self._clock else ""


def _question(want: Want) -> dict[str, Any]:
    limits = want.limits
    question = {
        "count": want.count,
        "force": want.force,
        "rate": limits.rate,
        "minute": limits.per_minute,
        "hour": limits.per_hour,
        "day": limits.per_day,
        # At the end of their hour, as nobody knows when in it they went.
        "used": [(hour + HOUR - 1, mails) for hour, mails in want.used],
    }
    return {name: value for name, value in question.items() if value is not None}


def _grant(count: int, wait: bytes) -> Grant:
    seconds = float(wait)
    return Grant(count, seconds and seconds + random.uniform(0, _SPREAD))  # noqa: S311 (no secret)
