"""Gives stored hits another verdict and moves the sums with them.

Promise: verdicts and sums change in one transaction, and the sums are then what counting the events
would give. Sums of hits move by what people gain and machines lose, or the other way. What is
counted by person, such as whose first open fell in which hour, is read anew from the events of the
few people whose hits are concerned.

A campaign of which retention dropped events keeps what these had added: first times before that
moment stay.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from tracking import breakdowns, rollups
from tracking.classify import RULES
from tracking.sums import (
    ADD_SERIES,
    ADD_VERDICTS,
    BIT,
    CLASS,
    EXPAND_BITS,
    FOLLOWED,
    MACHINE_CLICKS,
    MACHINE_OPENS,
    is_person,
)


class Change(NamedTuple):
    """What is to be thought of a hit from now on."""

    id: int
    occurred_at: datetime
    was: int  # the verdict that it has; when it has another by now, nothing is changed
    verdict: int
    reason: str
    since_sent: float | None  # seconds


_TABLES = """
SET LOCAL jit = off;
CREATE TEMPORARY TABLE IF NOT EXISTS tracking_change (
    id bigint, occurred_at timestamptz, was smallint, verdict smallint, reason varchar(60),
    since_sent real
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS tracking_amended (
    campaign_id bigint, subscriber_id bigint, forward_id bigint, link_id bigint, kind smallint,
    occurred_at timestamptz, program smallint, country smallint, was smallint, verdict smallint,
    gain smallint  -- 1: from a machine's to a person's; -1: the other way; 0: neither
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS tracking_touched (
    campaign_id bigint, subscriber_id bigint, opens bigint, clicks bigint,  -- gained
    old_open_at timestamptz, old_click_at timestamptz, old_seen bigint,
    first_open_at timestamptz, last_open_at timestamptz,
    first_click_at timestamptz, last_click_at timestamptz, seen bigint
) ON COMMIT DELETE ROWS;
-- Emptied by the commit, but this may be the second time in one transaction.
DELETE FROM tracking_change;
DELETE FROM tracking_amended;
DELETE FROM tracking_touched
"""

_COPY = "COPY tracking_change (id, occurred_at, was, verdict, reason, since_sent) FROM STDIN"

# In the order in which ingest takes them. Until the end of the transaction nobody adds to these
# campaigns' sums, and what was added before is seen by all statements that follow.
_LOCK = """
SELECT FROM tracking_campaigntotal WHERE campaign_id = ANY(%s) ORDER BY campaign_id FOR UPDATE
"""

# Those of people who have been erased have lost what they were judged by, and keep their verdicts.
_AMEND = f"""
WITH amended AS (
    UPDATE tracking_event event
    SET verdict = change.verdict, reason = change.reason, rules = {RULES},
        since_sent = change.since_sent
    FROM tracking_change change
    WHERE event.id = change.id AND event.occurred_at = change.occurred_at
      -- Said twice, so that partitions of other months are not looked into.
      AND event.occurred_at BETWEEN %s AND %s
      AND event.verdict = change.was AND event.subscriber_id >= 0
    RETURNING event.campaign_id, event.subscriber_id, event.forward_id, event.link_id, event.kind,
              event.occurred_at, event.program, event.country, change.was, event.verdict
)
INSERT INTO tracking_amended
SELECT *, ({is_person("verdict")})::int - ({is_person("was")})::int
FROM amended WHERE was <> verdict
"""  # noqa: S608 (all parts are constants)

_READ_READERS = f"""
INSERT INTO tracking_touched
SELECT campaign_id, subscriber_id, who.opens, who.clicks,
       reader.first_open_at, reader.first_click_at, reader.seen,
       CASE WHEN reader.first_open_at < kept_from THEN reader.first_open_at
            ELSE own.first_open_at END,
       CASE WHEN reader.first_open_at < kept_from
            THEN coalesce(own.last_open_at, least(reader.last_open_at, kept_from))
            ELSE own.last_open_at END,
       CASE WHEN reader.first_click_at < kept_from THEN reader.first_click_at
            ELSE own.first_click_at END,
       CASE WHEN reader.first_click_at < kept_from
            THEN coalesce(own.last_click_at, least(reader.last_click_at, kept_from))
            ELSE own.last_click_at END,
       own.seen | CASE WHEN kept_from IS NULL THEN 0 ELSE reader.seen END
FROM (
    SELECT campaign_id, subscriber_id, coalesce(sum(gain) FILTER (WHERE kind = 1), 0) AS opens,
           coalesce(sum(gain) FILTER (WHERE kind = 2), 0) AS clicks
    FROM tracking_amended WHERE forward_id = 0 AND subscriber_id > 0 GROUP BY 1, 2
) who
JOIN tracking_reader reader USING (campaign_id, subscriber_id)
JOIN tracking_campaigntotal USING (campaign_id)
CROSS JOIN LATERAL (
    SELECT min(occurred_at) FILTER (WHERE class = 1) AS first_open_at,
           max(occurred_at) FILTER (WHERE class = 1) AS last_open_at,
           min(occurred_at) FILTER (WHERE class = 2) AS first_click_at,
           max(occurred_at) FILTER (WHERE class = 2) AS last_click_at,
           coalesce(bit_or({BIT}), 0) AS seen
    FROM (
        SELECT *, {CLASS} AS class FROM tracking_event event
        WHERE event.campaign_id = who.campaign_id AND event.subscriber_id = who.subscriber_id
          AND forward_id = 0
    ) hits
) own
"""  # noqa: S608 (all parts are constants)

_MOVE_READERS = """
UPDATE tracking_reader reader SET
    opens = reader.opens + touched.opens,
    clicks = reader.clicks + touched.clicks,
    machine_opens = reader.machine_opens - touched.opens,
    machine_clicks = reader.machine_clicks - touched.clicks,
    first_open_at = touched.first_open_at, last_open_at = touched.last_open_at,
    first_click_at = touched.first_click_at, last_click_at = touched.last_click_at,
    seen = touched.seen
FROM tracking_touched touched
WHERE reader.campaign_id = touched.campaign_id AND reader.subscriber_id = touched.subscriber_id
"""

_MOVE_TOTALS = f"""
WITH firsts AS (
    SELECT campaign_id, old_open_at AS at, -1 AS opens, 0 AS clicks FROM tracking_touched
    UNION ALL SELECT campaign_id, first_open_at, 1, 0 FROM tracking_touched
    UNION ALL SELECT campaign_id, old_click_at, 0, -1 FROM tracking_touched
    UNION ALL SELECT campaign_id, first_click_at, 0, 1 FROM tracking_touched
), gains AS (
    SELECT campaign_id, occurred_at AS at, CASE kind WHEN 1 THEN gain ELSE 0 END AS opens,
           CASE kind WHEN 2 THEN gain ELSE 0 END AS clicks, 0 AS unique_opens, 0 AS unique_clicks
    FROM tracking_amended WHERE forward_id = 0 AND kind IN (1, 2) AND gain <> 0
    UNION ALL
    SELECT campaign_id, at, 0, 0, opens, clicks FROM firsts WHERE at IS NOT NULL
), slots AS (
    SELECT campaign_id, floor(extract(epoch FROM at) / 300)::bigint AS slot, opens, clicks,
           unique_opens, unique_clicks, -opens AS machine_opens, -clicks AS machine_clicks
    FROM gains
), verdicts AS (
    SELECT campaign_id, kind, was AS verdict, -(forward_id = 0)::int AS hits, 0 AS people,
           -(forward_id <> 0)::int AS forwarded_hits
    FROM tracking_amended
    UNION ALL
    SELECT campaign_id, kind, verdict, (forward_id = 0)::int, 0, (forward_id <> 0)::int
    FROM tracking_amended
    UNION ALL
    SELECT campaign_id, kind, verdict, 0, 1, 0 FROM tracking_touched CROSS JOIN LATERAL
        ({EXPAND_BITS.format(bits="(seen & ~old_seen)")}) bits
    UNION ALL
    SELECT campaign_id, kind, verdict, 0, -1, 0 FROM tracking_touched CROSS JOIN LATERAL
        ({EXPAND_BITS.format(bits="(old_seen & ~seen)")}) bits
), {ADD_SERIES}, {ADD_VERDICTS}
UPDATE tracking_campaigntotal total SET
    opens = total.opens + new.opens,
    clicks = total.clicks + new.clicks,
    machine_opens = total.machine_opens - new.opens,
    machine_clicks = total.machine_clicks - new.clicks,
    unique_opens = total.unique_opens + new.unique_opens,
    unique_clicks = total.unique_clicks + new.unique_clicks,
    unique_machine_opens = total.unique_machine_opens + new.unique_machine_opens,
    unique_machine_clicks = total.unique_machine_clicks + new.unique_machine_clicks
FROM (
    SELECT campaign_id, sum(opens) AS opens, sum(clicks) AS clicks,
           sum(unique_opens) AS unique_opens, sum(unique_clicks) AS unique_clicks,
           sum(machine_opens) AS unique_machine_opens, sum(machine_clicks) AS unique_machine_clicks
    FROM (
        SELECT campaign_id, opens, clicks, unique_opens, unique_clicks, 0 AS machine_opens,
               0 AS machine_clicks
        FROM gains
        UNION ALL
        SELECT campaign_id, 0, 0, 0, 0,
               (seen & {MACHINE_OPENS} <> 0)::int - (old_seen & {MACHINE_OPENS} <> 0)::int,
               (seen & {MACHINE_CLICKS} <> 0)::int - (old_seen & {MACHINE_CLICKS} <> 0)::int
        FROM tracking_touched
    ) parts GROUP BY campaign_id
) new
WHERE total.campaign_id = new.campaign_id
"""  # noqa: S608 (all parts are constants)

_MOVE_LINKS = """
WITH gains AS (
    SELECT link_id, subscriber_id, sum(gain) AS clicks FROM tracking_amended
    WHERE kind = 2 AND forward_id = 0 AND gain <> 0 GROUP BY link_id, subscriber_id
), moved AS (
    UPDATE tracking_readerlink reader SET
        clicks = reader.clicks + gains.clicks,
        machine_clicks = reader.machine_clicks - gains.clicks
    FROM gains
    WHERE reader.link_id = gains.link_id AND reader.subscriber_id = gains.subscriber_id
    RETURNING reader.link_id,
              (reader.clicks > 0)::int - (reader.clicks - gains.clicks > 0)::int AS people,
              (reader.machine_clicks > 0)::int
                  - (reader.machine_clicks + gains.clicks > 0)::int AS machines
)
UPDATE tracking_linktotal total SET
    clicks = total.clicks + new.clicks,
    unique_clicks = total.unique_clicks + new.people,
    machine_clicks = total.machine_clicks - new.clicks,
    unique_machine_clicks = total.unique_machine_clicks + new.machines
FROM (
    SELECT link_id, sum(clicks) AS clicks, sum(people) AS people, sum(machines) AS machines
    FROM (
        SELECT link_id, clicks, 0 AS people, 0 AS machines FROM gains
        UNION ALL SELECT link_id, 0, people, machines FROM moved
    ) parts GROUP BY link_id
) new
WHERE total.link_id = new.link_id
"""

_MOVE_FORWARDS = f"""
UPDATE tracking_forwardtotal known SET
    opens = known.opens + new.opens, machine_opens = known.machine_opens - new.opens,
    clicks = known.clicks + new.clicks, machine_clicks = known.machine_clicks - new.clicks,
    visits = known.visits + new.visits, machine_visits = known.machine_visits - new.visits,
    first_at = CASE WHEN known.first_at < new.kept_from THEN known.first_at ELSE new.first_at END,
    last_at = CASE WHEN known.first_at < new.kept_from
                   THEN coalesce(new.last_at, least(known.last_at, new.kept_from))
                   ELSE new.last_at END
FROM (
    SELECT gains.*, kept_from, first_at, last_at
    FROM (
        SELECT campaign_id, forward_id, coalesce(sum(gain) FILTER (WHERE kind = 1), 0) AS opens,
               coalesce(sum(gain) FILTER (WHERE kind = 2), 0) AS clicks,
               coalesce(sum(gain) FILTER (WHERE kind = 4), 0) AS visits
        FROM tracking_amended WHERE forward_id <> 0 AND gain <> 0 GROUP BY 1, 2
    ) gains
    JOIN tracking_campaigntotal USING (campaign_id)
    CROSS JOIN LATERAL (
        SELECT min(occurred_at) FILTER (WHERE {FOLLOWED}) AS first_at,
               max(occurred_at) FILTER (WHERE {FOLLOWED}) AS last_at
        FROM tracking_event event
        WHERE event.campaign_id = gains.campaign_id AND event.forward_id = gains.forward_id
          AND event.forward_id <> 0  -- what the index is made for
    ) hits
) new
WHERE known.forward_id = new.forward_id
"""  # noqa: S608 (all parts are constants)


def amend(changes: Sequence[Change], campaigns: set[int]) -> None:
    """Store changes of hits of these campaigns, and move the sums. One transaction."""
    first = min(change.occurred_at for change in changes)
    last = max(change.occurred_at for change in changes)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_TABLES)
        # Before anything is locked: PostgreSQL waits for a COPY that hangs without end.
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            for change in changes:
                copy.write_row(change)
        cursor.execute("ANALYZE tracking_change")
        rollups.join_ingest(cursor)
        cursor.execute(_LOCK, [sorted(campaigns)])
        cursor.execute(_AMEND, [first, last])
        if not cursor.rowcount:
            return
        cursor.execute("ANALYZE tracking_amended")
        cursor.execute(_READ_READERS)
        for statement in (_MOVE_READERS, _MOVE_TOTALS, _MOVE_LINKS, _MOVE_FORWARDS):
            cursor.execute(statement)
        cursor.execute(breakdowns.MOVE)
