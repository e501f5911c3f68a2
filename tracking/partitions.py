"""The table of events, in one partition for each month (UTC).

Months are made ahead by ingest. An event of a month that has no partition goes to
tracking_event_other, so that it never fails; making that month later moves it. Months that are
older than TRACKING_KEEP_EVENTS are dropped as a whole; what they added to sums stays.
"""

import re
from datetime import UTC, datetime
from itertools import pairwise

from django.db import connection, transaction

_MONTHLY = re.compile(r"tracking_event_\d{4}_\d{2}")
AHEAD = 2  # months after the current one
_LOCK = 0x6272_6F61  # an advisory lock: two ingesters start at the same time

# Attached rather than created in place, because the rows that the month already has in
# tracking_event_other must move first; it also locks the table less.
_CREATE_MONTH = """
CREATE TABLE {name} (LIKE tracking_event INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
WITH moved AS (
    DELETE FROM tracking_event_other
    WHERE occurred_at >= '{start}' AND occurred_at < '{end}' RETURNING *
)
INSERT INTO {name} SELECT * FROM moved;
ALTER TABLE tracking_event ATTACH PARTITION {name} FOR VALUES FROM ('{start}') TO ('{end}');
"""


# In the order of numbers, as ingest locks them.
_MARK = """
UPDATE tracking_campaigntotal SET kept_from = '{end}' WHERE campaign_id IN (
    SELECT campaign_id FROM tracking_campaigntotal total
    WHERE EXISTS (
        SELECT FROM {name} event
        WHERE event.campaign_id = total.campaign_id AND event.occurred_at < '{end}'
    )
    ORDER BY campaign_id FOR UPDATE
)
"""


def make_ahead(today: datetime) -> list[str]:
    """Make the partitions from the month of `today` to AHEAD later. Returns the new ones."""
    months = [_month(today.year, today.month + ahead) for ahead in range(AHEAD + 2)]
    made = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        # Not table_names(), which leaves partitions out.
        existing = {table.name for table in connection.introspection.get_table_list(cursor)}
        for start, end in pairwise(months):
            name = f"tracking_event_{start:%Y_%m}"
            if name not in existing:
                # Names and dates are made above, from numbers.
                cursor.execute(_CREATE_MONTH.format(name=name, start=start, end=end))
                made.append(name)
    return made


def drop_old(today: datetime, keep: int) -> list[str]:
    """Drop the partitions of months that are more than `keep` months before that of `today`.

    Returns their names. A campaign that had events in them is marked, because its sums can no
    longer be counted from events; that is committed before anything is dropped.
    """
    horizon = _month(today.year, today.month - keep)
    last = f"tracking_event_{_month(today.year, today.month - keep - 1):%Y_%m}"
    with connection.cursor() as cursor:
        tables = [table.name for table in connection.introspection.get_table_list(cursor)]
        old = sorted(name for name in tables if _MONTHLY.fullmatch(name) and name <= last)
        for name in [*old, "tracking_event_other"]:
            cursor.execute(_MARK.format(name=name, end=horizon))
        cursor.execute("DELETE FROM tracking_event_other WHERE occurred_at < %s", [horizon])
        for name in old:
            # Another ingester may do the same. This waits for hits that are being stored.
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
    return old


def _month(year: int, month: int) -> datetime:
    """Return the first moment of a month; month 13 is January of the next year."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
