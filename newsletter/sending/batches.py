"""Batches in PostgreSQL: claim, take over, record, give back.

Each statement that changes something is conditional on the fence, so that a worker which lost its
batch changes nothing. Deliveries and the counters that count them move in one transaction, and
the counters by what was really inserted: saying the same thing twice, after a broken connection,
counts it once.

These run on a worker's own asynchronous connection, not on Django's.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from django.db.models.functions import Now

from newsletter.composing import Person
from newsletter.models import Batch, Campaign, Handover
from newsletter.sending.database import Connection

# Why somebody of the frozen audience is skipped, as people read it.
_REASONS = {
    "gone": "No longer a subscriber.",
    "suppressed": "On the suppression list.",
    "left": "Left the list.",
}

# Why somebody is in doubt after a takeover.
STOPPED = "The worker stopped while this mail was on its way."
CRASHED = "The database crashed, and with it the note of which mails were on their way."

ATTEMPTS = 5  # claims that ended badly, one after the other, before a batch is set aside


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that is ours for as long as its fence stays what it is."""

    batch_id: int
    fence: int


class Recipient(NamedTuple):
    """A person as the claim found them, and why they are not to be mailed, if so."""

    person: Person
    skip: str  # the reason; empty: they are mailed
    deferrals: int  # how often a server has said "later"


@dataclass(slots=True)
class Record:
    """What is to be stored about one batch, all of it or nothing."""

    # (subscriber, status, reason, seconds since the epoch)
    outcomes: list[tuple[int, str, str, float]] = field(default_factory=list)
    # (subscriber, how often by now, the reply)
    deferrals: list[tuple[int, int, str]] = field(default_factory=list)
    settled_rows: list[int] = field(default_factory=list)  # journal rows with nothing open

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.outcomes or self.deferrals or self.settled_rows)


# --- claim ----------------------------------------------------------------------------------

_FIND = """
    SELECT b.id, b.state, b.fence, b.attempts
    FROM newsletter_batch b
    WHERE b.campaign_id = %(campaign)s
      AND b.state IN ('waiting', 'claimed')
      AND (b.state = 'waiting' AND b.due_at <= now()
           OR b.state = 'claimed' AND b.lease_until < now())
      AND EXISTS (
          SELECT 1 FROM newsletter_campaign c WHERE c.id = b.campaign_id AND c.status = 'running'
      )
    -- What was given back goes to the end, so that one bad batch does not hold up the others.
    ORDER BY b.due_at, b.id
    LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
"""
_TAKE = """
    UPDATE newsletter_batch
    SET state = %(state)s, fence = fence + 1, attempts = attempts + 1, claimed_at = now(),
        lease_until = now() + %(lease)s * interval '1 second'
    WHERE id = %(batch)s
    RETURNING fence
"""
# A journal that has lost this row has lost others too (see Handover).
_WITNESS = f"""
    INSERT INTO newsletter_handover (batch_id, fence, subscriber_ids, accepted_ids, free_ids)
    VALUES (%(batch)s, %(fence)s, '{{{Handover.WITNESS}}}', '{{}}', '{{}}')
"""  # noqa: S608  (made of constants)


async def claim(db: Connection, campaign_id: int) -> Claim | None:
    """Take a batch that nobody holds. None when there is none, or the campaign is not running.

    A batch whose worker died is taken over: who was being handed over at that moment is in doubt,
    the others are ours. A batch that ended badly ATTEMPTS times is set aside.
    """
    while True:
        async with db.transaction():
            found = await (await db.execute(_FIND, {"campaign": campaign_id})).fetchone()
            if found is None:
                return None
            batch_id, state, old_fence, attempts = found
            is_poison = attempts >= ATTEMPTS
            cursor = await db.execute(
                _TAKE,
                {
                    "batch": batch_id,
                    "lease": settings.SEND_LEASE,
                    "state": Batch.State.SET_ASIDE if is_poison else Batch.State.CLAIMED,
                },
            )
            (fence,) = await cursor.fetchone() or (0,)
            if state == Batch.State.CLAIMED:
                await _settle_journal(db, batch_id, old_fence, fence)
            await db.execute(_FORGET, {"batch": batch_id, "fence": fence})
            if not is_poison:
                await db.execute(_WITNESS, {"batch": batch_id, "fence": fence})
                return Claim(batch_id, fence)


_FIND_ABANDONED = """
    SELECT b.id, b.fence
    FROM newsletter_batch b
    WHERE b.state = 'claimed' AND b.lease_until < now()
      AND EXISTS (
          SELECT 1 FROM newsletter_campaign c WHERE c.id = b.campaign_id AND c.status <> 'running'
      )
    LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
"""
_FENCE_OFF = "UPDATE newsletter_batch SET fence = fence + 1 WHERE id = %(batch)s RETURNING fence"


def has_abandoned() -> bool:
    """Whether a worker died over a batch of a campaign that was then paused or cancelled."""
    dead = Batch.objects.filter(state=Batch.State.CLAIMED, lease_until__lt=Now())
    return dead.exclude(campaign__status=Campaign.Status.RUNNING).exists()


async def settle_abandoned(db: Connection) -> None:
    """Take these over too: nobody claims them, and their sum has to balance all the same."""
    while True:
        async with db.transaction():
            found = await (await db.execute(_FIND_ABANDONED)).fetchone()
            if found is None:
                return
            batch_id, old_fence = found
            (fence,) = await (await db.execute(_FENCE_OFF, {"batch": batch_id})).fetchone() or (0,)
            await _settle_journal(db, batch_id, old_fence, fence)
            await _let_go(db, Claim(batch_id, fence), delay=0, is_orderly=False)


_HAS_WITNESS = """
    SELECT EXISTS (
        SELECT 1 FROM newsletter_handover
        WHERE batch_id = %(batch)s AND fence = %(old_fence)s
          AND subscriber_ids = ARRAY[%(witness)s::bigint]
    )
"""
_WHAT_CAME_OF_IT = """
    WITH notes AS (
        SELECT * FROM newsletter_handover WHERE batch_id = %(batch)s
    ), noted AS (
        SELECT unnest(subscriber_ids) AS id FROM notes
        UNION
        SELECT unnest(subscriber_ids) FROM newsletter_batch
        WHERE id = %(batch)s AND NOT %(has_witness)s
    ), accepted AS (
        SELECT DISTINCT unnest(accepted_ids) AS id FROM notes
    )
    SELECT id, 'sent', '', NULL FROM accepted
    UNION ALL
    SELECT id, 'in_doubt', %(reason)s, NULL FROM noted
    WHERE id NOT IN (SELECT id FROM accepted UNION ALL SELECT unnest(free_ids) FROM notes)
"""
_FORGET = "DELETE FROM newsletter_handover WHERE batch_id = %(batch)s AND fence <= %(fence)s"


async def _settle_journal(db: Connection, batch_id: int, old_fence: int, fence: int) -> None:
    """Say what became of a batch whose worker showed no sign of life, as far as it is known."""
    names = {"batch": batch_id, "old_fence": old_fence, "witness": Handover.WITNESS}
    (has_witness,) = await (await db.execute(_HAS_WITNESS, names)).fetchone() or (False,)
    reason = STOPPED if has_witness else CRASHED
    known = {"batch": batch_id, "has_witness": has_witness, "reason": reason}
    outcomes = await (await db.execute(_WHAT_CAME_OF_IT, known)).fetchall()
    # Who has an outcome already keeps it.
    await _store(db, Claim(batch_id, fence), outcomes)


# --- people ---------------------------------------------------------------------------------

_PEOPLE = """
    SELECT member.id, s.email, s.name, s.attributes, s.language, s.tracking,
           CASE WHEN s.id IS NULL THEN %(gone)s
                WHEN EXISTS (
                    SELECT 1 FROM subscribers_suppression x WHERE x.email_hash = s.email_hash
                ) THEN %(suppressed)s
                WHEN NOT EXISTS (
                    SELECT 1 FROM subscribers_subscription sub
                    WHERE sub.subscriber_id = s.id AND sub.status = 'active'
                      AND sub.mailing_list_id = ANY(%(lists)s)
                ) THEN %(left)s
                ELSE '' END,
           coalesce(d.attempts, 0)
    FROM newsletter_batch b
    CROSS JOIN unnest(b.subscriber_ids) AS member(id)
    LEFT JOIN subscribers_subscriber s ON s.id = member.id
    LEFT JOIN newsletter_deferral d ON d.batch_id = b.id AND d.subscriber_id = member.id
    WHERE b.id = %(batch)s AND b.fence = %(fence)s AND member.id > 0
      AND NOT EXISTS (
          SELECT 1 FROM newsletter_delivery done
          WHERE done.campaign_id = b.campaign_id AND done.subscriber_id = member.id
      )
    -- Refusals in a row are to mean the server, not that similar addresses stand together.
    ORDER BY random()
"""


async def recipients(db: Connection, claim: Claim, list_ids: list[int]) -> list[Recipient]:
    """Return everybody in a batch who has no outcome, with what must be known before mailing."""
    names = {"batch": claim.batch_id, "fence": claim.fence, "lists": list_ids, **_REASONS}
    cursor = await db.execute(_PEOPLE, names)
    rows = await cursor.fetchall()
    return [Recipient(Person._make(row[:6]), row[6], row[7]) for row in rows]


_NO_LONGER = """
    SELECT wanted.id, CASE WHEN s.id IS NULL THEN %(gone)s
                           WHEN x.id IS NOT NULL THEN %(suppressed)s
                           ELSE %(left)s END
    FROM unnest(%(people)s::bigint[]) AS wanted(id)
    LEFT JOIN subscribers_subscriber s ON s.id = wanted.id
    LEFT JOIN subscribers_suppression x ON x.email_hash = s.email_hash
    WHERE s.id IS NULL OR x.id IS NOT NULL OR NOT EXISTS (
        SELECT 1 FROM subscribers_subscription sub
        WHERE sub.subscriber_id = s.id AND sub.status = 'active'
          AND sub.mailing_list_id = ANY(%(lists)s)
    )
"""


async def no_longer_allowed(
    db: Connection, people: list[int], list_ids: list[int]
) -> dict[int, str]:
    """Return those of `people` who may no longer be written to, each with the reason."""
    cursor = await db.execute(_NO_LONGER, {"people": people, "lists": list_ids, **_REASONS})
    return dict(await cursor.fetchall())


# --- record ---------------------------------------------------------------------------------

_STORE = """
    WITH held AS (
        SELECT id, campaign_id, subscriber_ids
        FROM newsletter_batch
        WHERE id = %(batch)s AND fence = %(fence)s
        FOR NO KEY UPDATE
    ), added AS (
        INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, reason, at)
        SELECT held.campaign_id, o.id, o.status, o.reason, coalesce(to_timestamp(o.at), now())
        FROM held
        CROSS JOIN unnest(%(ids)s::bigint[], %(statuses)s::text[], %(reasons)s::text[],
                          %(times)s::float8[]) AS o(id, status, reason, at)
        -- Whoever was erased meanwhile is no member any more, and gets no row again.
        JOIN unnest(held.subscriber_ids) AS member(id) ON member.id = o.id AND member.id > 0
        ON CONFLICT DO NOTHING
        RETURNING status
    ), counted AS (
        SELECT count(*) FILTER (WHERE status = 'sent') AS sent,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'skipped') AS skipped,
               count(*) FILTER (WHERE status = 'in_doubt') AS in_doubt
        FROM added
    )
    UPDATE newsletter_batch b
    SET sent = b.sent + counted.sent, failed = b.failed + counted.failed,
        skipped = b.skipped + counted.skipped, in_doubt = b.in_doubt + counted.in_doubt,
        lease_until = now() + %(lease)s * interval '1 second'
    FROM held, counted
    WHERE b.id = held.id
    RETURNING b.id
"""
_DEFER = """
    INSERT INTO newsletter_deferral (batch_id, subscriber_id, attempts, reason, at)
    SELECT b.id, d.id, d.attempts, d.reason, now()
    FROM newsletter_batch b
    CROSS JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[], %(reasons)s::text[])
        AS d(id, attempts, reason)
    JOIN unnest(b.subscriber_ids) AS member(id) ON member.id = d.id
    WHERE b.id = %(batch)s AND b.fence = %(fence)s
    ON CONFLICT (batch_id, subscriber_id)
    DO UPDATE SET attempts = EXCLUDED.attempts, reason = EXCLUDED.reason, at = EXCLUDED.at
"""
_FORGET_ROWS = "DELETE FROM newsletter_handover WHERE id = ANY(%(rows)s)"
_CLOSE = """
    UPDATE newsletter_batch b
    SET state = CASE WHEN is_done THEN 'done' ELSE 'waiting' END,
        subscriber_ids = CASE WHEN is_done THEN '{}' ELSE subscriber_ids END,
        done_at = CASE WHEN is_done THEN now() END,
        attempts = CASE WHEN %(orderly)s THEN 0 ELSE attempts END,
        due_at = now() + %(delay)s * interval '1 second',
        lease_until = NULL
    FROM (
        SELECT id, size = sent + failed + skipped + in_doubt AS is_done
        FROM newsletter_batch
        WHERE id = %(batch)s AND fence = %(fence)s
    ) AS held
    WHERE b.id = held.id
"""
_FORGET_DEFERRALS = """
    DELETE FROM newsletter_deferral d
    USING newsletter_batch b, newsletter_delivery known
    WHERE d.batch_id = %(batch)s AND b.id = d.batch_id
      AND known.campaign_id = b.campaign_id AND known.subscriber_id = d.subscriber_id
"""


async def record(db: Connection, claim: Claim, record: Record) -> bool:
    """Store what became of some people of a batch, and renew its lease.

    Returns False, having stored nothing, when the batch is no longer ours.
    """
    async with db.transaction():
        return await _record(db, claim, record)


async def close(
    db: Connection, claim: Claim, record: Record, *, delay: float, is_orderly: bool = True
) -> bool:
    """Store the rest and let go of a batch: done, or to be claimed again after `delay` seconds.

    `is_orderly` is False when the worker stumbled over it; ATTEMPTS of these set it aside.
    """
    async with db.transaction():
        if not await _record(db, claim, record):
            return False
        await _let_go(db, claim, delay=delay, is_orderly=is_orderly)
    return True


async def _let_go(db: Connection, claim: Claim, *, delay: float, is_orderly: bool) -> None:
    names = {"batch": claim.batch_id, "fence": claim.fence, "delay": delay, "orderly": is_orderly}
    await db.execute(_CLOSE, names)
    await db.execute(_FORGET, names)
    await db.execute(_FORGET_DEFERRALS, names)


async def _record(db: Connection, claim: Claim, record: Record) -> bool:
    if not await _store(db, claim, record.outcomes):
        return False
    names = {"batch": claim.batch_id, "fence": claim.fence}
    if record.deferrals:
        ids, attempts, reasons = zip(*record.deferrals, strict=True)
        await db.execute(
            _DEFER, {**names, "ids": [*ids], "attempts": [*attempts], "reasons": [*reasons]}
        )
    if record.settled_rows:
        await db.execute(_FORGET_ROWS, {"rows": record.settled_rows})
    return True


async def _store(
    db: Connection, claim: Claim, outcomes: Iterable[tuple[int, str, str, float | None]]
) -> bool:
    columns = [*zip(*outcomes, strict=True)] or [(), (), (), ()]
    ids, statuses, reasons, times = (list(column) for column in columns)
    cursor = await db.execute(
        _STORE,
        {
            "batch": claim.batch_id,
            "fence": claim.fence,
            "lease": settings.SEND_LEASE,
            "ids": ids,
            "statuses": statuses,
            "reasons": reasons,
            "times": times,
        },
    )
    return await cursor.fetchone() is not None


def tidy() -> None:
    """Remove rows of the journal that a broken connection left to a batch that nobody holds."""
    Handover.objects.exclude(batch__state=Batch.State.CLAIMED).delete()
