"""One worker's run at one campaign: keeps several connections busy for some seconds.

Promise: a body goes out only after the journal has it, under a lease that still holds. Whatever
happens to this process, everybody without an outcome is either untouched or in the journal.

Connections ask for mails (`feed`), the journal says which may go (`_noted`), connections say what
became of them (`settle`). One coroutine (`run`) does everything else in turn: it stores outcomes,
claims the next batch while the present one is still going, opens connections, and ends the run.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import cast

from django.conf import settings

from newsletter.composing import RenderError
from newsletter.sending import batches, waiting
from newsletter.sending.breaker import Breaker
from newsletter.sending.connection import Connection, Unreachable
from newsletter.sending.content import Content
from newsletter.sending.database import Database
from newsletter.sending.holding import Hold, Job, Row
from newsletter.sending.journal import Journal
from newsletter.sending.pool import Pool
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Message, Outcome

TICK = 0.1  # seconds between looks, when nothing calls for one
RECORD_EVERY = 0.25  # seconds
RECHECK_EVERY = 1.0  # seconds between looks at consent, for those whose turn has not come
SHUTDOWN_GRACE = 8.0  # seconds for what is on the wire, when the process has to stop
RUN_GRACE = 480.0  # the same when only the run's time is over: a server may take ten minutes
MOST_TRIES = 3  # connections that a mail is offered to in one claim
GOODBYE = 5.0  # seconds for the journal to end its last note
RETURN_DELAY = 5.0  # seconds until a mail that no connection took is claimed again


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run ends of its own accord."""

    seconds: float
    is_stopping: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Result:
    """What a run did."""

    sent: int = 0
    has_more: bool = False  # somebody should go on with this campaign at once
    waiting: str = ""  # why the campaign waits


class Engine:
    """Everything that one run holds in memory."""

    def __init__(self, content: Content, server: Endpoint, name: str, limits: Limits) -> None:
        self._content = content
        self._limits = limits
        self._result = Result()
        self._pool = Pool(server, name, self, settings.SEND_CONNECTIONS)
        self._journal = Journal(self._noted)
        self._db = Database()
        self._breaker = Breaker()
        self._holds: list[Hold] = []
        self._ready: deque[Job] = deque()
        self._enough = settings.SEND_BATCH_SIZE  # jobs in memory that need no further claim
        self._wake = asyncio.Event()
        self._is_stopped = False
        self._stop_at = float("inf")  # when what is still on the wire is given up
        self._has_claimed_all = False
        self._rechecked_at = 0.0
        self._has_said_so = False  # that the campaign waits no more

    async def run(self) -> Result:
        """Send until there is no more to do, the time is over, or something is in the way."""
        end = time.monotonic() + self._limits.seconds
        # Before anything is claimed: when the server is down, no batch changes hands.
        if not await self._has_connection():
            await self._db.close()
            return self._result
        journal = asyncio.create_task(self._journal.run())
        journal.add_done_callback(lambda _: self._wake.set())
        try:
            await self._go_on_until(end, journal)
        finally:
            await self._wind_up(journal)
        return self._result

    # --- for the connections ------------------------------------------------------------

    def feed(self, connection: Connection) -> None:
        """Offer mails while the conversation wants some."""
        conversation = connection.conversation
        while self._ready and conversation.wants:
            job = self._ready.popleft()
            job.begin(connection)
            try:
                job.mail = self._content.render(job.person)
            except RenderError as error:
                job.hold.ended(job, Verdict.REFUSED, Reply(0, str(error)))
                continue
            self._journal.ask(job)
            for outcome in conversation.offer(job):
                self.settle(outcome)
        if len(self._ready) < self._enough and not self._has_claimed_all:
            self._wake.set()

    def settle(self, outcome: Outcome) -> None:
        """Take the end of one message."""
        job = cast("Job", outcome.message)
        hold = job.hold
        if hold.is_lost:
            return
        if outcome.verdict is Verdict.SENT:
            hold.sent(job)
            self._journal.accepted(job)
            self._result.sent += 1
            for refusal in self._breaker.accepted():
                self._end(refusal)
        elif self._may_try_again(job, outcome):
            hold.leave_row(job)
            job.connection = None
            self._ready.appendleft(job)
        else:
            if outcome.verdict is not Verdict.IN_DOUBT:
                self._journal.free(job)
            if not self._breaker.holds_back(outcome):
                self._end(outcome)
        if hold.is_over or self._breaker.reason:
            self._wake.set()

    def closed(self, connection: Connection) -> None:
        """Take note that a connection is gone."""
        self._pool.closed(connection)
        self._wake.set()

    def permits(self, message: Message) -> bool:
        """Whether a body may go out: not when our lease is over, for example after a long stop."""
        hold = cast("Job", message).hold
        return not hold.is_lost and time.monotonic() < hold.deadline

    def _may_try_again(self, job: Job, outcome: Outcome) -> bool:
        is_ours = outcome.verdict is Verdict.RETURNED and outcome.reply.code == 0
        return is_ours and not (self._is_stopped or job.withdrawn or job.tries >= MOST_TRIES)

    def _end(self, outcome: Outcome) -> None:
        job = cast("Job", outcome.message)
        if outcome.verdict is Verdict.RETURNED:
            job.hold.returned(job)
            job.hold.delay = max(job.hold.delay, RETURN_DELAY)
        else:
            job.hold.ended(job, outcome.verdict, outcome.reply)

    # --- for the journal ----------------------------------------------------------------

    def _noted(self, hold: Hold, jobs: list[Job], row: Row | None, may_go: bool) -> None:
        if row is not None:
            hold.noted(jobs, row)
        if row is None or (jobs and not may_go):
            # Taken over, paused or cancelled: the end of this run in any case.
            self._stop(SHUTDOWN_GRACE, has_more=True)
        if hold.is_over:
            self._wake.set()
        for job in jobs:
            connection = job.connection
            if connection is None or job.is_settled:
                continue
            conversation = connection.conversation
            answer = conversation.release if may_go else conversation.withdraw
            connection.pump(answer(job))

    # --- everything else, in turn -------------------------------------------------------

    async def _has_connection(self) -> bool:
        first = asyncio.create_task(self._pool.first())
        while not (first.done() or self._limits.is_stopping()):
            await asyncio.wait([first], timeout=TICK)
        first.cancel()
        try:
            await first
        except asyncio.CancelledError:
            return False
        except Unreachable as error:
            await self._begin_waiting(str(error))
            return False
        return True

    async def _go_on_until(self, end: float, journal: asyncio.Task[None]) -> None:
        while not (self._is_finished() or journal.done()):
            if not self._wake.is_set():
                await self._sleep()
            self._wake.clear()
            self._look(end)
            await self._record()
            await self._recheck()
            await self._claim()
        if journal.done():
            journal.result()

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _is_finished(self) -> bool:
        return not self._holds and (self._is_stopped or self._has_claimed_all)

    def _look(self, end: float) -> None:
        """Decide whether to go on."""
        now = time.monotonic()
        if self._result.sent:
            self._pool.widen()
        self._pool.tend(wanted=len(self._ready))
        if trouble := self._breaker.reason or self._pool.trouble:
            self._result.waiting = trouble
            self._stop(RUN_GRACE)
        elif self._limits.is_stopping():
            self._stop(SHUTDOWN_GRACE)
        elif now > end:
            self._stop(RUN_GRACE, has_more=True)
        if now > self._stop_at:
            self._pool.abort("The worker had to stop before the mail server answered.")
        self._let_refusals_count()

    def _stop(self, grace: float, *, has_more: bool = False) -> None:
        """Begin no more mail; what is on the wire has `grace` seconds to come to an end."""
        self._stop_at = min(self._stop_at, time.monotonic() + grace)
        if self._is_stopped:
            return
        self._is_stopped = True
        self._result.has_more = has_more
        while self._ready:
            job = self._ready.popleft()
            job.hold.returned(job)
        self._wake.set()

    def _let_refusals_count(self) -> None:
        """Settle the refusals that were held back, as soon as it is known what they mean."""
        if self._breaker.reason:
            for refusal in self._breaker.take():
                job = cast("Job", refusal.message)
                job.hold.returned(job)
                # Other batches first: what they are told shows whether it was this one.
                job.hold.delay = max(job.hold.delay, RETURN_DELAY)
            return
        # When nothing else is to come that could show whether the server takes mail at all.
        is_last = self._is_stopped or self._has_claimed_all
        if is_last and sum(hold.open for hold in self._holds) == self._breaker.count:
            for refusal in self._breaker.take():
                self._end(refusal)

    async def _record(self) -> None:
        now = time.monotonic()
        if self._result.sent and not self._has_said_so:
            self._has_said_so = True
            await self._db.do(partial(waiting.end, campaign_id=self._content.campaign_id))
        for hold in list(self._holds):
            if hold.is_over:
                await self._store(hold, partial(batches.close, delay=hold.delay))
                self._holds.remove(hold)
            elif hold.is_due(now):
                if await self._store(hold, batches.record):
                    hold.renewed(now)
                else:
                    self._lose(hold)

    async def _store(self, hold: Hold, work: Callable[..., Awaitable[bool]]) -> bool:
        """Store what is known of a batch. Returns whether it is still ours."""
        record = hold.take_record()
        try:
            return await self._db.do(partial(work, claim=hold.claim, record=record))
        except BaseException:
            hold.put_back(record)
            raise

    def _lose(self, hold: Hold) -> None:
        """Another worker has this batch now: forget everything about it."""
        hold.is_lost = True
        self._holds.remove(hold)
        self._ready = deque(job for job in self._ready if job.hold is not hold)
        self._breaker.forget(lambda refusal: cast("Job", refusal.message).hold is hold)

    async def _recheck(self) -> None:
        """Skip those who have left or were suppressed since their batch was claimed."""
        now = time.monotonic()
        if not self._ready or now - self._rechecked_at < RECHECK_EVERY:
            return
        self._rechecked_at = now
        ids = [job.subscriber_id for job in self._ready]
        check = partial(batches.no_longer_allowed, people=ids, list_ids=self._content.list_ids)
        gone = await self._db.do(check)
        for job in [job for job in self._ready if job.subscriber_id in gone]:
            self._ready.remove(job)
            job.hold.skipped(job, gone[job.subscriber_id])

    async def _claim(self) -> None:
        """Claim one more batch before the connections run out of mail."""
        if self._is_stopped or self._has_claimed_all or len(self._ready) >= self._enough:
            return
        begun = time.monotonic()
        claim = await self._db.do(partial(batches.claim, campaign_id=self._content.campaign_id))
        if claim is None:
            self._has_claimed_all = True
            return
        hold = Hold(claim, settings.SEND_LEASE, settings.SEND_RETRIES)
        hold.renewed(begun)
        # Kept before its people are known: whatever happens now, it is given back.
        self._holds.append(hold)
        lists = self._content.list_ids
        for who in await self._db.do(partial(batches.recipients, claim=claim, list_ids=lists)):
            job = Job(hold, who)
            hold.open += 1
            if who.skip:
                hold.skipped(job, who.skip)
            else:
                self._ready.append(job)
        self._wake.set()
        for connection in list(self._pool.connections):
            connection.pump([])

    # --- the end ------------------------------------------------------------------------

    async def _wind_up(self, journal: asyncio.Task[None]) -> None:
        """Leave nothing behind. Batches that are still here show that the run stumbled."""
        self._journal.stop()
        self._stop(0)
        await asyncio.wait([journal], timeout=GOODBYE)
        if self._holds:
            self._pool.abort("The worker stumbled before the mail server answered.")
            self._let_refusals_count()
        try:
            stumbled = partial(batches.close, delay=RETURN_DELAY, is_orderly=False)
            for hold in self._holds:
                await self._store(hold, stumbled)
            if reason := self._result.waiting or self._breaker.refusal:
                await self._begin_waiting(reason)
        finally:
            await self._pool.close()
            await self._db.close()

    async def _begin_waiting(self, reason: str) -> None:
        self._result.waiting = reason
        campaign_id = self._content.campaign_id
        await self._db.do(partial(waiting.begin, campaign_id=campaign_id, reason=reason))
