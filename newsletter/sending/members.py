"""Who is in a batch that was just claimed, and which of them may be written to.

This is done for everybody who is mailed, so it does little for each: what most of them don't have
(a reason not to be mailed, a "later" of a server) is NULL, and their attributes stay text until a
template asks for them.
"""

import random
from functools import partial
from typing import NamedTuple

from newsletter.composing import Person
from newsletter.sending.database import Connection, Statement
from newsletter.sending.prepared import array
from newsletter.sending.recording import Claim

# Why somebody of the frozen audience is skipped, as people read it.
REASONS = {
    "gone": "No longer a subscriber.",
    "suppressed": "On the suppression list.",
    "left": "Left the list.",
}


class Unusual(NamedTuple):
    """What is to be known of the few who can't simply be mailed for the first time."""

    skip: str  # why they are not to be mailed; empty: they are
    deferrals: int  # how often a server has said "later"
    deferred_for: float  # seconds since it said so first


class Found(NamedTuple):
    """Everybody in a batch who has no outcome."""

    people: list[Person]
    unusual: dict[int, Unusual]  # by subscriber id


_PEOPLE = Statement("""
    WITH forgotten AS (
        -- A row that a broken connection left to an earlier claim.
        DELETE FROM newsletter_handover WHERE batch_id = $1::bigint AND fence < $2::int
    )
    SELECT member.id, coalesce(s.email, ''), s.name, s.attributes::text, s.language, s.tracking,
           CASE WHEN s.id IS NULL THEN 'gone'
                WHEN EXISTS (
                    SELECT 1 FROM subscribers_suppression x WHERE x.email_hash = s.email_hash
                ) THEN 'suppressed'
                WHEN NOT EXISTS (
                    SELECT 1 FROM subscribers_subscription sub
                    WHERE sub.subscriber_id = s.id AND sub.status = 'active'
                      AND sub.mailing_list_id = ANY($3::bigint[])
                ) THEN 'left' END,
           d.attempts,
           extract(epoch FROM now() - d.since)::float8
    FROM newsletter_batch b
    CROSS JOIN unnest(b.subscriber_ids) AS member(id)
    LEFT JOIN subscribers_subscriber s ON s.id = member.id
    LEFT JOIN newsletter_deferral d ON d.batch_id = b.id AND d.subscriber_id = member.id
    WHERE b.id = $1::bigint AND b.fence = $2::int AND member.id > 0
      AND (d.due_at IS NULL OR d.due_at <= now())
      AND NOT EXISTS (
          SELECT 1 FROM newsletter_delivery done
          WHERE done.campaign_id = b.campaign_id AND done.subscriber_id = member.id
          -- Not as a join: one that is planned on an empty table may go through all of a
          -- campaign's outcomes for each person.
          OFFSET 0
      )
""")
_COLUMNS = len(Person._fields)
_person = partial(tuple.__new__, Person)  # half the price of Person._make


async def find(db: Connection, claim: Claim, list_ids: list[int]) -> Found:
    """Return everybody in a batch who has no outcome, with what must be known before mailing."""
    names = b"%d" % claim.batch_id, b"%d" % claim.fence, array(list_ids).encode()
    rows = await _PEOPLE.run(db, *names)
    # Refusals in a row are to mean the server, not that similar addresses stand together.
    random.shuffle(rows)
    unusual = {}
    for row in rows:
        skip, deferrals, deferred_for = row[_COLUMNS:]
        if skip or deferrals:
            unusual[row[0]] = Unusual(REASONS.get(skip, ""), deferrals or 0, deferred_for or 0.0)
    return Found([_person(row[:_COLUMNS]) for row in rows], unusual)
