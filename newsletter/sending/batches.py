"""Batches in PostgreSQL: what is due, claim, and take over. Who is in them: members.py.

These run on a worker's own asynchronous connection, not on Django's. What became of the mails is
recorded by recording.py.
"""

from django.conf import settings
from django.db.models.functions import Now

from newsletter.models import Batch, Campaign, Delivery, Handover
from newsletter.sending.database import Connection, Statement
from newsletter.sending.members import REASONS
from newsletter.sending.recording import FORGET_CLAIMS, Claim, Outcome, Record, let_go, store

# For connections that claim and record. Everything is found by key, whatever the tables are like:
# so that a plan, once made, is good for ever. One that was made for some rows more or less, and is
# kept, makes a first large campaign crawl; one that is made for each claim costs a fifth of it.
BY_KEY = """
    SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
           set_config('enable_seqscan', 'off', false), set_config('enable_hashjoin', 'off', false),
           set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)
"""
# In one transaction of theirs, for statements of another kind.
_AS_USUAL = """
    SELECT set_config('plan_cache_mode', 'force_custom_plan', true),
           set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)
"""

# Why somebody is in doubt after a takeover.
STOPPED = "The worker stopped while this mail was on its way."
CRASHED = "The database crashed, and with it the note of which mails were on their way."

# Seconds after PostgreSQL has come up in which nobody is taken over: while it was away, no worker
# could show a sign of life, and those that live do so first.
HEARING = 5
ATTEMPTS = 5  # claims that ended badly, one after the other, before a batch is set aside


# --- what is due ------------------------------------------------------------------------------

_HAS_LEFT = """
    b.state = 'claimed' AND b.lease_until < now()
    AND pg_postmaster_start_time() < now() - %(hearing)s * interval '1 second'
"""
_DUE = f"""
    SELECT c.id
    FROM newsletter_campaign c
    WHERE c.status = 'running'
      AND (c.id = ANY(%(only)s) OR cardinality(%(only)s::bigint[]) = 0
           AND (c.retry_at IS NULL OR c.retry_at <= now()))
      AND EXISTS (
          SELECT 1 FROM newsletter_batch b
          WHERE b.campaign_id = c.id
            AND (b.state = 'waiting' AND b.due_at <= now()
                 OR {_HAS_LEFT})
      )
    ORDER BY c.id
"""  # noqa: S608  (made of constants)


async def due(db: Connection, only: list[int]) -> list[int]:
    """Return the running campaigns with a batch to be claimed now.

    Without `only`: all of them, but for those that wait until a later moment.
    """
    found = await (await db.execute(_DUE, {"only": only, "hearing": HEARING})).fetchall()
    return [campaign_id for (campaign_id,) in found]


# --- claim ----------------------------------------------------------------------------------

_FIND = f"""
    SELECT b.id, b.state, b.fence, b.attempts
    FROM newsletter_batch b
    WHERE b.campaign_id = %(campaign)s
      AND b.state IN ('waiting', 'claimed')
      AND (b.state = 'waiting' AND b.due_at <= now()
           OR {_HAS_LEFT})
      AND EXISTS (
          SELECT 1 FROM newsletter_campaign c WHERE c.id = b.campaign_id AND c.status = 'running'
      )
    -- What was given back goes to the end, so that one bad batch does not hold up the others.
    ORDER BY b.due_at, b.id
    LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
"""  # noqa: S608  (made of constants)
_TAKE = """
    UPDATE newsletter_batch
    SET state = %(state)s, fence = fence + 1, attempts = attempts + 1, claimed_at = now(),
        run = %(run)s,
        lease_until = now() + %(lease)s * interval '1 second'
    WHERE id = %(batch)s
    RETURNING fence
"""
# A journal that has lost this row has lost others too (see Handover).
_WITNESS = f"""
    INSERT INTO newsletter_handover (batch_id, fence, turn, subscriber_ids, accepted_ids, free_ids)
    VALUES (%(batch)s, %(fence)s, {Handover.WITNESS}, '{{}}', '{{}}', '{{}}')
"""  # noqa: S608  (made of constants)
# All of it in one statement, for a batch that was not held. What this statement reads is older than
# the lock that it takes, so it looks at nothing but the batch's own row, which a lock reads anew.
# The outcomes and the journal of whoever held it a moment ago are for the statements after it.
_TAKE_WAITING = Statement(f"""
    WITH found AS MATERIALIZED (
        {_FIND % {"campaign": "$1::bigint", "hearing": "$2::float8"}}
    ), taken AS (
        UPDATE newsletter_batch b
        SET state = 'claimed', fence = b.fence + 1, attempts = b.attempts + 1, claimed_at = now(),
            run = $3::bigint, lease_until = now() + $4::float8 * interval '1 second'
        FROM found
        WHERE b.id = found.id AND found.state = 'waiting' AND found.attempts < {ATTEMPTS}
        RETURNING b.id, b.fence
    ), witness AS (
        INSERT INTO newsletter_handover (
            batch_id, fence, turn, subscriber_ids, accepted_ids, free_ids
        )
        SELECT id, fence, {Handover.WITNESS}, '{{}}', '{{}}', '{{}}' FROM taken
    )
    SELECT found.id, taken.fence FROM found LEFT JOIN taken ON true
""")  # noqa: S608  (made of constants)


async def claim(db: Connection, campaign_id: int, run: int) -> Claim | None:
    """Take a batch that nobody holds, for the run with this number.

    None when there is none, or the campaign is not running. A batch whose worker died is taken
    over: who was being handed over at that moment is in doubt, the others are ours. Nobody's is
    taken over while PostgreSQL has only just come up. A batch that ended badly ATTEMPTS times is
    set aside.
    """
    values = campaign_id, HEARING, run, settings.SEND_LEASE
    found = await _TAKE_WAITING.run(db, *(b"%d" % value for value in values))
    if not found:
        return None
    [(batch_id, fence)] = found
    if fence is not None:
        return Claim(batch_id, fence)
    return await _claim_by_steps(db, campaign_id, run)


async def _claim_by_steps(db: Connection, campaign_id: int, run: int) -> Claim | None:
    """Take what is not simply waiting: it is settled first, or set aside."""
    while True:
        async with db.transaction():
            await db.execute(_AS_USUAL)
            found = await (
                await db.execute(_FIND, {"campaign": campaign_id, "hearing": HEARING})
            ).fetchone()
            if found is None:
                return None
            batch_id, state, old_fence, attempts = found
            is_poison = attempts >= ATTEMPTS
            cursor = await db.execute(
                _TAKE,
                {
                    "batch": batch_id,
                    "run": run,
                    "lease": settings.SEND_LEASE,
                    "state": Batch.State.SET_ASIDE if is_poison else Batch.State.CLAIMED,
                },
            )
            (fence,) = await cursor.fetchone() or (0,)
            if state == Batch.State.CLAIMED:
                await _settle_journal(db, batch_id, old_fence, fence)
            await db.execute(FORGET_CLAIMS, {"batch": batch_id, "fence": fence})
            if not is_poison:
                await db.execute(_WITNESS, {"batch": batch_id, "fence": fence})
                return Claim(batch_id, fence)


_FIND_OWN = """
    SELECT id, fence FROM newsletter_batch
    WHERE campaign_id = %(campaign)s AND run = %(run)s AND state = 'claimed'
      AND id <> ALL(%(known)s)
    LIMIT 1
    FOR UPDATE
"""
_RENEW = """
    UPDATE newsletter_batch SET lease_until = now() + %(lease)s * interval '1 second'
    WHERE id = %(batch)s
"""


async def find_own(db: Connection, campaign_id: int, run: int, known: list[int]) -> Claim | None:
    """Return a batch that was claimed for a run which did not hear of it, since a connection broke.

    `known`: the batches that it holds. Nothing of the others has been handed over.
    """
    async with db.transaction():
        names = {"campaign": campaign_id, "run": run, "known": known}
        found = await (await db.execute(_FIND_OWN, names)).fetchone()
        if found is None:
            return None
        batch_id, fence = found
        await db.execute(_RENEW, {"batch": batch_id, "lease": settings.SEND_LEASE})
        await db.execute(f"{_WITNESS} ON CONFLICT DO NOTHING", {"batch": batch_id, "fence": fence})
        return Claim(batch_id, fence)


_FIND_ABANDONED = f"""
    SELECT b.id, b.fence
    FROM newsletter_batch b
    WHERE {_HAS_LEFT}
      AND EXISTS (
          SELECT 1 FROM newsletter_campaign c WHERE c.id = b.campaign_id AND c.status <> 'running'
      )
    LIMIT 1
    FOR UPDATE OF b SKIP LOCKED
"""  # noqa: S608  (made of constants)
_FENCE_OFF = "UPDATE newsletter_batch SET fence = fence + 1 WHERE id = %(batch)s RETURNING fence"


def has_abandoned() -> bool:
    """Whether a worker died over a batch of a campaign that was then paused or cancelled."""
    dead = Batch.objects.filter(state=Batch.State.CLAIMED, lease_until__lt=Now())
    return dead.exclude(campaign__status=Campaign.Status.RUNNING).exists()


async def settle_abandoned(db: Connection) -> None:
    """Take these over too: nobody claims them, and their sum has to balance all the same."""
    while True:
        async with db.transaction():
            found = await (await db.execute(_FIND_ABANDONED, {"hearing": HEARING})).fetchone()
            if found is None:
                return
            batch_id, old_fence = found
            (fence,) = await (await db.execute(_FENCE_OFF, {"batch": batch_id})).fetchone() or (0,)
            await _settle_journal(db, batch_id, old_fence, fence)
            await let_go(db, Claim(batch_id, fence), delay=0, is_orderly=False)


_HAS_WITNESS = """
    SELECT EXISTS (
        SELECT 1 FROM newsletter_handover
        WHERE batch_id = %(batch)s AND fence = %(old_fence)s AND turn = %(witness)s
    )
"""
# Whoever was freed may have been offered to another connection afterwards: the last turn decides.
_WHAT_CAME_OF_IT = """
    WITH notes AS (
        SELECT * FROM newsletter_handover WHERE batch_id = %(batch)s
    ), noted AS (
        SELECT id, max(turn) AS turn FROM notes, unnest(subscriber_ids) AS id GROUP BY id
        UNION ALL
        SELECT unnest(subscriber_ids), NULL FROM newsletter_batch
        WHERE id = %(batch)s AND NOT %(has_witness)s
    ), freed AS (
        SELECT id, max(turn) AS turn FROM notes, unnest(free_ids) AS id GROUP BY id
    ), accepted AS (
        SELECT DISTINCT unnest(accepted_ids) AS id FROM notes
    )
    SELECT id, 'sent', '', '', NULL FROM accepted
    UNION
    SELECT id, 'in_doubt', '', %(reason)s, NULL FROM noted LEFT JOIN freed USING (id)
    WHERE id NOT IN (SELECT id FROM accepted)
      AND (noted.turn IS NULL OR freed.turn IS NULL OR noted.turn > freed.turn)
"""


async def _settle_journal(db: Connection, batch_id: int, old_fence: int, fence: int) -> None:
    """Say what became of a batch whose worker showed no sign of life, as far as it is known."""
    names = {"batch": batch_id, "old_fence": old_fence, "witness": Handover.WITNESS}
    (has_witness,) = await (await db.execute(_HAS_WITNESS, names)).fetchone() or (False,)
    reason = STOPPED if has_witness else CRASHED
    known = {"batch": batch_id, "has_witness": has_witness, "reason": reason}
    outcomes = await (await db.execute(_WHAT_CAME_OF_IT, known)).fetchall()
    # Who has an outcome already keeps it.
    known_outcomes = Record(outcomes=[Outcome._make(outcome) for outcome in outcomes])
    await store(db, Claim(batch_id, fence), known_outcomes)


# --- who has left ---------------------------------------------------------------------------

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
    cursor = await db.execute(_NO_LONGER, {"people": people, "lists": list_ids, **REASONS})
    return dict(await cursor.fetchall())


def add(campaign_id: int, people: list[int], status: Delivery.Status) -> None:
    """Make batches for people who are sent to again, whose outcome so far is `status`.

    That is taken off the new batches' own counters, since the old ones go on to count it.
    """
    size = settings.SEND_BATCH_SIZE
    Batch.objects.bulk_create(
        Batch(
            campaign_id=campaign_id,
            subscriber_ids=some,
            size=len(some),
            taken_back=len(some),
            **{status.value: -len(some)},
        )
        for some in (people[n : n + size] for n in range(0, len(people), size))
    )


def tidy() -> None:
    """Remove rows of the journal that a broken connection left to a batch that nobody holds."""
    Handover.objects.exclude(batch__state=Batch.State.CLAIMED).delete()
