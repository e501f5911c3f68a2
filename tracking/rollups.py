"""Stores hits and keeps the sums that reports read, all in the caller's transaction.

The hits come into a temporary table by COPY; a few statements, each over all of them, do the rest.
Sums are exact at any moment, whatever the order in which hits come: a person is counted as unique
in the hour of their first hit, and moves when an older one comes late.

Two ingesters at once: each locks the totals of its campaigns, in the order of their numbers, before
it looks at readers. So neither sees half of what the other does, and they can't deadlock. Storing
the events themselves, the greater part, comes before that and is not held up.
"""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper

from subscribers.models import TrackingChoice

ERASING = 0x6272_6F62  # an advisory lock, see `lock_out_ingest`

_STAGING = """
-- Compiling a statement takes longer than running it; and a large batch shall not go to the disk.
SET LOCAL jit = off;
SET LOCAL work_mem = '64MB';
CREATE TEMPORARY TABLE IF NOT EXISTS tracking_staging (
    kind smallint NOT NULL,
    campaign_id bigint NOT NULL,
    subscriber_id bigint NOT NULL,
    forward_id bigint NOT NULL,
    link_id bigint NOT NULL,
    at bigint NOT NULL,
    network inet,
    user_agent text NOT NULL,
    marks jsonb NOT NULL
) ON COMMIT DELETE ROWS;
-- Emptied by the commit, but this may be the second time in one transaction.
DELETE FROM tracking_staging
"""

_COPY = "COPY tracking_staging FROM STDIN"
# What these tables have no place for: other kinds, copies of others, and requests of HEAD.
_DROP_UNKNOWN = """
DELETE FROM tracking_staging WHERE kind > 2 OR forward_id <> 0 OR marks ? 'method'
"""

# In what follows kind 1 is an open and 2 a click (tracking.models.Kind).

# What people chose counts when the hit arrives, not when the mail was made: who withdrew since
# then is not counted, and who is gone or chose `aggregate` is counted without a name.
_READ_CHOICES = """
WITH people AS (
    SELECT DISTINCT subscriber_id AS id FROM tracking_staging WHERE subscriber_id <> 0
), choices AS (
    SELECT people.id, coalesce(nullif(subscriber.tracking, ''), %(default)s) AS choice,
           subscriber.id IS NULL AS gone
    FROM people LEFT JOIN subscribers_subscriber subscriber USING (id)
)
SELECT id, gone OR choice <> %(off)s FROM choices WHERE gone OR choice <> %(individual)s
"""
_FORGET_NAMES = "UPDATE tracking_staging SET subscriber_id = 0 WHERE subscriber_id = ANY(%s)"
_DROP = "DELETE FROM tracking_staging WHERE subscriber_id = ANY(%s)"

_STORE_EVENTS = """
INSERT INTO tracking_event
    (occurred_at, campaign_id, subscriber_id, link_id, kind, network, user_agent, marks)
SELECT to_timestamp(at / 1000::float8), campaign_id, subscriber_id, link_id, kind, network,
       user_agent, marks
FROM tracking_staging
"""

# Also the lock: see above.
_ADD_TOTALS = """
INSERT INTO tracking_campaigntotal (campaign_id, opens, clicks, unique_opens, unique_clicks)
SELECT campaign_id, count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2), 0, 0
FROM tracking_staging GROUP BY campaign_id ORDER BY campaign_id
ON CONFLICT (campaign_id) DO UPDATE SET
    opens = tracking_campaigntotal.opens + EXCLUDED.opens,
    clicks = tracking_campaigntotal.clicks + EXCLUDED.clicks
"""

# `stored` gives each reader's sums after this batch. Whoever then has more opens than the batch had
# opened before; and when the first of all is in the batch, their unique open moves to its hour.
# All parts of one statement see the tables as they were before it, which is how `former` finds the
# hour to move it from: few rows, since few hits come late.
_ADD_READERS = """
WITH hits AS (
    SELECT campaign_id, subscriber_id,
           count(*) FILTER (WHERE kind = 1) AS opens,
           count(*) FILTER (WHERE kind = 2) AS clicks,
           to_timestamp(min(at) FILTER (WHERE kind = 1) / 1000::float8) AS first_open_at,
           to_timestamp(max(at) FILTER (WHERE kind = 1) / 1000::float8) AS last_open_at,
           to_timestamp(min(at) FILTER (WHERE kind = 2) / 1000::float8) AS first_click_at,
           to_timestamp(max(at) FILTER (WHERE kind = 2) / 1000::float8) AS last_click_at
    FROM tracking_staging WHERE subscriber_id <> 0
    GROUP BY campaign_id, subscriber_id
), stored AS (
    INSERT INTO tracking_reader AS reader
        (campaign_id, subscriber_id, opens, clicks,
         first_open_at, last_open_at, first_click_at, last_click_at)
    -- In the order of the index, neighbours meet on the same pages.
    SELECT * FROM hits ORDER BY campaign_id, subscriber_id
    ON CONFLICT (campaign_id, subscriber_id) DO UPDATE SET
        opens = reader.opens + EXCLUDED.opens,
        clicks = reader.clicks + EXCLUDED.clicks,
        first_open_at = least(reader.first_open_at, EXCLUDED.first_open_at),
        last_open_at = greatest(reader.last_open_at, EXCLUDED.last_open_at),
        first_click_at = least(reader.first_click_at, EXCLUDED.first_click_at),
        last_click_at = greatest(reader.last_click_at, EXCLUDED.last_click_at)
    RETURNING campaign_id, subscriber_id, opens, clicks, first_open_at, first_click_at
), firsts AS (
    SELECT campaign_id, subscriber_id, hits.first_open_at, hits.first_click_at,
           hits.first_open_at = stored.first_open_at AS is_first_open,
           hits.first_click_at = stored.first_click_at AS is_first_click,
           stored.opens > hits.opens AS had_opened,
           stored.clicks > hits.clicks AS had_clicked
    FROM hits JOIN stored USING (campaign_id, subscriber_id)
), moves AS (
    SELECT campaign_id, first_open_at AS at, 1 AS opens, 0 AS clicks
    FROM firsts WHERE is_first_open
    UNION ALL
    SELECT campaign_id, former.first_open_at, -1, 0
    FROM firsts JOIN tracking_reader former USING (campaign_id, subscriber_id)
    WHERE is_first_open AND had_opened
    UNION ALL
    SELECT campaign_id, first_click_at, 0, 1 FROM firsts WHERE is_first_click
    UNION ALL
    SELECT campaign_id, former.first_click_at, 0, -1
    FROM firsts JOIN tracking_reader former USING (campaign_id, subscriber_id)
    WHERE is_first_click AND had_clicked
), hours AS (
    SELECT campaign_id, at / 3600000 AS hour,
           count(*) FILTER (WHERE kind = 1) AS opens, count(*) FILTER (WHERE kind = 2) AS clicks,
           0 AS unique_opens, 0 AS unique_clicks
    FROM tracking_staging GROUP BY 1, 2
    UNION ALL
    SELECT campaign_id, floor(extract(epoch FROM at) / 3600)::bigint, 0, 0, opens, clicks
    FROM moves
), counted AS (
    INSERT INTO tracking_campaignhour AS known
        (campaign_id, hour, opens, clicks, unique_opens, unique_clicks)
    SELECT campaign_id, to_timestamp(hour * 3600), sum(opens), sum(clicks), sum(unique_opens),
           sum(unique_clicks)
    FROM hours GROUP BY campaign_id, hour
    ON CONFLICT (campaign_id, hour) DO UPDATE SET
        opens = known.opens + EXCLUDED.opens,
        clicks = known.clicks + EXCLUDED.clicks,
        unique_opens = known.unique_opens + EXCLUDED.unique_opens,
        unique_clicks = known.unique_clicks + EXCLUDED.unique_clicks
)
UPDATE tracking_campaigntotal total SET
    unique_opens = total.unique_opens + new.opens,
    unique_clicks = total.unique_clicks + new.clicks
FROM (SELECT campaign_id, sum(opens) AS opens, sum(clicks) AS clicks FROM moves GROUP BY 1) new
WHERE total.campaign_id = new.campaign_id
"""

# A link's clicks and, in the same way, whether each of its readers had clicked it before.
_ADD_LINKS = """
WITH hits AS (
    SELECT link_id, campaign_id, subscriber_id, count(*) AS clicks
    FROM tracking_staging WHERE kind = 2 GROUP BY link_id, campaign_id, subscriber_id
), stored AS (
    INSERT INTO tracking_readerlink AS reader (link_id, subscriber_id, clicks)
    SELECT link_id, subscriber_id, clicks FROM hits WHERE subscriber_id <> 0
    ORDER BY link_id, subscriber_id
    ON CONFLICT (link_id, subscriber_id) DO UPDATE SET clicks = reader.clicks + EXCLUDED.clicks
    RETURNING link_id, subscriber_id, clicks
)
INSERT INTO tracking_linktotal AS known (link_id, campaign_id, clicks, unique_clicks)
SELECT hits.link_id, hits.campaign_id, sum(hits.clicks),
       count(*) FILTER (WHERE stored.clicks = hits.clicks)
FROM hits LEFT JOIN stored USING (link_id, subscriber_id)
GROUP BY hits.link_id, hits.campaign_id
ON CONFLICT (link_id) DO UPDATE SET
    clicks = known.clicks + EXCLUDED.clicks,
    unique_clicks = known.unique_clicks + EXCLUDED.unique_clicks
"""


def store(lines: Iterable[bytes]) -> None:
    """Store events and bring the sums up to date. Call in a transaction.

    Takes lines of hits as tracking/packs.py writes them, each hit once.
    """
    with connection.cursor() as cursor:
        cursor.execute(_STAGING)
        # Shared among ingesters; an erasure in progress is waited for, and waits for us.
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [ERASING])
        with connection.wrap_database_errors, cursor.copy(_COPY) as copy:
            copy.write(b"".join(lines))
        cursor.execute(_DROP_UNKNOWN)
        _apply_choices(cursor)
        for statement in (_STORE_EVENTS, _ADD_TOTALS, _ADD_READERS, _ADD_LINKS):
            cursor.execute(statement)


def lock_out_ingest() -> None:
    """Wait until no hits are being stored, and let none be until the caller's transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASING])


def _apply_choices(cursor: CursorWrapper) -> None:
    cursor.execute(
        _READ_CHOICES,
        {
            "default": settings.TRACKING_DEFAULT,
            "off": TrackingChoice.OFF,
            "individual": TrackingChoice.INDIVIDUAL,
        },
    )
    exceptions = cursor.fetchall()
    nameless = [subscriber_id for subscriber_id, may_count in exceptions if may_count]
    silent = [subscriber_id for subscriber_id, may_count in exceptions if not may_count]
    if nameless:
        cursor.execute(_FORGET_NAMES, [nameless])
    if silent:
        cursor.execute(_DROP, [silent])
