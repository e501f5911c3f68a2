"""Stores hits and keeps the sums that reports read, all in the caller's transaction.

The hits come into a temporary table by COPY; a few statements, each over all of them, do the rest.
Sums are exact at any moment, whatever the order in which hits come: a person is counted as unique
in the hour of their first hit, and moves when an older one comes late. When hits are judged again,
tracking/amending.py moves the sums.

Two ingesters at once: each locks the totals of its campaigns, in the order of their numbers, before
it looks at readers. So neither sees half of what the other does, and they can't deadlock. Storing
the events themselves, the greater part, comes before that and is not held up.
"""

from collections.abc import Iterable

from django.db import connection
from django.db.backends.utils import CursorWrapper

from tracking import arriving, breakdowns
from tracking.classify import RULES, WINDOW
from tracking.sums import (
    ADD_SERIES,
    ADD_VERDICTS,
    BIT,
    CLASS,
    EXPAND_BITS,
    FOLLOWED,
    FORWARD_COUNTS,
    MACHINE_CLICKS,
    MACHINE_OPENS,
)

ERASING = 0x6272_6F62  # an advisory lock, see `lock_out_ingest`

_STAGING = f"""
-- Compiling a statement takes longer than running it; and a large batch shall not go to the disk.
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
-- Nothing here comes sorted, which the planner can't know.
SET LOCAL enable_mergejoin = off;
CREATE TEMPORARY TABLE IF NOT EXISTS tracking_staging (
    kind smallint NOT NULL,
    campaign_id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    forward_id bigint NOT NULL,
    link_id bigint NOT NULL,
    at bigint NOT NULL,
    network inet,
    user_agent text NOT NULL,
    marks jsonb NOT NULL,
    since_sent bigint,  -- milliseconds
    verdict smallint NOT NULL,
    reason varchar(60) NOT NULL,
    program smallint NOT NULL,
    country smallint NOT NULL,
    class smallint NOT NULL GENERATED ALWAYS AS ({CLASS}) STORED
) ON COMMIT DELETE ROWS;
-- Emptied by the commit, but this may be the second time in one transaction.
DELETE FROM tracking_staging
"""  # noqa: S608 (all parts are constants)

_COPY = """
COPY tracking_staging (kind, campaign_id, subscriber_id, forward_id, link_id, at, network,
                       user_agent, marks, since_sent, verdict, reason, program, country)
FROM STDIN
"""

_STORE_EVENTS = f"""
INSERT INTO tracking_event
    (occurred_at, campaign_id, subscriber_id, forward_id, link_id, kind, network, user_agent, marks,
     since_sent, verdict, reason, rules, program, country)
SELECT to_timestamp(at / 1000::float8), campaign_id, subscriber_id, forward_id, link_id, kind,
       network, user_agent, marks, since_sent / 1000::float8, verdict, reason, {RULES}, program,
       country
FROM tracking_staging
"""  # noqa: S608 (all parts are constants)

# Also the lock: see above.
_ADD_TOTALS = """
INSERT INTO tracking_campaigntotal AS total
    (campaign_id, opens, clicks, machine_opens, machine_clicks,
     unique_opens, unique_clicks, unique_machine_opens, unique_machine_clicks)
SELECT campaign_id, count(*) FILTER (WHERE class = 1), count(*) FILTER (WHERE class = 2),
       count(*) FILTER (WHERE class = 3), count(*) FILTER (WHERE class = 4), 0, 0, 0, 0
FROM tracking_staging GROUP BY campaign_id ORDER BY campaign_id
ON CONFLICT (campaign_id) DO UPDATE SET
    opens = total.opens + EXCLUDED.opens,
    clicks = total.clicks + EXCLUDED.clicks,
    machine_opens = total.machine_opens + EXCLUDED.machine_opens,
    machine_clicks = total.machine_clicks + EXCLUDED.machine_clicks
"""

# `stored` gives each reader after this batch, and in `gained` what the batch brought: verdicts that
# this person's hits had not had yet, a first open or click, and one before what had been the first.
# Then their unique open moves to its hour. All parts of one statement see the tables as they were
# before it, which is how `former` finds the hour to move it from: few rows, since few hits come
# late.
_FIRST_OPEN, _FIRST_CLICK, _EARLIER_OPEN, _EARLIER_CLICK = (1 << bit for bit in range(48, 52))
_ADD_READERS = f"""
WITH hits AS (
    SELECT campaign_id, subscriber_id,
           count(*) FILTER (WHERE class = 1) AS opens,
           count(*) FILTER (WHERE class = 2) AS clicks,
           count(*) FILTER (WHERE class = 3) AS machine_opens,
           count(*) FILTER (WHERE class = 4) AS machine_clicks,
           min(at) FILTER (WHERE class = 1) AS first_open,
           max(at) FILTER (WHERE class = 1) AS last_open,
           min(at) FILTER (WHERE class = 2) AS first_click,
           max(at) FILTER (WHERE class = 2) AS last_click,
           coalesce(bit_or({BIT}) FILTER (WHERE forward_id = 0), 0) AS seen
    FROM tracking_staging WHERE subscriber_id <> 0
    GROUP BY campaign_id, subscriber_id
), stored AS (
    INSERT INTO tracking_reader AS reader
        (campaign_id, subscriber_id, opens, clicks, machine_opens, machine_clicks,
         first_open_at, last_open_at, first_click_at, last_click_at, seen, gained)
    SELECT campaign_id, subscriber_id, opens, clicks, machine_opens, machine_clicks,
           to_timestamp(first_open / 1000::float8), to_timestamp(last_open / 1000::float8),
           to_timestamp(first_click / 1000::float8), to_timestamp(last_click / 1000::float8),
           seen, seen | CASE WHEN opens > 0 THEN {_FIRST_OPEN} ELSE 0 END
                      | CASE WHEN clicks > 0 THEN {_FIRST_CLICK} ELSE 0 END
    -- In the order of the index, neighbours meet on the same pages.
    FROM hits ORDER BY campaign_id, subscriber_id
    ON CONFLICT (campaign_id, subscriber_id) DO UPDATE SET
        opens = reader.opens + EXCLUDED.opens,
        clicks = reader.clicks + EXCLUDED.clicks,
        machine_opens = reader.machine_opens + EXCLUDED.machine_opens,
        machine_clicks = reader.machine_clicks + EXCLUDED.machine_clicks,
        first_open_at = least(reader.first_open_at, EXCLUDED.first_open_at),
        last_open_at = greatest(reader.last_open_at, EXCLUDED.last_open_at),
        first_click_at = least(reader.first_click_at, EXCLUDED.first_click_at),
        last_click_at = greatest(reader.last_click_at, EXCLUDED.last_click_at),
        seen = reader.seen | EXCLUDED.seen,
        gained = EXCLUDED.seen & ~reader.seen
            | CASE WHEN EXCLUDED.first_open_at < reader.first_open_at THEN {_EARLIER_OPEN}
                   WHEN EXCLUDED.opens > 0 AND reader.first_open_at IS NULL THEN {_FIRST_OPEN}
                   ELSE 0 END
            | CASE WHEN EXCLUDED.first_click_at < reader.first_click_at THEN {_EARLIER_CLICK}
                   WHEN EXCLUDED.clicks > 0 AND reader.first_click_at IS NULL THEN {_FIRST_CLICK}
                   ELSE 0 END
    RETURNING campaign_id, subscriber_id, first_open_at, first_click_at, seen, gained
), moves AS (
    SELECT campaign_id, floor(date_part('epoch', first_open_at) / 300) AS slot,
           count(*) AS opens, 0 AS clicks
    FROM stored WHERE gained & {_FIRST_OPEN | _EARLIER_OPEN} <> 0 GROUP BY 1, 2
    UNION ALL
    SELECT campaign_id, floor(date_part('epoch', first_click_at) / 300), 0, count(*)
    FROM stored WHERE gained & {_FIRST_CLICK | _EARLIER_CLICK} <> 0 GROUP BY 1, 2
    UNION ALL
    SELECT campaign_id, floor(date_part('epoch', former.first_open_at) / 300), -1, 0
    FROM stored JOIN tracking_reader former USING (campaign_id, subscriber_id)
    WHERE stored.gained & {_EARLIER_OPEN} <> 0
    UNION ALL
    SELECT campaign_id, floor(date_part('epoch', former.first_click_at) / 300), 0, -1
    FROM stored JOIN tracking_reader former USING (campaign_id, subscriber_id)
    WHERE stored.gained & {_EARLIER_CLICK} <> 0
), counted AS (
    SELECT campaign_id, at / 300000 AS slot, kind, verdict, class, forward_id <> 0 AS is_forwarded,
           count(*) AS hits
    FROM tracking_staging GROUP BY 1, 2, 3, 4, 5, 6
), slots AS (
    SELECT campaign_id, slot, CASE class WHEN 1 THEN hits ELSE 0 END AS opens,
           CASE class WHEN 2 THEN hits ELSE 0 END AS clicks,
           0 AS unique_opens, 0 AS unique_clicks,
           CASE class WHEN 3 THEN hits ELSE 0 END AS machine_opens,
           CASE class WHEN 4 THEN hits ELSE 0 END AS machine_clicks
    FROM counted WHERE class > 0
    UNION ALL
    SELECT campaign_id, slot::bigint, 0, 0, opens, clicks, 0, 0 FROM moves
), gains AS (
    SELECT campaign_id, seen & ~gained AS had, gained, count(*) AS people
    FROM stored WHERE gained <> 0 GROUP BY 1, 2, 3
), {ADD_SERIES}, verdicts AS (
    SELECT campaign_id, kind, verdict, CASE WHEN is_forwarded THEN 0 ELSE hits END AS hits,
           0 AS people, CASE WHEN is_forwarded THEN hits ELSE 0 END AS forwarded_hits
    FROM counted
    UNION ALL
    SELECT campaign_id, kind, verdict, 0, people, 0 FROM gains CROSS JOIN LATERAL
        ({EXPAND_BITS.format(bits="gained")}) bits
), {ADD_VERDICTS}
UPDATE tracking_campaigntotal total SET
    unique_opens = total.unique_opens + new.opens,
    unique_clicks = total.unique_clicks + new.clicks,
    unique_machine_opens = total.unique_machine_opens + new.machine_opens,
    unique_machine_clicks = total.unique_machine_clicks + new.machine_clicks
FROM (
    SELECT campaign_id, sum(opens) AS opens, sum(clicks) AS clicks,
           sum(machine_opens) AS machine_opens, sum(machine_clicks) AS machine_clicks
    FROM (
        SELECT campaign_id, opens, clicks, 0 AS machine_opens, 0 AS machine_clicks FROM moves
        UNION ALL
        SELECT campaign_id, 0, 0,
               CASE WHEN gained & {MACHINE_OPENS} <> 0 AND had & {MACHINE_OPENS} = 0
                    THEN people ELSE 0 END,
               CASE WHEN gained & {MACHINE_CLICKS} <> 0 AND had & {MACHINE_CLICKS} = 0
                    THEN people ELSE 0 END
        FROM gains
    ) parts GROUP BY campaign_id
) new
WHERE total.campaign_id = new.campaign_id
"""  # noqa: S608 (all parts are constants)

# A link's clicks and, in the same way, whether each of its readers had clicked it before.
_ADD_LINKS = """
WITH hits AS (
    SELECT link_id, campaign_id, subscriber_id, count(*) FILTER (WHERE class = 2) AS clicks,
           count(*) FILTER (WHERE class = 4) AS machine_clicks
    FROM tracking_staging WHERE class IN (2, 4) GROUP BY link_id, campaign_id, subscriber_id
), stored AS (
    INSERT INTO tracking_readerlink AS reader (link_id, subscriber_id, clicks, machine_clicks)
    SELECT link_id, subscriber_id, clicks, machine_clicks FROM hits WHERE subscriber_id <> 0
    ORDER BY link_id, subscriber_id
    ON CONFLICT (link_id, subscriber_id) DO UPDATE SET
        clicks = reader.clicks + EXCLUDED.clicks,
        machine_clicks = reader.machine_clicks + EXCLUDED.machine_clicks
    RETURNING link_id, subscriber_id, clicks, machine_clicks
)
INSERT INTO tracking_linktotal AS known
    (link_id, campaign_id, clicks, unique_clicks, machine_clicks, unique_machine_clicks)
SELECT hits.link_id, hits.campaign_id, sum(hits.clicks),
       count(*) FILTER (WHERE hits.clicks > 0 AND stored.clicks = hits.clicks),
       sum(hits.machine_clicks),
       count(*) FILTER (
           WHERE hits.machine_clicks > 0 AND stored.machine_clicks = hits.machine_clicks
       )
FROM hits LEFT JOIN stored USING (link_id, subscriber_id)
GROUP BY hits.link_id, hits.campaign_id
ON CONFLICT (link_id) DO UPDATE SET
    clicks = known.clicks + EXCLUDED.clicks,
    unique_clicks = known.unique_clicks + EXCLUDED.unique_clicks,
    machine_clicks = known.machine_clicks + EXCLUDED.machine_clicks,
    unique_machine_clicks = known.unique_machine_clicks + EXCLUDED.unique_machine_clicks
"""

_ADD_FORWARDS = f"""
INSERT INTO tracking_forwardtotal AS known
    (forward_id, campaign_id, opens, clicks, visits, machine_opens, machine_clicks, machine_visits,
     first_at, last_at)
SELECT forward_id, min(campaign_id), {FORWARD_COUNTS},
       to_timestamp(min(at) FILTER (WHERE {FOLLOWED}) / 1000::float8),
       to_timestamp(max(at) FILTER (WHERE {FOLLOWED}) / 1000::float8)
FROM tracking_staging WHERE forward_id <> 0 GROUP BY forward_id
ON CONFLICT (forward_id) DO UPDATE SET
    opens = known.opens + EXCLUDED.opens,
    clicks = known.clicks + EXCLUDED.clicks,
    visits = known.visits + EXCLUDED.visits,
    machine_opens = known.machine_opens + EXCLUDED.machine_opens,
    machine_clicks = known.machine_clicks + EXCLUDED.machine_clicks,
    machine_visits = known.machine_visits + EXCLUDED.machine_visits,
    first_at = least(known.first_at, EXCLUDED.first_at),
    last_at = greatest(known.last_at, EXCLUDED.last_at)
"""  # noqa: S608 (all parts are constants)

_ADD_MINUTES = f"""
INSERT INTO tracking_unsettledminute (minute, is_late)
SELECT to_timestamp(minute * 60), to_timestamp(minute * 60 + 60 + {WINDOW}) < now()
FROM (SELECT DISTINCT at / 60000 AS minute FROM tracking_staging) touched
"""  # noqa: S608 (all parts are constants)


# Of each mail program, kind of device and country.
_ADD_BREAKDOWNS = breakdowns.adding("tracking_staging")


def store(lines: Iterable[bytes]) -> None:
    """Store events and bring the sums up to date. Call in a transaction.

    Takes lines of hits as tracking/packs.py writes them, each hit once. Raises BadPack or one of
    the database's errors for lines that are none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAGING)
        join_ingest(cursor)
        judged = arriving.receive(cursor, lines)
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            copy.write("".join(judged))
        for statement in (_STORE_EVENTS, _ADD_TOTALS, _ADD_READERS, _ADD_LINKS):
            cursor.execute(statement)
        cursor.execute(_ADD_FORWARDS)
        cursor.execute(_ADD_BREAKDOWNS)
        cursor.execute(_ADD_MINUTES)


def join_ingest(cursor: CursorWrapper) -> None:
    """Wait until no erasure is in progress, and let none begin until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [ERASING])


def lock_out_ingest() -> None:
    """Wait until no hits are being stored, and let none be until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASING])
