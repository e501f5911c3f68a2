"""Where mails are handed out to connections, and where their ends come in. The hot path.

Connections ask for mails (`feed`), the journal says which may go (`noted`), connections say what
became of them (`settle`). Nothing here waits: what takes time is the engine's.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from functools import partial
from typing import cast

from django.conf import settings

from newsletter.composing import RenderError
from newsletter.sending import refusals, sharing
from newsletter.sending.connection import Connection
from newsletter.sending.holding import Hold, Job, Row
from newsletter.sending.journal import Journal
from newsletter.sending.lane import Lane
from newsletter.sending.message import Outcome
from newsletter.sending.queue import Queue
from newsletter.sending.refusals import Cause, Refusal
from newsletter.sending.replies import Reply, Verdict

logger = logging.getLogger(__name__)

MOST_TRIES = 3  # connections that a mail is offered to in one claim, where they take nothing
MOST_TRIES_BEHIND = 30  # the same where a mail waits behind others that were taken
UNMADE = "A mail can't be made ({}). The worker's log says more."
RETURN_DELAY = 5.0  # seconds until a mail that no connection took is claimed again

_SENT = Verdict.SENT  # looking it up in its class costs more than comparing it
_UNFIT = Refusal(Cause.CONTENT, is_final=True)  # what we don't even offer

# Asks whether people may still be written to; answers with those who may not, or with None.
LookAgain = Callable[[Queue, list[Job], Callable[[list[Job], dict[int, str] | None], None]], None]


class Desk:
    """The campaigns and servers of a run, and the mails between them."""

    look_again: LookAgain  # set by the engine, before the first mail

    def __init__(self, holds: list[Hold]) -> None:
        """`holds`: the batches that are ours at any time."""
        self.lanes: list[Lane] = []
        self.queues: deque[Queue] = deque()
        self.journal = Journal(self._noted, holds)
        self.wake = asyncio.Event()  # the engine is to look at once
        self.now = 0.0  # of the engine's last look, on the monotonic clock
        self.enough = settings.SEND_BATCH_SIZE  # mails in memory that need no further claim
        self._holds = holds
        self._has_starved = False  # some server that may not run ahead of the others

    # --- for the connections ------------------------------------------------------------

    def feed(self, lane: Lane, connection: Connection) -> None:
        """Offer mails to a conversation that wants some, until it wants no more."""
        conversation = connection.conversation
        while job := self._next(lane):
            queue = job.hold.queue
            job.begin(connection)
            lane.took(job)
            queue.gate.left -= 1
            if not self._make(job, lane):
                continue
            self.journal.ask(job)
            for outcome in conversation.offer(job):
                self.settle(lane, outcome)
            if len(queue.ready) < self.enough and not queue.has_claimed_all:
                self.wake.set()
            if not conversation.wants:
                return

    def settle(self, lane: Lane, outcome: Outcome) -> None:
        """Take the end of one message."""
        job = cast("Job", outcome.message)
        hold = job.hold
        if hold.is_lost:
            return
        if outcome.verdict is _SENT:
            self._sent(lane, job)
        else:
            self._not_sent(lane, job, outcome)
        if not hold.open:
            self.wake.set()

    def opened(self) -> None:
        """Take note that a connection is ready."""
        self.wake.set()

    def closed(self) -> None:
        """Take note that a connection is gone."""
        self.wake.set()

    def _make(self, job: Job, lane: Lane) -> bool:
        """Render and sign a mail. Returns whether it can be offered."""
        queue = job.hold.queue
        content = queue.content
        try:
            mail = content.render(job.person)
            job.mail = mail if lane.server.relay_signs else content.sign(mail)
        except RenderError as error:
            job.hold.refused(job, _UNFIT, Reply(0, str(error)))
            return False
        except Exception as error:
            # Nobody's fault but ours: the campaign waits, visibly, and the others go on.
            logger.exception("a mail of campaign %s can't be made", queue.campaign_id)
            queue.waiting = UNMADE.format(type(error).__name__)
            job.hold.returned(job)
            self.stop_queue(queue)
            return False
        return True

    def _sent(self, lane: Lane, job: Job) -> None:
        hold = job.hold
        hold.sent(job)
        self.journal.accepted(job)
        queue = hold.queue
        queue.sent += 1
        name = lane.server.id, job.group
        queue.tally[name] = queue.tally.get(name, 0) + 1
        for refused in lane.accepted(job, self.now):
            self._end(lane, refused, _classified(refused))
        if self._has_starved:
            self._has_starved = False
            for other in self.lanes:
                if other.is_starved and other is not lane:
                    other.is_starved = False
                    other.pump()

    def _not_sent(self, lane: Lane, job: Job, outcome: Outcome) -> None:
        if self._may_try_again(job, outcome):
            self.journal.free(job)
            job.hold.leave_row(job)
            job.hold.queue.put_back(job)
            return
        if outcome.verdict is not Verdict.IN_DOUBT:
            self.journal.free(job)
        refusal = _classified(outcome)
        if not lane.breaker.holds_back(outcome, refusal, job.group):
            self._end(lane, outcome, refusal)
        if lane.breaker.reason:
            lane.look()
            self.wake.set()

    def _next(self, lane: Lane) -> Job | None:
        """Return the next mail for a server, campaign by campaign. Only what it may take now."""
        if lane.is_off or (lane.gate.left < 1 and not lane.gate.lets_through()):
            return None
        queues = self.queues
        if len(self.lanes) == 1 == len(queues) and lane in queues[0].lanes:
            return queues[0].take(lane)
        for _ in range(len(queues)):
            queue = queues[0]
            queues.rotate(-1)
            if lane not in queue.lanes:
                continue
            if sharing.is_turn_of(lane, queue.lanes, self.now):
                job = queue.take(lane)
            else:
                lane.is_starved = self._has_starved = True
                job = queue.take_held(lane)
            if job is not None:
                return job
        return None

    def _may_try_again(self, job: Job, outcome: Outcome) -> bool:
        is_ours = outcome.verdict is Verdict.RETURNED and outcome.reply.code == 0
        # A server that takes so many on one connection says nothing of the mail that came next.
        has_taken = job.connection is not None and job.connection.conversation.answered
        most = MOST_TRIES_BEHIND if has_taken else MOST_TRIES
        is_over = job.hold.queue.is_stopped or job.withdrawn or job.tries >= most
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

    def give_on(self, job: Job) -> None:
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
            self.stop_queue(hold.queue)
        if hold.is_over:
            self.wake.set()
        if left and may_go:
            doubtful = [job for job in jobs if job.subscriber_id in left]
            self.look_again(hold.queue, doubtful, self._cleared)
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
                self.journal.free(job)
                job.hold.skipped(job, job.skip)
            elif job.skip or job.row is not None:
                # Without a row it went to another connection meanwhile, and asks anew.
                self._answer(job, not job.skip)

    # --- for the engine ----------------------------------------------------------------------

    def forget(self, hold: Hold) -> None:
        """Drop the refusals of a batch that is not ours any more."""
        for lane in self.lanes:
            lane.breaker.forget(partial(_is_of, hold))

    def stop_queue(self, queue: Queue) -> None:
        """Begin no more mail of a campaign; what is in memory goes back to pending."""
        if queue.is_stopped:
            return
        queue.is_stopped = True
        for job in queue.empty():
            job.hold.returned(job)
        self.wake.set()

    def let_refusals_count(self) -> None:
        """Settle the refusals that were held back, when nothing is to come to judge them by."""
        if not any(lane.breaker.count for lane in self.lanes):
            return
        for queue in self.queues:
            if queue.is_stopped or queue.has_claimed_all:
                self._let_refusals_count_of(queue)

    def _let_refusals_count_of(self, queue: Queue) -> None:
        def is_its_own(refused: Outcome) -> bool:
            return cast("Job", refused.message).hold.queue is queue

        held = sum(lane.breaker.count_of(is_its_own) for lane in self.lanes)
        if not held or sum(hold.open for hold in queue.holds) != held:
            return
        for lane in self.lanes:
            for refused in lane.breaker.take_of(is_its_own):
                if lane.breaker.reason:
                    self.give_on(cast("Job", refused.message))
                else:
                    self._end(lane, refused, _classified(refused))

    def feed_idle(self) -> None:
        """Let all connections ask that have nothing to do."""
        for lane in self.lanes:
            lane.pump()


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
