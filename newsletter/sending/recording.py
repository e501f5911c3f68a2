"""What became of mails, into the tables: all of it or nothing, and twice does no harm.

Each statement that changes something is conditional on the fence, so that a worker which lost its
batch changes nothing. Deliveries and the counters that count them move in one transaction, and
the counters by what was really inserted: saying the same thing twice, after a broken connection,
counts it once. An address that a server calls wrong is suppressed in that same transaction.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings

from newsletter.sending.database import Connection
from newsletter.sending.prepared import array
from subscribers import suppression


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that is ours for as long as its fence stays what it is."""

    batch_id: int
    fence: int


class Outcome(NamedTuple):
    """What became of one person's mail, as a Delivery says it."""

    subscriber_id: int
    status: str
    cause: str  # a refusals.Cause, or nothing
    reason: str
    at: float | None  # seconds since the epoch; None: now


class Deferral(NamedTuple):
    """A server said "later"."""

    subscriber_id: int
    attempts: int  # by now
    cause: str
    reason: str
    delay: float  # seconds until they are tried again


@dataclass(slots=True)
class Record:
    """What is to be stored about one batch, all of it or nothing."""

    # Apart from the other outcomes, since there are hundreds of them for each of those: who has
    # their mail, and when the server took it (seconds since the epoch).
    sent: list[int] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    deferrals: list[Deferral] = field(default_factory=list)
    settled_turns: list[int] = field(default_factory=list)  # rows of the journal, all known now

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to store."""
        return not (self.sent or self.outcomes or self.deferrals or self.settled_turns)


# How a batch's people divide: `taken_back` had an outcome in another batch before.
IS_DONE = "size - taken_back = sent + failed + skipped + in_doubt"

_STORE = """
    WITH held AS (
        SELECT id, campaign_id, subscriber_ids
        FROM newsletter_batch
        WHERE id = %(batch)s AND fence = %(fence)s
        FOR NO KEY UPDATE
    ), added AS (
        INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, cause, reason, at)
        SELECT held.campaign_id, o.id, o.status, o.cause, o.reason,
               coalesce(to_timestamp(o.at), now())
        FROM held
        CROSS JOIN (
            SELECT id, 'sent' AS status, '' AS cause, '' AS reason, at
            FROM unnest(%(sent)s::bigint[], %(sent_at)s::float8[]) AS sent(id, at)
            UNION ALL
            SELECT * FROM unnest(%(ids)s::bigint[], %(statuses)s::text[], %(causes)s::text[],
                                 %(reasons)s::text[], %(times)s::float8[])
        ) AS o(id, status, cause, reason, at)
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
# The suppression is law; the subscription stays what the person made it.
_SUPPRESS = """
    WITH wrong AS (
        SELECT s.id, s.email_hash
        FROM newsletter_batch b
        JOIN newsletter_delivery d ON d.campaign_id = b.campaign_id
        JOIN subscribers_subscriber s ON s.id = d.subscriber_id
        WHERE b.id = %(batch)s AND d.subscriber_id = ANY(%(ids)s)
          AND d.status = 'failed' AND d.cause = 'address'
    ), added AS (
        INSERT INTO subscribers_suppression (email_hash, key_id, reason)
        SELECT email_hash, %(key)s, 'bounce' FROM wrong
        ON CONFLICT DO NOTHING
        RETURNING email_hash
    ), noted AS (
        INSERT INTO subscribers_departure (subscriber_id)
        SELECT wrong.id FROM wrong JOIN added USING (email_hash)
    )
    INSERT INTO subscribers_consentrecord (
        subscriber_id, action, method, wording, evidence, user_agent, campaign_id
    )
    SELECT wrong.id, 'suppressed', 'bounce', '',
           (SELECT jsonb_build_object('campaign', campaign_id)
            FROM newsletter_batch WHERE id = %(batch)s),
           '', 0
    FROM wrong JOIN added USING (email_hash)
"""
_DEFER = """
    INSERT INTO newsletter_deferral (
        batch_id, subscriber_id, attempts, cause, reason, since, at, due_at
    )
    SELECT b.id, d.id, d.attempts, d.cause, d.reason, now(), now(),
           now() + d.delay * interval '1 second'
    FROM newsletter_batch b
    CROSS JOIN unnest(%(ids)s::bigint[], %(attempts)s::int[], %(causes)s::text[],
                      %(reasons)s::text[], %(delays)s::float8[])
        AS d(id, attempts, cause, reason, delay)
    JOIN unnest(b.subscriber_ids) AS member(id) ON member.id = d.id
    WHERE b.id = %(batch)s AND b.fence = %(fence)s
    ON CONFLICT (batch_id, subscriber_id) DO UPDATE
    SET attempts = EXCLUDED.attempts, cause = EXCLUDED.cause, reason = EXCLUDED.reason,
        at = EXCLUDED.at, due_at = EXCLUDED.due_at
"""
_FORGET_TURNS = """
    DELETE FROM newsletter_handover
    WHERE batch_id = %(batch)s AND fence = %(fence)s AND turn = ANY(%(turns)s)
"""
FORGET_CLAIMS = "DELETE FROM newsletter_handover WHERE batch_id = %(batch)s AND fence <= %(fence)s"
_FORGET_DEFERRALS = """
    DELETE FROM newsletter_deferral d
    USING newsletter_batch b, newsletter_delivery known
    WHERE d.batch_id = %(batch)s AND b.id = d.batch_id
      AND known.campaign_id = b.campaign_id AND known.subscriber_id = d.subscriber_id
"""
_CLOSE = f"""
    UPDATE newsletter_batch b
    SET state = CASE WHEN is_done THEN 'done' ELSE 'waiting' END,
        subscriber_ids = CASE WHEN is_done THEN '{{}}' ELSE subscriber_ids END,
        done_at = CASE WHEN is_done THEN now() END,
        attempts = CASE WHEN %(orderly)s THEN 0 ELSE attempts END,
        due_at = coalesce(now() + %(delay)s::float8 * interval '1 second', first_due, now()),
        lease_until = NULL
    FROM (
        SELECT id, {IS_DONE} AS is_done,
               (SELECT min(d.due_at) FROM newsletter_deferral d
                JOIN unnest(subscriber_ids) AS member(id) ON member.id = d.subscriber_id
                WHERE d.batch_id = %(batch)s) AS first_due
        FROM newsletter_batch
        WHERE id = %(batch)s AND fence = %(fence)s
    ) AS held
    WHERE b.id = held.id
"""  # noqa: S608  (made of constants)


async def record(db: Connection, claim: Claim, record: Record) -> bool:
    """Store what became of some people of a batch, and renew its lease.

    Returns False, having stored nothing, when the batch is no longer ours.
    """
    async with db.transaction():
        return await _record(db, claim, record)


async def close(
    db: Connection, claim: Claim, record: Record, *, delay: float | None, is_orderly: bool = True
) -> bool:
    """Store the rest and let go of a batch: done, or to be claimed again after `delay` seconds.

    Without a delay it is claimed again when the first of those is due whom a server asked to come
    back to. `is_orderly` is False when the worker stumbled over it; batches.ATTEMPTS of these set
    it aside.
    """
    async with db.transaction():
        if not await _record(db, claim, record):
            return False
        await let_go(db, claim, delay=delay, is_orderly=is_orderly)
    return True


async def let_go(db: Connection, claim: Claim, *, delay: float | None, is_orderly: bool) -> None:
    """Give a batch back in the present transaction."""
    names = {"batch": claim.batch_id, "fence": claim.fence, "delay": delay, "orderly": is_orderly}
    await db.execute(_FORGET_DEFERRALS, names)
    await db.execute(_CLOSE, names)
    await db.execute(FORGET_CLAIMS, names)


async def store(db: Connection, claim: Claim, record: Record) -> bool:
    """Store outcomes in the present transaction. Returns whether the batch is still ours."""
    columns = [*zip(*record.outcomes, strict=True)] or [(), (), (), (), ()]
    ids, statuses, causes, reasons, times = (list(column) for column in columns)
    cursor = await db.execute(
        _STORE,
        {
            "batch": claim.batch_id,
            "fence": claim.fence,
            "lease": settings.SEND_LEASE,
            # As text: psycopg would look at each number, which costs ten times as much.
            "sent": array(record.sent),
            "sent_at": array(record.sent_at),
            "ids": ids,
            "statuses": statuses,
            "causes": causes,
            "reasons": reasons,
            "times": times,
        },
    )
    if await cursor.fetchone() is None:
        return False
    if wrong := [who for who, cause in zip(ids, causes, strict=True) if cause == "address"]:
        key = suppression.key_id()
        await db.execute(_SUPPRESS, {"batch": claim.batch_id, "ids": wrong, "key": key})
    return True


async def _record(db: Connection, claim: Claim, record: Record) -> bool:
    if not await store(db, claim, record):
        return False
    names = {"batch": claim.batch_id, "fence": claim.fence}
    if record.deferrals:
        ids, attempts, causes, reasons, delays = map(list, zip(*record.deferrals, strict=True))
        deferred = {"ids": ids, "attempts": attempts, "causes": causes}
        await db.execute(_DEFER, {**names, **deferred, "reasons": reasons, "delays": delays})
    if record.settled_turns:
        await db.execute(_FORGET_TURNS, {**names, "turns": record.settled_turns})
    return True
