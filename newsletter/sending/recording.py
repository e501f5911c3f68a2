"""What became of mails, into the tables: all of it or nothing, and twice does no harm.

Each statement that changes something is conditional on the fence, so that a worker which lost its
batch changes nothing. Deliveries and the counters that count them move in one transaction, and
the counters by what was really inserted: saying the same thing twice, after a broken connection,
counts it once. An address that a server calls wrong is suppressed in that same transaction.
"""

import json
from dataclasses import dataclass, field
from typing import NamedTuple

from django.conf import settings
from psycopg.errors import UniqueViolation

from newsletter.sending.database import Connection, Statement
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

# All that a record usually is, in one statement, which is one round trip and one transaction; and
# with the last record of a batch, its end.
_STORE = """
    WITH held AS (
        SELECT id, campaign_id, subscriber_ids,
               -- Nobody was erased or moved to another batch, and it is not over yet.
               cardinality(subscriber_ids) = size
               AND array_position(subscriber_ids, 0::bigint) IS NULL AS is_whole,
               size - taken_back - sent - failed - skipped - in_doubt AS pending
        FROM newsletter_batch
        WHERE id = $1::bigint AND fence = $2::int
        FOR NO KEY UPDATE
    ), added AS (
        INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, cause, reason, at)
        SELECT held.campaign_id, o.id, o.status, o.cause, o.reason,
               coalesce(to_timestamp(o.at / 1000), now())
        FROM held
        CROSS JOIN (
            SELECT id, 'sent' AS status, '' AS cause, '' AS reason, at
            FROM unnest($4::bigint[], $5::float8[]) AS sent(id, at)
            UNION ALL
            SELECT * FROM jsonb_to_recordset($6::jsonb)
                AS other(id bigint, status text, cause text, reason text, at float8)
        ) AS o(id, status, cause, reason, at)
        -- Whoever was erased or moved meanwhile is no member any more, and gets no row again.
        WHERE held.is_whole OR o.id = ANY(held.subscriber_ids) AND o.id > 0
        {on_conflict}
        RETURNING status
    ), counted AS (
        SELECT count(*) AS everybody,
               count(*) FILTER (WHERE status = 'sent') AS sent,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'skipped') AS skipped,
               count(*) FILTER (WHERE status = 'in_doubt') AS in_doubt
        FROM added
    ), known AS (
        SELECT held.id, $8::boolean AND held.pending = counted.everybody AS is_done, counted.*
        FROM held, counted
    ), turns AS (
        DELETE FROM newsletter_handover h
        USING known
        WHERE h.batch_id = $1::bigint
          AND (h.fence = $2::int AND h.turn = ANY($7::int[])
               OR h.fence <= $2::int AND known.is_done)
    ), deferrals AS (
        DELETE FROM newsletter_deferral d
        USING known
        WHERE d.batch_id = $1::bigint AND known.is_done
    )
    UPDATE newsletter_batch b
    SET sent = b.sent + known.sent, failed = b.failed + known.failed,
        skipped = b.skipped + known.skipped, in_doubt = b.in_doubt + known.in_doubt,
        state = CASE WHEN is_done THEN 'done' ELSE state END,
        subscriber_ids = CASE WHEN is_done THEN '{{}}' ELSE subscriber_ids END,
        done_at = CASE WHEN is_done THEN now() ELSE done_at END,
        attempts = CASE WHEN is_done THEN 0 ELSE attempts END,
        lease_until = CASE WHEN NOT is_done THEN now() + $3::float8 * interval '1 second' END
    FROM known
    WHERE b.id = known.id
    RETURNING is_done
"""
_PLAINLY = Statement(_STORE.format(on_conflict=""))
_ONCE_MORE = Statement(_STORE.format(on_conflict="ON CONFLICT DO NOTHING"))
# The suppression is law; the subscription stays what the person made it.
SUPPRESS = """
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
    return await _record(db, claim, record, is_closing=False) is not None


async def close(
    db: Connection, claim: Claim, record: Record, *, delay: float | None, is_orderly: bool = True
) -> bool:
    """Store the rest and let go of a batch: done, or to be claimed again after `delay` seconds.

    Without a delay it is claimed again when the first of those is due whom a server asked to come
    back to. `is_orderly` is False when the worker stumbled over it; batches.ATTEMPTS of these set
    it aside.
    """
    is_done = await _record(db, claim, record, is_closing=True)
    if is_done is False:
        # It ends no sooner than its outcomes are stored. Without this, it ends with its lease.
        async with db.transaction():
            await let_go(db, claim, delay=delay, is_orderly=is_orderly)
    return is_done is not None


async def let_go(db: Connection, claim: Claim, *, delay: float | None, is_orderly: bool) -> None:
    """Give a batch back in the present transaction."""
    names = {"batch": claim.batch_id, "fence": claim.fence, "delay": delay, "orderly": is_orderly}
    await db.execute(_FORGET_DEFERRALS, names)
    await db.execute(_CLOSE, names)
    await db.execute(FORGET_CLAIMS, names)


async def store(db: Connection, claim: Claim, record: Record) -> None:
    """Store outcomes in the present transaction; who has one already keeps it."""
    await _store(db, claim, record, _ONCE_MORE, is_closing=False)


async def _record(db: Connection, claim: Claim, record: Record, *, is_closing: bool) -> bool | None:
    """Store a record. Returns whether the batch is done with it; None when it is not ours."""
    try:
        return await _all_of(db, claim, record, _PLAINLY, is_closing)
    except UniqueViolation:
        # Undone as a whole. Somebody has an outcome already, most likely since this was said
        # before, on a connection that broke. To look out for that with every row is what costs.
        return await _all_of(db, claim, record, _ONCE_MORE, is_closing)


async def _all_of(
    db: Connection, claim: Claim, record: Record, statement: Statement, is_closing: bool
) -> bool | None:
    wrong = [outcome.subscriber_id for outcome in record.outcomes if outcome.cause == "address"]
    if not (wrong or record.deferrals):
        return await _store(db, claim, record, statement, is_closing=is_closing)
    async with db.transaction():
        is_done = await _store(db, claim, record, statement, is_closing=is_closing)
        names = {"batch": claim.batch_id, "fence": claim.fence}
        if wrong and is_done is not None:
            await db.execute(SUPPRESS, {**names, "ids": wrong, "key": suppression.key_id()})
        if record.deferrals and is_done is not None:
            columns = map(list, zip(*record.deferrals, strict=True))
            deferred = zip(("ids", "attempts", "causes", "reasons", "delays"), columns, strict=True)
            await db.execute(_DEFER, {**names, **dict(deferred)})
    return is_done


async def _store(
    db: Connection, claim: Claim, record: Record, statement: Statement, *, is_closing: bool
) -> bool | None:
    others = [
        {**outcome._asdict(), "id": outcome.subscriber_id, "at": outcome.at and outcome.at * 1000}
        for outcome in record.outcomes
    ]
    values = (
        str(claim.batch_id),
        str(claim.fence),
        str(settings.SEND_LEASE),
        _array(record.sent),
        # In whole milliseconds: so many digits more are a tenth of the price.
        _array([int(at * 1000) for at in record.sent_at]),
        json.dumps(others),
        _array(record.settled_turns),
        str(is_closing),
    )
    found = await statement.run(db, *(value.encode() for value in values))
    return found[0][0] if found else None


def _array(numbers: list[int]) -> str:
    return f"{{{str(numbers)[1:-1]}}}"
