"""Counts a campaign's sums anew from its events.

Promise: the sums are then what the events say, whatever they were before, and stay so while hits
come in: ingest waits for the campaign's totals, which are locked first, and adds its own after.
"""

from django.db import connection, transaction

from tracking import breakdowns, origins, rollups
from tracking.sums import ADD_SERIES, BIT, CLASS, FOLLOWED, FORWARD_COUNTS

_LOCK = """
SELECT kept_from FROM tracking_campaigntotal WHERE campaign_id = %s FOR UPDATE
"""
_EMPTY = """
SET LOCAL jit = off;
DELETE FROM tracking_readerlink WHERE link_id IN (
    SELECT link_id FROM tracking_linktotal WHERE campaign_id = %(campaign)s
);
DELETE FROM tracking_linktotal WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_forwardtotal WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_verdicttotal WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_breakdown WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_campaignmoment WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_campaignhour WHERE campaign_id = %(campaign)s;
DELETE FROM tracking_reader WHERE campaign_id = %(campaign)s;
"""

# People who have been erased (below 0) still count, but have no row of their own.
_READERS = f"""
INSERT INTO tracking_reader
    (campaign_id, subscriber_id, opens, clicks, machine_opens, machine_clicks,
     first_open_at, last_open_at, first_click_at, last_click_at, seen, gained)
SELECT campaign_id, subscriber_id, count(*) FILTER (WHERE class = 1),
       count(*) FILTER (WHERE class = 2), count(*) FILTER (WHERE class = 3),
       count(*) FILTER (WHERE class = 4),
       min(occurred_at) FILTER (WHERE class = 1), max(occurred_at) FILTER (WHERE class = 1),
       min(occurred_at) FILTER (WHERE class = 2), max(occurred_at) FILTER (WHERE class = 2),
       coalesce(bit_or({BIT}) FILTER (WHERE forward_id = 0), 0), 0
FROM (
    SELECT *, {CLASS} AS class FROM tracking_event
    WHERE campaign_id = %(campaign)s AND subscriber_id > 0
) hits
GROUP BY campaign_id, subscriber_id
"""  # noqa: S608 (all parts are constants)

_TIMES = f"""
WITH ranked AS (
    SELECT campaign_id, occurred_at, class,
           subscriber_id <> 0 AND class IN (1, 2) AND row_number() OVER (
               PARTITION BY subscriber_id, class ORDER BY occurred_at
           ) = 1 AS is_first
    FROM (
        SELECT *, {CLASS} AS class FROM tracking_event WHERE campaign_id = %(campaign)s
    ) hits WHERE class > 0
), slots AS (
    SELECT campaign_id, floor(extract(epoch FROM occurred_at) / 300)::bigint AS slot,
           count(*) FILTER (WHERE class = 1) AS opens, count(*) FILTER (WHERE class = 2) AS clicks,
           count(*) FILTER (WHERE class = 1 AND is_first) AS unique_opens,
           count(*) FILTER (WHERE class = 2 AND is_first) AS unique_clicks,
           count(*) FILTER (WHERE class = 3) AS machine_opens,
           count(*) FILTER (WHERE class = 4) AS machine_clicks
    FROM ranked GROUP BY 1, 2
), {ADD_SERIES}
SELECT
"""  # noqa: S608 (all parts are constants)

_VERDICTS = """
INSERT INTO tracking_verdicttotal (campaign_id, kind, verdict, hits, people, forwarded_hits)
SELECT campaign_id, kind, verdict, count(*) FILTER (WHERE forward_id = 0),
       count(DISTINCT nullif(subscriber_id, 0)) FILTER (WHERE forward_id = 0),
       count(*) FILTER (WHERE forward_id <> 0)
FROM tracking_event WHERE campaign_id = %(campaign)s GROUP BY 1, 2, 3
"""

_CLICKS = f"""
WITH clicks AS (
    SELECT link_id, subscriber_id, count(*) FILTER (WHERE class = 2) AS clicks,
           count(*) FILTER (WHERE class = 4) AS machine_clicks
    FROM (
        SELECT *, {CLASS} AS class FROM tracking_event WHERE campaign_id = %(campaign)s
    ) hits WHERE class IN (2, 4) GROUP BY link_id, subscriber_id
), readers AS (
    INSERT INTO tracking_readerlink (link_id, subscriber_id, clicks, machine_clicks)
    SELECT * FROM clicks WHERE subscriber_id > 0
)
INSERT INTO tracking_linktotal
    (link_id, campaign_id, clicks, unique_clicks, machine_clicks, unique_machine_clicks)
SELECT link_id, %(campaign)s, sum(clicks),
       count(*) FILTER (WHERE subscriber_id <> 0 AND clicks > 0), sum(machine_clicks),
       count(*) FILTER (WHERE subscriber_id <> 0 AND machine_clicks > 0)
FROM clicks GROUP BY link_id
"""  # noqa: S608 (all parts are constants)

_FORWARDS = f"""
INSERT INTO tracking_forwardtotal
    (forward_id, campaign_id, opens, clicks, visits, machine_opens, machine_clicks, machine_visits,
     first_at, last_at)
SELECT forward_id, campaign_id, {FORWARD_COUNTS}, min(occurred_at) FILTER (WHERE {FOLLOWED}),
       max(occurred_at) FILTER (WHERE {FOLLOWED})
FROM tracking_event WHERE campaign_id = %(campaign)s AND forward_id <> 0
GROUP BY forward_id, campaign_id
"""  # noqa: S608 (all parts are constants)

_TOTALS = f"""
UPDATE tracking_campaigntotal SET
    opens = new.opens, clicks = new.clicks,
    machine_opens = new.machine_opens, machine_clicks = new.machine_clicks,
    unique_opens = new.unique_opens, unique_clicks = new.unique_clicks,
    unique_machine_opens = new.unique_machine_opens,
    unique_machine_clicks = new.unique_machine_clicks
FROM (
    SELECT count(*) FILTER (WHERE class = 1) AS opens, count(*) FILTER (WHERE class = 2) AS clicks,
           count(*) FILTER (WHERE class = 3) AS machine_opens,
           count(*) FILTER (WHERE class = 4) AS machine_clicks,
           count(DISTINCT person) FILTER (WHERE class = 1) AS unique_opens,
           count(DISTINCT person) FILTER (WHERE class = 2) AS unique_clicks,
           count(DISTINCT person) FILTER (WHERE class = 3) AS unique_machine_opens,
           count(DISTINCT person) FILTER (WHERE class = 4) AS unique_machine_clicks
    FROM (
        SELECT {CLASS} AS class, nullif(subscriber_id, 0) AS person FROM tracking_event
        WHERE campaign_id = %(campaign)s
    ) hits
) new
WHERE campaign_id = %(campaign)s
"""  # noqa: S608 (all parts are constants)

_BREAKDOWNS = breakdowns.adding(
    f"(SELECT *, {CLASS} AS class FROM tracking_event WHERE campaign_id = %(campaign)s)"  # noqa: S608 (likewise)
)

_STATEMENTS = (
    *(_EMPTY, _READERS, _TIMES, _VERDICTS, _CLICKS, _FORWARDS, _TOTALS),
    _BREAKDOWNS,
)


def rebuild(campaign_id: int) -> bool:
    """Count all sums of a campaign anew. Returns False when they are left as they are.

    They are when retention has dropped some of the events, or when the campaign has no sums.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # An erasure would look for the names in rows that are made anew here, and miss them.
        rollups.join_ingest(cursor)
        cursor.execute(_LOCK, [campaign_id])
        # Rows first: what was committed before the lock is seen by the statements that follow.
        known = cursor.fetchone()
        if known is None or known[0] is not None:
            return False
        origins.read_again(cursor, campaign_id)
        for statement in _STATEMENTS:
            cursor.execute(statement, {"campaign": campaign_id})
    return True
