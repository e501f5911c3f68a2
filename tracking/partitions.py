"""The table of events, in one partition for each month (UTC).

Months are made ahead by ingest. An event of a month that has no partition goes to
tracking_event_other, so that it never fails; making that month later moves it. Months that are
older than TRACKING_KEEP_EVENTS are dropped as a whole; what they added to sums stays.
"""

import logging
import re
from datetime import UTC, datetime
from itertools import pairwise

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

from tracking import rollups

logger = logging.getLogger(__name__)

_MONTHLY = re.compile(r"tracking_event_\d{4}_\d{2}")
AHEAD = 2  # months after the current one
_LOCK = 0x6272_6F61  # an advisory lock: two ingesters start at the same time
_PATIENCE = 3  # seconds that dropping waits for those who read events

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

    Returns their names; none when somebody reads events for long, which is a reason to try again
    later. A campaign that had events in them is marked, because its sums can no longer be counted
    from events.
    """
    horizon = _month(today.year, today.month - keep)
    last = f"tracking_event_{_month(today.year, today.month - keep - 1):%Y_%m}"
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            # Who waits here holds up all hits that come.
            cursor.execute(f"SET LOCAL lock_timeout = '{_PATIENCE}s'")
            # A hit that is stored after the marks were made would be dropped without one.
            rollups.lock_out_ingest()
            return _drop(cursor, horizon, last)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        logger.info("events before %s can't be dropped while they are read", horizon)
        return []


def _drop(cursor: CursorWrapper, horizon: datetime, last: str) -> list[str]:
    tables = [table.name for table in connection.introspection.get_table_list(cursor)]
    old = sorted(name for name in tables if _MONTHLY.fullmatch(name) and name <= last)
    for name in [*old, "tracking_event_other"]:
        cursor.execute(_MARK.format(name=name, end=horizon))
    cursor.execute("DELETE FROM tracking_event_other WHERE occurred_at < %s", [horizon])
    for name in old:
        cursor.execute(f"DROP TABLE {name}")
    # The transaction may be a part of a longer one.
    cursor.execute("SET LOCAL lock_timeout = DEFAULT")
    return old


def _month(year: int, month: int) -> datetime:
    """Return the first moment of a month; month 13 is January of the next year."""
    return datetime(year + (month - 1) // 12, (month - 1) % 12 + 1, 1, tzinfo=UTC)
