"""The limits of one run: what it may send now, without asking Redis for each mail.

Each limit (of a server, a mailbox provider, a campaign) is a gate with some mails left. A task asks
for more several times a second, for all gates in one round trip (pace.py), and gives back what was
not used. A gate without limits is always open and costs nothing.
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from newsletter.sending.pace import GUARD, Buckets, Limits, PaceUnknown, Want

logger = logging.getLogger(__name__)

EVERY = 0.05  # seconds between questions
AHEAD = 0.2  # seconds' worth of mails that are taken at once
MOST = 500  # mails taken at once
UNUSED = GUARD / 2  # seconds after which what is left is given back
AWAY = 1.0  # seconds until Redis is asked again after it did not answer


class Gate:
    """One limit. `left` says how many mails may go before it is asked again."""

    __slots__ = ("_taken_at", "ask_at", "key", "left", "limits", "used", "wait", "wanted")

    def __init__(self, key: str, limits: Limits = Limits()) -> None:  # noqa: B008  (immutable)
        self.key = key
        self.limits = limits
        self.left = math.inf if limits.is_open else 0.0
        self.used: Sequence[tuple[float, int]] = ()  # what went lately (see pace.Want)
        self.wait = 0.0  # seconds until more comes, as it was said last; 0: soon
        self.ask_at = 0.0
        self.wanted = False  # somebody came to a closed gate
        self._taken_at = 0.0

    def change(self, limits: Limits) -> None:
        """Take note of other limits; they hold at once."""
        if limits == self.limits:
            return
        self.limits = limits
        self.left = math.inf if limits.is_open else 0.0
        self.wait = self.ask_at = 0.0

    def lets_through(self) -> bool:
        """Whether a mail may go now; remembers that somebody asked."""
        if self.left >= 1:
            return True
        self.wanted = True
        return False

    @property
    def is_shut(self) -> bool:
        """Whether the limit is reached, rather than just not asked for yet."""
        return self.left < 1 and self.wait > 0

    def seconds(self, now: float) -> float:
        """Return how long until a mail may go; 0 when one may go now, or it is not known yet."""
        return max(0.0, self.ask_at - now) if self.is_shut else 0.0

    def want(self, now: float) -> Want | None:
        """Return what to ask for now, if anything."""
        if self.limits.is_open:
            return None
        if self.left >= 1 and now - self._taken_at > UNUSED:
            count, self.left = int(self.left), 0.0
            return Want(self.key, -count, self.limits)
        if not self.wanted or now < self.ask_at or self.left >= 1:
            return None
        rate = self.limits.rate
        count = MOST if rate is None else max(1, min(MOST, math.ceil(rate * AHEAD)))
        return Want(self.key, count, self.limits, used=self.used)

    def granted(self, want: Want, count: int, wait: float, now: float) -> None:
        """Take an answer."""
        if want.limits != self.limits:
            return  # of before a change; what it granted stays counted
        if want.count > 0:
            self.left += count
            self._taken_at = now
            self.wanted = False
        self.wait = wait if count < want.count else 0.0
        self.ask_at = now + self.wait


class Gates:
    """All gates of a run, and the task that keeps them open."""

    def __init__(self, redis_url: str, opened: Callable[[], None]) -> None:
        """`opened` is called when some gate lets mails through again."""
        self.buckets = Buckets(redis_url)
        self.trouble = ""  # why no limit can be kept to
        self._gates: dict[str, Gate] = {}
        self._opened = opened
        self._task: asyncio.Task[None] | None = None
        self._is_closing = False

    def get(self, key: str, limits: Limits = Limits()) -> Gate:  # noqa: B008  (immutable)
        """Return the gate of `key` with these limits."""
        gate = self._gates.get(key)
        if gate is None:
            gate = self._gates[key] = Gate(key, limits)
        else:
            gate.change(limits)
        if not limits.is_open and self._task is None:
            self._task = asyncio.create_task(self._keep_open())
            self._task.add_done_callback(_say_why)
        return gate

    async def close(self) -> None:
        """Give back what was not used, and stop."""
        self._is_closing = True
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            rest = [
                Want(gate.key, -int(gate.left), gate.limits)
                for gate in self._gates.values()
                if not gate.limits.is_open and gate.left >= 1
            ]
            with suppress(PaceUnknown):  # it stays counted then: the safe side
                await self.buckets.take(rest)
        await self.buckets.close()

    async def _keep_open(self) -> None:
        # The driver may turn a cancellation that comes while it connects into an error of its own.
        while not self._is_closing:
            await asyncio.sleep(EVERY)
            await self._ask()

    async def _ask(self) -> None:
        now = time.monotonic()
        asking = [(gate, want) for gate in self._gates.values() if (want := gate.want(now))]
        if not asking:
            return
        try:
            grants = await self.buckets.take([want for _, want in asking])
        except PaceUnknown as error:
            if not self.trouble:
                logger.warning("mail with a limit waits: %s", error)
            self.trouble = str(error)
            for gate, want in asking:
                gate.granted(want, 0, AWAY, now)
            return
        self.trouble = ""
        for (gate, want), grant in zip(asking, grants, strict=True):
            gate.granted(want, grant.count, grant.wait, now)
        if any(grant.count > 0 for grant in grants):
            self._opened()


def _say_why(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        logger.error("limits are kept no more in this run", exc_info=error)
