"""A claimed batch in a worker's memory: what is out, what is settled, what is to be stored."""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from newsletter.composing import Person
from newsletter.models import Delivery
from newsletter.sending import retries
from newsletter.sending.message import Message
from newsletter.sending.recording import Claim, Deferral, Outcome, Record
from newsletter.sending.refusals import Refusal
from newsletter.sending.replies import Reply, Verdict

if TYPE_CHECKING:
    from newsletter.sending.connection import Connection
    from newsletter.sending.queue import Queue

RECORD_EVERY = 0.25  # seconds

_FAILED = Delivery.Status.FAILED.value
_SKIPPED = Delivery.Status.SKIPPED.value
_IN_DOUBT = Delivery.Status.IN_DOUBT.value
_SENT = Verdict.SENT  # looking it up in its class costs as much as all else about it


class Row:
    """One row of the journal, and how many of its mails are still open."""

    __slots__ = ("has_free", "open", "turn")

    def __init__(self, turn: int, count: int, *, has_free: bool) -> None:
        self.turn = turn
        self.open = count
        self.has_free = has_free  # it says of mails in earlier rows that they did not go


class Job(Message):
    """One recipient's mail, from the claim to its outcome."""

    __slots__ = (
        "connection",
        "deferrals",
        "deferred_for",
        "end",
        "group",
        "hold",
        "is_free",
        "offered_at",
        "person",
        "row",
        "skip",
        "subscriber_id",
        "tries",
    )

    def __init__(self, hold: "Hold", person: Person, group: str) -> None:
        self.hold = hold
        self.person = person
        self.subscriber_id = person[0]
        self.deferrals = 0  # how often a server has said "later"
        self.deferred_for = 0.0  # seconds since it said so first
        self.group = group  # the mailbox provider
        self.offered_at = 0.0  # on the monotonic clock
        self.tries = 0  # connections that it was offered to
        self.row: Row | None = None
        self.end: Verdict | None = None  # set once, when this claim is done with it
        self.is_free = False  # the journal says that it did not go
        self.skip = ""  # why it is not to be sent after all
        self.connection: Connection | None = None

    def begin(self, connection: "Connection") -> None:
        """Make it a new message, for one more connection."""
        self.connection = connection
        self.reset()
        self.tries += 1


class Hold:
    """What we know of a batch that is ours until `deadline` (on the monotonic clock)."""

    def __init__(self, claim: Claim, lease: float, queue: "Queue") -> None:
        self.claim = claim
        self.queue = queue
        self.deadline = 0.0
        self.renewed_at = 0.0
        self.is_lost = False
        self.delay: float | None = None  # seconds until what was returned may be claimed again
        self.open = 0  # jobs without an end
        self.asked = 0  # what the journal was told, and has not written yet
        self.jobs: list[Job] = []
        self._lease = lease
        self._turn = 0
        self._rows: set[int] = set()  # turns with mails that are open
        self._kept: list[int] = []  # turns to be kept until all before them are settled
        self._record = Record()

    def add(self, people: Iterable[Person], group: Callable[[str], str]) -> list[Job]:
        """Take more people in. `group` says to which mailbox provider an address belongs."""
        jobs = [Job(self, person, group(person.email)) for person in people]
        self.jobs += jobs
        self.open += len(jobs)
        return jobs

    def next_turn(self) -> int:
        """Return the number of the next row of the journal."""
        self._turn += 1
        return self._turn

    def renewed(self, at: float) -> None:
        """Take note that the lease was renewed by a statement begun at `at`."""
        self.renewed_at = at
        self.deadline = at + self._lease

    def take_record(self) -> Record:
        """Return what is to be stored, once."""
        record, self._record = self._record, Record()
        return record

    def put_back(self, record: Record) -> None:
        """Keep what could not be stored, for the next try. Storing it twice does no harm."""
        newer, self._record = self._record, record
        record.sent += newer.sent
        record.sent_at += newer.sent_at
        record.outcomes += newer.outcomes
        record.deferrals += newer.deferrals
        record.settled_turns += newer.settled_turns

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it in this claim."""
        return not (self.open or self.asked)

    def is_due(self, now: float) -> bool:
        """Whether it is time to store what is known, or at least to renew the lease."""
        pause = self._lease / 4 if self._record.is_empty else RECORD_EVERY
        return now - self.renewed_at >= pause

    # --- for a journal that was lost ------------------------------------------------------

    def on_their_way(self) -> list[Job]:
        """Return the mails that are being handed over, or were, without an answer."""
        return [
            job
            for job in self.jobs
            if (job.row is not None and not job.is_free) or job.end is Verdict.IN_DOUBT
        ]

    def accepted_ids(self) -> list[int]:
        """Return whose mail the server has accepted."""
        return [job.subscriber_id for job in self.jobs if job.end is Verdict.SENT]

    # --- the ends of a job --------------------------------------------------------------

    def sent(self, job: Job) -> None:
        """The mail server has it."""
        record = self._record
        record.sent.append(job.subscriber_id)
        record.sent_at.append(time.time())
        self._settle(job, _SENT)
        # The batch keeps the job to its end; its memory goes to the next mail while it is warm.
        del job.mail

    def refused(self, job: Job, refusal: Refusal, reply: Reply) -> None:
        """The server said no, or later: for good, or until it is tried again."""
        if not (refusal.is_final or retries.gives_up(job.deferred_for)):
            deferrals = job.deferrals + 1
            self._record.deferrals.append(
                Deferral(
                    job.subscriber_id,
                    deferrals,
                    refusal.cause.value,
                    str(reply),
                    retries.delay(deferrals),
                )
            )
            self._settle(job, Verdict.DEFERRED)
            return
        self._record.outcomes.append(
            Outcome(job.subscriber_id, _FAILED, refusal.cause.value, str(reply), time.time())
        )
        self._settle(job, Verdict.REFUSED)

    def in_doubt(self, job: Job, reply: Reply) -> None:
        """The mail went out, and the answer never came."""
        self._record.outcomes.append(
            Outcome(job.subscriber_id, _IN_DOUBT, "", str(reply), time.time())
        )
        self._settle(job, Verdict.IN_DOUBT)

    def skipped(self, job: Job, reason: str) -> None:
        """The person may no longer be written to."""
        self._record.outcomes.append(Outcome(job.subscriber_id, _SKIPPED, "", reason, time.time()))
        self._settle(job, Verdict.REFUSED)

    def returned(self, job: Job, delay: float = 0.0) -> None:
        """The mail was not handed over, and stays pending, for at least `delay` seconds."""
        self.delay = max(self.delay or 0.0, delay)
        self._settle(job, Verdict.RETURNED)

    # --- rows of the journal --------------------------------------------------------------

    def noted(self, jobs: list[Job], row: Row) -> None:
        """Take note that the journal has some jobs, which may have ended meanwhile."""
        self._rows.add(row.turn)
        for job in jobs:
            if job.row is not None:
                self.leave_row(job)
            job.row = row
            if job.end is not None:
                self.leave_row(job)
        if not jobs:
            # It only said what came back.
            self._row_is_settled(row)

    def leave_row(self, job: Job) -> None:
        """Take a job out of its journal row."""
        row, job.row = job.row, None
        if row is not None:
            row.open -= 1
            if not row.open:
                self._row_is_settled(row)

    def _row_is_settled(self, row: Row) -> None:
        """Have a row removed with the next record.

        What came back free is known from this row alone as long as an earlier one has them.
        """
        self._rows.discard(row.turn)
        if row.has_free:
            self._kept.append(row.turn)
        else:
            self._record.settled_turns.append(row.turn)
        if self._kept:
            oldest = min(self._rows, default=self._turn + 1)
            self._record.settled_turns += [turn for turn in self._kept if turn < oldest]
            self._kept = [turn for turn in self._kept if turn >= oldest]

    def _settle(self, job: Job, end: Verdict) -> None:
        job.end = end
        self.leave_row(job)
        self.open -= 1
