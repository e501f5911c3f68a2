"""One worker's run: sends for all campaigns that are due, over all servers, for some seconds.

Promise: a body goes out only after the journal has it, under a lease that still holds. Whatever
happens to this process, everybody without an outcome is either untouched or in the journal.

Mails are handed out at the desk (desk.py), where everything is quick. One coroutine (`run`) does
in turn what takes time: it stores outcomes, reads what people have changed, claims the next batches
while the present ones are still going, opens connections, and ends the run.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from django.conf import settings
from django.utils import timezone

from newsletter.sending import sharing, waiting
from newsletter.sending.books import Books
from newsletter.sending.database import Database
from newsletter.sending.desk import RETURN_DELAY, Desk
from newsletter.sending.gates import Gates
from newsletter.sending.holding import Job
from newsletter.sending.outside import Outside
from newsletter.sending.queue import Queue

logger = logging.getLogger(__name__)

TICK = 0.1  # seconds between looks, when nothing calls for one
SHUTDOWN_GRACE = 8.0  # seconds for what is on the wire, when the process has to stop
RUN_GRACE = 480.0  # the same when only the run's time is over: a server may take ten minutes
GOODBYE = 5.0  # seconds for the journal to end its last note


@dataclass(frozen=True, slots=True)
class Shift:
    """When a run ends of its own accord, and what it is limited to."""

    seconds: float
    is_stopping: Callable[[], bool] = lambda: False
    only: list[int] = field(default_factory=list)  # campaigns; none: all that are due


@dataclass(slots=True)
class Result:
    """What a run did."""

    sent: int = 0
    has_more: bool = False  # somebody should go on at once
    waiting: dict[int, str] = field(default_factory=dict)  # campaign: why it waits


class Engine:
    """Everything that one run holds in memory."""

    def __init__(self, name: str, shift: Shift) -> None:
        """`name`: what we call ourselves to mail servers."""
        self._shift = shift
        self._result = Result()
        self._db = Database(is_stopping=shift.is_stopping)
        self._books = Books(self._db)
        self._desk = Desk(self._books.holds)
        self._gates = Gates(settings.REDIS_URL, self._desk.feed_idle)
        self._outside = Outside(name, self._desk, self._gates, self._db)
        self._desk.look_again = self._outside.look_again
        self._is_stopped = False
        self._stop_at = float("inf")  # when what is still on the wire is given up

    async def run(self) -> Result:
        """Send until there is no more to do, the time is over, or something is in the way."""
        journal: asyncio.Task[None] | None = None
        try:
            await self._refresh()
            if self._desk.queues:
                journal = asyncio.create_task(self._desk.journal.run())
                journal.add_done_callback(lambda _: self._desk.wake.set())
                self._desk.wake.set()  # the first connection is opened at once
                await self._go_on_until(time.monotonic() + self._shift.seconds, journal)
        finally:
            await self._wind_up(journal)
        return self._result

    # --- everything else, in turn -------------------------------------------------------

    async def _go_on_until(self, end: float, journal: asyncio.Task[None]) -> None:
        while self._desk.queues and not journal.done():
            if not self._desk.wake.is_set():
                await self._sleep()
            self._desk.wake.clear()
            if time.monotonic() > self._stop_at + GOODBYE:
                logger.error("some mails came to no end; their batches are given back")
                return
            await self._look(end)
            await self._record()
            await self._refresh()
            await self._claim()
        if journal.done():
            journal.result()

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._desk.wake.wait()
        except TimeoutError:
            pass

    async def _look(self, end: float) -> None:
        """Decide whether and how to go on."""
        now = self._desk.now = time.monotonic()
        if self._shift.is_stopping():
            self._stop(SHUTDOWN_GRACE)
        elif now > end:
            self._result.has_more = self._result.has_more or not self._is_stopped
            self._stop(RUN_GRACE)
        wanted = sum(queue.size for queue in self._desk.queues)
        for lane in self._desk.lanes:
            if now > self._stop_at:
                lane.pool.abort("The worker had to stop before the mail server answered.")
            for refused in await self._outside.tend(lane, max(1, wanted)):
                self._desk.give_on(cast("Job", refused.message))
        sharing.catch_up(self._desk.lanes, now)
        for queue in self._desk.queues:
            self._judge(queue)
        self._desk.let_refusals_count()
        if wanted:
            # Whatever opened a way meanwhile (a limit that was lifted, a pause that is over).
            self._desk.feed_idle()

    def _judge(self, queue: Queue) -> None:
        """Stop a campaign that can't go on for now, and give back what waits for long."""
        if queue.is_stopped:
            return
        if reason := queue.why_it_waits(timezone.now(), self._desk.now):
            queue.waiting, queue.retry_after = reason
            self._desk.stop_queue(queue)
            return
        for job, delay in queue.give_back(self._desk.now, most=10 * self._desk.enough):
            job.hold.returned(job, delay)

    def _stop(self, grace: float) -> None:
        """Begin no more mail; what is on the wire has `grace` seconds to come to an end."""
        self._is_stopped = True
        self._stop_at = min(self._stop_at, time.monotonic() + grace)
        for queue in self._desk.queues:
            self._desk.stop_queue(queue)

    async def _record(self) -> None:
        for hold in await self._books.record():
            self._desk.forget(hold)
            self._books.lose(hold)
        for queue in [queue for queue in self._desk.queues if queue.is_over]:
            await self._leave(queue)

    async def _leave(self, queue: Queue) -> None:
        """Be done with a campaign for now."""
        self._desk.queues.remove(queue)
        self._result.sent += queue.sent
        await self._say_that_it_moves(queue)
        if queue.waits_as_wanted:
            # Somebody may have changed their mind while the last mails were on their way.
            again = queue.why_it_waits(timezone.now(), time.monotonic())
            queue.waiting, queue.retry_after = again or ("", None)
        reason = queue.waiting or next((lane.breaker.refusal for lane in queue.lanes), "")
        if reason and (queue.is_stopped or not queue.sent):
            campaign_id = queue.campaign_id
            self._result.waiting[campaign_id] = reason
            begin = partial(waiting.begin, campaign_id=campaign_id, reason=reason)
            begin = partial(begin, is_usual=queue.waits_as_wanted)
            await self._db.do(partial(begin, seconds=queue.retry_after))

    async def _say_that_it_moves(self, queue: Queue) -> None:
        if queue.sent and not queue.is_known_to_move:
            queue.is_known_to_move = True
            await self._db.do(partial(waiting.end, campaign_id=queue.campaign_id))

    async def _refresh(self) -> None:
        """Read what has changed, about once a second, and publish what has happened."""
        if not self._outside.is_due():
            return
        self._desk.lanes = await self._outside.refresh(self._desk.queues)
        for queue in list(self._desk.queues):
            if not queue.is_running:
                self._desk.stop_queue(queue)
            else:
                await self._say_that_it_moves(queue)
        if not self._is_stopped:
            await self._take_up_what_is_due()

    async def _take_up_what_is_due(self) -> None:
        # What was asked for by its id is tried once: it does not wait for its time.
        only = [one for one in self._shift.only if one not in self._result.waiting]
        if only or not self._shift.only:
            self._desk.queues.extend(await self._outside.newly_due(self._desk.queues, only))

    async def _claim(self) -> None:
        """Claim one more batch for each campaign before the connections run out of mail."""
        for queue in list(self._desk.queues):
            if queue.wants_more(self._desk.enough) and any(lane.is_ready for lane in queue.lanes):
                await self._books.claim(queue, self._outside.group)
                self._desk.wake.set()
                self._desk.feed_idle()

    # --- the end ------------------------------------------------------------------------

    async def _wind_up(self, journal: asyncio.Task[None] | None) -> None:
        """Leave nothing behind. Batches that are still here show that the run stumbled."""
        self._desk.journal.stop()
        self._stop(0)
        if journal is not None:
            await asyncio.wait([journal], timeout=GOODBYE)
        if self._books.holds:
            for lane in self._desk.lanes:
                lane.pool.abort("The worker stumbled before the mail server answered.")
            self._desk.let_refusals_count()
        self._result.sent += sum(queue.sent for queue in self._desk.queues)
        async with AsyncExitStack() as at_last:  # in the reverse order, whatever fails
            at_last.push_async_callback(self._db.close)
            at_last.push_async_callback(self._gates.close)
            at_last.push_async_callback(self._outside.close, self._desk.queues)
            await self._books.give_back(RETURN_DELAY)
