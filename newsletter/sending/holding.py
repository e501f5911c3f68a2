"""A claimed batch in a worker's memory: what is out, what is settled, what is to be stored."""

import time
from typing import TYPE_CHECKING

from newsletter.models import Delivery
from newsletter.sending import retries
from newsletter.sending.batches import Claim, Recipient, Record
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.smtp import Message

if TYPE_CHECKING:
    from newsletter.sending.connection import Connection

RECORD_EVERY = 0.25  # seconds

_SENT = Delivery.Status.SENT.value
_STATUS = {
    Verdict.REFUSED: Delivery.Status.FAILED.value,
    Verdict.IN_DOUBT: Delivery.Status.IN_DOUBT.value,
}


class Row:
    """One row of the journal, and how many of its mails are still open."""

    __slots__ = ("id", "open")

    def __init__(self, id: int, count: int) -> None:
        self.id = id
        self.open = count


class Job(Message):
    """One recipient's mail, from the claim to its outcome."""

    __slots__ = (
        "connection",
        "deferrals",
        "hold",
        "is_settled",
        "person",
        "row",
        "subscriber_id",
        "tries",
    )

    def __init__(self, hold: "Hold", recipient: Recipient) -> None:
        self.hold = hold
        self.person = recipient.person
        self.subscriber_id = recipient.person.subscriber_id
        self.deferrals = recipient.deferrals
        self.tries = 0  # connections that it was offered to
        self.row: Row | None = None
        self.is_settled = False
        self.connection: Connection | None = None

    def begin(self, connection: "Connection") -> None:
        """Make it a new message, for one more connection."""
        self.connection = connection
        self.released = self.withdrawn = self.started = self.invited = False
        self.problem = None
        self.tries += 1


class Hold:
    """What we know of a batch that is ours until `deadline` (on the monotonic clock)."""

    def __init__(self, claim: Claim, lease: float, retries: int) -> None:
        self.claim = claim
        self.deadline = 0.0
        self.renewed_at = 0.0
        self.is_lost = False
        self.delay = 0.0  # seconds until what is left may be claimed again
        self.open = 0  # jobs without an end
        self.asked = 0  # what the journal was told, and has not written yet
        self._lease = lease
        self._retries = retries
        self._record = Record()

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
        record.outcomes += newer.outcomes
        record.deferrals += newer.deferrals
        record.settled_rows += newer.settled_rows

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it in this claim."""
        return not (self.open or self.asked)

    def is_due(self, now: float) -> bool:
        """Whether it is time to store what is known, or at least to renew the lease."""
        pause = self._lease / 4 if self._record.is_empty else RECORD_EVERY
        return now - self.renewed_at >= pause

    # --- the ends of a job --------------------------------------------------------------

    def sent(self, job: Job) -> None:
        """The mail server has it."""
        self._record.outcomes.append((job.subscriber_id, _SENT, "", time.time()))
        self._settle(job)

    def ended(self, job: Job, verdict: Verdict, reply: Reply) -> None:
        """The mail was refused, deferred or left in doubt."""
        if verdict is Verdict.DEFERRED and job.deferrals + 1 < self._retries:
            self._defer(job, reply)
            return
        status = _STATUS.get(verdict, Delivery.Status.FAILED.value)
        self._record.outcomes.append((job.subscriber_id, status, str(reply), time.time()))
        self._settle(job)

    def skipped(self, job: Job, reason: str) -> None:
        """The person may no longer be written to."""
        self._record.outcomes.append(
            (job.subscriber_id, Delivery.Status.SKIPPED.value, reason, time.time())
        )
        self._settle(job)

    def returned(self, job: Job) -> None:
        """The mail was not handed over, and stays pending."""
        self._settle(job)

    def noted(self, jobs: list[Job], row: Row) -> None:
        """Take note that the journal has some jobs, which may have ended meanwhile."""
        for job in jobs:
            self.leave_row(job)
            job.row = row
            if job.is_settled:
                self.leave_row(job)
        if not jobs:
            # It only said what came back, which the next record stores.
            self._record.settled_rows.append(row.id)

    def leave_row(self, job: Job) -> None:
        """Take a job out of its journal row."""
        row, job.row = job.row, None
        if row is not None:
            row.open -= 1
            if not row.open:
                self._record.settled_rows.append(row.id)

    def _defer(self, job: Job, reply: Reply) -> None:
        deferrals = job.deferrals + 1
        self._record.deferrals.append((job.subscriber_id, deferrals, str(reply)))
        self.delay = max(self.delay, retries.delay(deferrals))
        self.returned(job)

    def _settle(self, job: Job) -> None:
        job.is_settled = True
        self.leave_row(job)
        self.open -= 1
