"""One worker's run: sends for all campaigns that are due, over all servers, for some seconds.

Promise: a body goes out only after the journal has it, under a lease that still holds. Whatever
happens to this process, everybody without an outcome is either untouched or in the journal.

Connections ask for mails (`feed`), the journal says which may go (`_noted`), connections say what
became of them (`settle`). One coroutine (`run`) does everything else in turn: it stores outcomes,
reads what people have changed, claims the next batches while the present ones are still going,
opens connections, and ends the run. Campaigns take turns mail by mail, so they share fairly.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from django.conf import settings
from django.utils import timezone

from newsletter.composing import RenderError
from newsletter.sending import refusals, sharing, waiting
from newsletter.sending.books import Books
from newsletter.sending.connection import Connection
from newsletter.sending.database import Database
from newsletter.sending.gates import Gates
from newsletter.sending.holding import Hold, Job, Row
from newsletter.sending.journal import Journal
from newsletter.sending.lane import Lane
from newsletter.sending.outside import Outside
from newsletter.sending.queue import Queue
from newsletter.sending.refusals import Cause, Refusal
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.smtp import Outcome

logger = logging.getLogger(__name__)

TICK = 0.1  # seconds between looks, when nothing calls for one
SHUTDOWN_GRACE = 8.0  # seconds for what is on the wire, when the process has to stop
RUN_GRACE = 480.0  # the same when only the run's time is over: a server may take ten minutes
MOST_TRIES = 3  # connections that a mail is offered to in one claim
GOODBYE = 5.0  # seconds for the journal to end its last note
RETURN_DELAY = 5.0  # seconds until a mail that no connection took is claimed again

_UNFIT = Refusal(Cause.CONTENT, is_final=True)  # what we don't even offer


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
        self._db = Database()
        self._gates = Gates(settings.REDIS_URL, self._feed_idle)
        self._outside = Outside(name, self, self._gates, self._db)
        self._books = Books(self._db, self._outside.group)
        self._journal = Journal(self._noted, self._books.holds)
        self._lanes: list[Lane] = []
        self._queues: deque[Queue] = deque()
        self._enough = settings.SEND_BATCH_SIZE  # mails in memory that need no further claim
        self._wake = asyncio.Event()
        self._has_starved = False  # some server that may not run ahead of the others
        self._is_stopped = False
        self._stop_at = float("inf")  # when what is still on the wire is given up
        self._now = 0.0  # of the last look, on the monotonic clock

    async def run(self) -> Result:
        """Send until there is no more to do, the time is over, or something is in the way."""
        journal: asyncio.Task[None] | None = None
        try:
            await self._refresh()
            if self._queues:
                journal = asyncio.create_task(self._journal.run())
                journal.add_done_callback(lambda _: self._wake.set())
                await self._go_on_until(time.monotonic() + self._shift.seconds, journal)
        finally:
            await self._wind_up(journal)
        return self._result

    # --- for the connections ------------------------------------------------------------

    def feed(self, lane: Lane, connection: Connection) -> None:
        """Offer mails while the conversation wants some."""
        conversation = connection.conversation
        while conversation.wants and (job := self._next(lane)):
            queue = job.hold.queue
            job.begin(connection)
            lane.took(job)
            queue.gate.left -= 1
            content = queue.content
            try:
                mail = content.render(job.person)
            except RenderError as error:
                job.hold.refused(job, _UNFIT, Reply(0, str(error)))
                continue
            job.mail = mail if lane.server.relay_signs else content.sign(mail)
            self._journal.ask(job)
            if outcomes := conversation.offer(job):
                for outcome in outcomes:
                    self.settle(lane, outcome)
            if len(queue.ready) < self._enough and not queue.has_claimed_all:
                self._wake.set()

    def settle(self, lane: Lane, outcome: Outcome) -> None:
        """Take the end of one message."""
        job = cast("Job", outcome.message)
        hold = job.hold
        if hold.is_lost:
            return
        if outcome.verdict is Verdict.SENT:
            self._sent(lane, job)
        else:
            self._not_sent(lane, job, outcome)
        if not hold.open:
            self._wake.set()

    def closed(self) -> None:
        """Take note that a connection is gone."""
        self._wake.set()

    def _sent(self, lane: Lane, job: Job) -> None:
        hold = job.hold
        hold.sent(job)
        self._journal.accepted(job)
        queue = hold.queue
        queue.sent += 1
        name = lane.server.id, job.group
        queue.tally[name] = queue.tally.get(name, 0) + 1
        if refusals_that_count := lane.accepted(job.group, self._now):
            for refused in refusals_that_count:
                self._end(lane, refused, _classified(refused))
        if self._has_starved:
            self._has_starved = False
            for other in self._lanes:
                if other.is_starved and other is not lane:
                    other.is_starved = False
                    other.pump()

    def _not_sent(self, lane: Lane, job: Job, outcome: Outcome) -> None:
        if self._may_try_again(job, outcome):
            job.hold.leave_row(job)
            job.hold.queue.put_back(job)
            return
        if outcome.verdict is not Verdict.IN_DOUBT:
            self._journal.free(job)
        refusal = _classified(outcome)
        if not lane.breaker.holds_back(outcome, refusal, job.group):
            self._end(lane, outcome, refusal)
        if lane.breaker.reason:
            lane.look()
            self._wake.set()

    def _next(self, lane: Lane) -> Job | None:
        """Return the next mail for a server, campaign by campaign. Only what it may take now."""
        if lane.is_off or (lane.gate.left < 1 and not lane.gate.lets_through()):
            return None
        queues = self._queues
        if len(self._lanes) == 1 == len(queues):
            return queues[0].take(lane)
        for _ in range(len(queues)):
            queue = queues[0]
            queues.rotate(-1)
            if lane not in queue.lanes:
                continue
            if sharing.is_turn_of(lane, queue.lanes, self._now):
                job = queue.take(lane)
            else:
                lane.is_starved = self._has_starved = True
                job = queue.take_held(lane)
            if job is not None:
                return job
        return None

    def _may_try_again(self, job: Job, outcome: Outcome) -> bool:
        is_ours = outcome.verdict is Verdict.RETURNED and outcome.reply.code == 0
        is_over = job.hold.queue.is_stopped or job.withdrawn or job.tries >= MOST_TRIES
        return is_ours and not is_over

    def _end(self, lane: Lane, outcome: Outcome, refusal: Refusal) -> None:
        job = cast("Job", outcome.message)
        if outcome.verdict is Verdict.RETURNED and job.skip:
            job.hold.skipped(job, job.skip)
        elif outcome.verdict is Verdict.RETURNED:
            job.hold.returned(job, 0.0 if job.hold.queue.is_stopped else RETURN_DELAY)
        elif outcome.verdict is Verdict.IN_DOUBT:
            job.hold.in_doubt(job, outcome.reply)
        elif refusal.cause is Cause.POLICY and lane.has_paused(job.group):
            # It says nothing about this person; the provider refuses everybody's.
            job.hold.returned(job, RETURN_DELAY)
        else:
            lane.counts["refused" if refusal.is_final else "deferred"] += 1
            job.hold.refused(job, refusal, outcome.reply)

    def _give_on(self, job: Job) -> None:
        """Find another server for a mail that was held back, or let it wait."""
        queue = job.hold.queue
        if not queue.is_stopped and any(lane.is_usable for lane in queue.lanes):
            queue.put_back(job)
        else:
            # Other batches first: what they are told shows whether it was this one.
            job.hold.returned(job, RETURN_DELAY)

    # --- for the journal ----------------------------------------------------------------

    def _noted(
        self, hold: Hold, jobs: list[Job], row: Row | None, may_go: bool, left: Collection[int]
    ) -> None:
        if row is not None:
            hold.noted(jobs, row)
        if row is None or (jobs and not may_go):
            # Taken over, paused or cancelled.
            self._stop_queue(hold.queue)
        if hold.is_over:
            self._wake.set()
        if left and may_go:
            doubtful = [job for job in jobs if job.subscriber_id in left]
            self._outside.look_again(hold.queue, doubtful, self._cleared)
            jobs = [job for job in jobs if job not in doubtful]
        for job in jobs:
            self._answer(job, may_go)

    def _answer(self, job: Job, may_go: bool) -> None:
        connection = job.connection
        if connection is None or job.end is not None:
            return
        if may_go:
            connection.release(job)
        else:
            connection.pump(connection.conversation.withdraw(job))

    def _cleared(self, jobs: list[Job], gone: dict[int, str] | None) -> None:
        """Let those go who may be written to, and skip those who have left since the claim.

        When nobody knows (None), they stay pending.
        """
        for job in jobs:
            if gone is None:
                self._answer(job, False)
                continue
            job.skip = gone.get(job.subscriber_id, "")
            if job.skip and job.connection is None and job.end is None:
                job.hold.queue.remove({job})
                self._journal.free(job)
                job.hold.skipped(job, job.skip)
            else:
                self._answer(job, not job.skip)

    # --- everything else, in turn -------------------------------------------------------

    async def _go_on_until(self, end: float, journal: asyncio.Task[None]) -> None:
        while self._queues and not journal.done():
            if not self._wake.is_set():
                await self._sleep()
            self._wake.clear()
            await self._look(end)
            await self._record()
            await self._refresh()
            await self._claim()
        if journal.done():
            journal.result()

    async def _sleep(self) -> None:
        try:
            async with asyncio.timeout(TICK):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _look(self, end: float) -> None:
        """Decide whether and how to go on."""
        now = self._now = time.monotonic()
        if self._shift.is_stopping():
            self._stop(SHUTDOWN_GRACE)
        elif now > end:
            self._result.has_more = self._result.has_more or not self._is_stopped
            self._stop(RUN_GRACE)
        wanted = sum(queue.size for queue in self._queues)
        for lane in self._lanes:
            if now > self._stop_at:
                lane.pool.abort("The worker had to stop before the mail server answered.")
            for refused in await self._outside.tend(lane, max(1, wanted)):
                self._give_on(cast("Job", refused.message))
        sharing.catch_up(self._lanes, now)
        for queue in self._queues:
            self._judge(queue)
        self._let_refusals_count()
        if wanted:
            # Whatever opened a way meanwhile (a limit that was lifted, a pause that is over).
            self._feed_idle()

    def _judge(self, queue: Queue) -> None:
        """Stop a campaign that can't go on for now, and give back what waits for long."""
        if queue.is_stopped:
            return
        if reason := queue.why_it_waits(timezone.now(), self._now):
            queue.waiting, queue.retry_after = reason
            self._stop_queue(queue)
            return
        for job, delay in queue.give_back(self._now, most=10 * self._enough):
            job.hold.returned(job, delay)

    def _stop(self, grace: float) -> None:
        """Begin no more mail; what is on the wire has `grace` seconds to come to an end."""
        self._is_stopped = True
        self._stop_at = min(self._stop_at, time.monotonic() + grace)
        for queue in self._queues:
            self._stop_queue(queue)

    def _stop_queue(self, queue: Queue) -> None:
        if queue.is_stopped:
            return
        queue.is_stopped = True
        for job in queue.empty():
            job.hold.returned(job)
        self._wake.set()

    def _let_refusals_count(self) -> None:
        """Settle the refusals that were held back, when nothing is to come to judge them by."""
        held = sum(lane.breaker.count for lane in self._lanes)
        is_last = all(queue.is_stopped or queue.has_claimed_all for queue in self._queues)
        if held and is_last and sum(hold.open for hold in self._books.holds) == held:
            for lane in self._lanes:
                for refused in lane.breaker.take():
                    self._end(lane, refused, _classified(refused))

    async def _record(self) -> None:
        for hold in await self._books.record():
            for lane in self._lanes:
                lane.breaker.forget(partial(_is_of, hold))
            self._books.lose(hold)
        for queue in [queue for queue in self._queues if queue.is_over]:
            await self._leave(queue)

    async def _leave(self, queue: Queue) -> None:
        """Be done with a campaign for now."""
        self._queues.remove(queue)
        self._result.sent += queue.sent
        await self._say_that_it_moves(queue)
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
        self._lanes = await self._outside.refresh(self._queues)
        for queue in list(self._queues):
            if not queue.is_running:
                self._stop_queue(queue)
            else:
                await self._say_that_it_moves(queue)
        if not self._is_stopped:
            self._queues.extend(await self._outside.newly_due(self._queues, self._shift.only))

    async def _claim(self) -> None:
        """Claim one more batch for each campaign before the connections run out of mail."""
        for queue in list(self._queues):
            if queue.wants_more(self._enough) and any(lane.is_ready for lane in queue.lanes):
                await self._books.claim(queue)
                self._wake.set()
                self._feed_idle()

    def _feed_idle(self) -> None:
        for lane in self._lanes:
            lane.pump()

    # --- the end ------------------------------------------------------------------------

    async def _wind_up(self, journal: asyncio.Task[None] | None) -> None:
        """Leave nothing behind. Batches that are still here show that the run stumbled."""
        self._journal.stop()
        self._stop(0)
        if journal is not None:
            await asyncio.wait([journal], timeout=GOODBYE)
        if self._books.holds:
            for lane in self._lanes:
                lane.pool.abort("The worker stumbled before the mail server answered.")
            self._let_refusals_count()
        self._result.sent += sum(queue.sent for queue in self._queues)
        try:
            await self._books.give_back(RETURN_DELAY)
        finally:
            await self._outside.close(self._queues)
            await self._gates.close()
            await self._db.close()


def _is_of(hold: Hold, outcome: Outcome) -> bool:
    return cast("Job", outcome.message).hold is hold


def _classified(outcome: Outcome) -> Refusal:
    """Return what a mail that was not accepted tells."""
    reply = outcome.reply
    if not reply.code:
        return _UNFIT
    found = refusals.classify(reply.code, reply.text, outcome.stage)
    is_final = found.is_final and outcome.verdict is not Verdict.DEFERRED
    return Refusal(found.cause, is_final)
