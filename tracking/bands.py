"""How the people of a list read: when they last did, and at which hours of the week.

Counted now and then for all lists at once, since no page can look at a million people; each count
says when it was made. People are taken in slices of their numbers, each in a transaction of its
own, so that nobody waits long for it.

What is found of a person's reading is used only where their choice, or that of the lists a campaign
went to, is to be named. Hits of machines don't count.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max

from subscribers.models import Subscriber, TrackingChoice
from tracking.models import LastReading, ListReading

SLICE = 50_000  # numbers of people that are looked at in one transaction
RECENT, FADING, LOST = timedelta(days=30), timedelta(days=90), timedelta(days=180)
HEAT = timedelta(days=365)  # how far back the hours of the week reach
SHARE = 200  # counting takes at most this part of the time, however long it takes
OFTEN = timedelta(minutes=5)  # and is done no more often than that

_COUNTING, _SLICE_LOCK = 0x6272_6F67, 0x6272_6F68  # advisory locks


class Band(StrEnum):
    """What a person is to a list. The values are stored, and stand in addresses of pages."""

    ACTIVE = "active"  # read something in the last 30 days
    FADING = "fading"  # in the last 90
    FADED = "faded"  # in the last 180
    DORMANT = "dormant"  # longer ago
    NEVER = "never"
    NEW = "new"  # nothing was sent to the list since they joined
    UNKNOWN = "unknown"  # may not be named
    UNREACHABLE = "unreachable"  # suppressed: gets no mail


@dataclass(frozen=True, slots=True)
class List:
    """What has to be known of a list, beside its people, to count it."""

    id: int
    naming: TrackingChoice  # of people who have chosen nothing
    campaigns: Sequence[int] = ()  # that were sent to it
    last_sent: datetime | None = None  # when the last of them began


# All that anybody read, in one pass: a person's rows lie scattered over the whole table, so slices
# of people would read all of it each. What the campaigns' lists let us name is kept apart from
# what their readers alone can allow. Gone with the connection, should this process die.
_GATHER = """
    CREATE TEMPORARY TABLE tracking_latest AS
    SELECT subscriber_id, max(last_open_at) AS opened_at, max(last_click_at) AS clicked_at,
           max(last_open_at) FILTER (WHERE usual.choice = 'individual') AS named_opened_at,
           max(last_click_at) FILTER (WHERE usual.choice = 'individual') AS named_clicked_at
    FROM tracking_reader
    JOIN unnest(%(campaigns)s::bigint[], %(choices)s::text[])
        usual (campaign_id, choice) USING (campaign_id)
    WHERE coalesce(last_open_at, last_click_at) IS NOT NULL
    GROUP BY subscriber_id
"""
# Only of people who are there at this moment, and by their choice of this moment.
_LATEST = """
    WITH found AS (
        SELECT subscriber_id,
               CASE WHEN person.tracking = '' THEN named_opened_at ELSE opened_at END AS opened_at,
               CASE WHEN person.tracking = '' THEN named_clicked_at ELSE clicked_at END
                   AS clicked_at
        FROM tracking_latest JOIN subscribers_subscriber person ON person.id = subscriber_id
        -- A join hands a number on to its other side, but no range.
        WHERE subscriber_id > %(low)s AND subscriber_id <= %(high)s
          AND person.id > %(low)s AND person.id <= %(high)s
          AND person.tracking IN ('', 'individual')
    ), latest AS (
        SELECT *, greatest(opened_at, clicked_at) AS read_at FROM found
        WHERE coalesce(opened_at, clicked_at) IS NOT NULL
    ), gone AS (
        DELETE FROM tracking_lastreading
        WHERE subscriber_id > %(low)s AND subscriber_id <= %(high)s
          AND subscriber_id NOT IN (SELECT subscriber_id FROM latest)
    )
    INSERT INTO tracking_lastreading (subscriber_id, opened_at, clicked_at, read_at)
    SELECT latest.subscriber_id, latest.opened_at, latest.clicked_at, latest.read_at
    FROM latest LEFT JOIN tracking_lastreading known
        ON known.subscriber_id = latest.subscriber_id
        AND known.subscriber_id > %(low)s AND known.subscriber_id <= %(high)s
    -- Most are as they were: a conflict would lock, and so write, each of them.
    WHERE known.read_at IS NULL OR (known.opened_at, known.clicked_at)
        IS DISTINCT FROM (latest.opened_at, latest.clicked_at)
    ON CONFLICT (subscriber_id) DO UPDATE
    SET opened_at = EXCLUDED.opened_at, clicked_at = EXCLUDED.clicked_at,
        read_at = EXCLUDED.read_at
"""
# Of `person`, `suppression`, `last` and `member` (a subscription), at the moment `now`.
BAND = f"""
    CASE WHEN suppression.id IS NOT NULL THEN '{Band.UNREACHABLE}'
         WHEN coalesce(nullif(person.tracking, ''), list.naming) <> 'individual'
             THEN '{Band.UNKNOWN}'
         WHEN last.read_at >= %(recent)s THEN '{Band.ACTIVE}'
         WHEN last.read_at >= %(fading)s THEN '{Band.FADING}'
         WHEN last.read_at >= %(lost)s THEN '{Band.FADED}'
         WHEN last.read_at IS NOT NULL THEN '{Band.DORMANT}'
         WHEN member.changed_at < list.last_sent THEN '{Band.NEVER}'
         ELSE '{Band.NEW}' END
"""
# Ends with the condition of a join, which may be added to.
JOINED = """
    JOIN subscribers_subscriber person ON person.id = member.subscriber_id
    LEFT JOIN subscribers_suppression suppression ON suppression.email_hash = person.email_hash
    LEFT JOIN tracking_lastreading last ON last.subscriber_id = member.subscriber_id
"""
_COUNT = f"""
    SELECT member.mailing_list_id, {BAND}, count(*)
    FROM subscribers_subscription member
    JOIN unnest(%(lists)s::bigint[], %(namings)s::text[], %(sent)s::timestamptz[])
        list (id, naming, last_sent) ON list.id = member.mailing_list_id
    {JOINED}
        AND last.subscriber_id > %(low)s AND last.subscriber_id <= %(high)s
    WHERE member.status = 'active'
      AND member.subscriber_id > %(low)s AND member.subscriber_id <= %(high)s
      AND person.id > %(low)s AND person.id <= %(high)s
    GROUP BY 1, 2
"""  # noqa: S608  (all parts are constants)
_HEAT = """
    SELECT (extract(isodow FROM local) - 1) * 24 + extract(hour FROM local), sum(opens), sum(clicks)
    FROM (
        SELECT hour AT TIME ZONE %(zone)s AS local, opens, clicks FROM tracking_campaignhour
        WHERE campaign_id = ANY(%(campaigns)s) AND hour >= %(since)s
    ) hours
    GROUP BY 1
"""


def is_due(now: datetime) -> bool:
    """Say whether the lists should be counted again."""
    found = ListReading.objects.aggregate(at=Max("counted_at"), took=Max("seconds"))
    if found["at"] is None:
        return True
    return bool(now - found["at"] >= max(OFTEN, timedelta(seconds=SHARE * found["took"])))


def count(lists: Iterable[List], choices: Mapping[int, TrackingChoice], now: datetime) -> bool:
    """Count the people of all lists by when they last read. Says whether it was done.

    `choices` are those of every campaign that was sent, for people who have chosen nothing. It is
    not done while somebody else is at it. Takes some seconds for a million people.
    """
    with _alone() as is_ours:
        if not is_ours:
            return False
        began = time.monotonic()
        known = {each.id: each for each in lists}
        people: dict[int, Counter[str]] = {list_id: Counter() for list_id in known}
        with _gathered(choices):
            for low in range(0, _last_person(), SLICE):
                for list_id, band, number in _slice(low, known, now):
                    people[list_id][band] += number
        _store(known, people, now, began)
    return True


def read(mailing_list_id: int) -> ListReading | None:
    """Return the last count of a list (one query); None: there was none yet."""
    return ListReading.objects.filter(mailing_list_id=mailing_list_id).first()


def erase_subscriber(subscriber_id: int) -> None:
    """Forget when a person last read. Call in the transaction that deletes them.

    A count that goes on at this moment is waited for, slice by slice; the next one does not find
    the person any more. Before what locks ingest out, so that hits don't wait as well.
    """
    with transaction.atomic():
        _lock_slice()
        LastReading.objects.filter(subscriber_id=subscriber_id).delete()


def limits(now: datetime) -> dict[str, datetime]:
    """Return the moments that BAND compares with."""
    return {"recent": now - RECENT, "fading": now - FADING, "lost": now - LOST}


@contextmanager
def _gathered(choices: Mapping[int, TrackingChoice]) -> Iterator[None]:
    """Keep what everybody last read at hand. `choices` are those of the campaigns."""
    values: dict[str, Any] = {
        "campaigns": list(choices),
        "choices": [choice.value for choice in choices.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS tracking_latest")
        cursor.execute(_GATHER, values)
        try:
            cursor.execute("CREATE INDEX ON tracking_latest (subscriber_id)")
            cursor.execute("ANALYZE tracking_latest")
            yield
        finally:
            # With a connection that broke, the table is gone as well.
            if connection.is_usable():
                cursor.execute("DROP TABLE tracking_latest")


def _slice(low: int, lists: Mapping[int, List], now: datetime) -> list[tuple[int, str, int]]:
    values: dict[str, Any] = {
        "low": low,
        "high": low + SLICE,
        "lists": list(lists),
        "namings": [each.naming.value for each in lists.values()],
        "sent": [each.last_sent for each in lists.values()],
        **limits(now),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        _lock_slice()
        cursor.execute(_LATEST, values)
        cursor.execute(_COUNT, values)
        return list(cursor.fetchall())


def _store(
    lists: Mapping[int, List], people: Mapping[int, Counter[str]], now: datetime, began: float
) -> None:
    since = now - HEAT
    rows = []
    for each in lists.values():
        opens, clicks = _heat(each.campaigns, since)
        rows.append(
            ListReading(
                mailing_list_id=each.id,
                counted_at=now,
                bands=people[each.id],
                opens=opens,
                clicks=clicks,
                campaigns=len(each.campaigns),
                since=since,
            )
        )
    for row in rows:
        row.seconds = time.monotonic() - began
    with transaction.atomic():
        ListReading.objects.all().delete()
        ListReading.objects.bulk_create(rows)


def _heat(campaigns: Sequence[int], since: datetime) -> tuple[list[int], list[int]]:
    opens, clicks = [0] * 7 * 24, [0] * 7 * 24
    values: dict[str, Any] = {
        "campaigns": list(campaigns),
        "since": since,
        "zone": settings.TIME_ZONE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_HEAT, values)
        for place, opened, clicked in cursor.fetchall():
            opens[int(place)], clicks[int(place)] = int(opened), int(clicked)
    return opens, clicks


def _last_person() -> int:
    return Subscriber.objects.aggregate(last=Max("id"))["last"] or 0


def _lock_slice() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SLICE_LOCK])


@contextmanager
def _alone() -> Iterator[bool]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [_COUNTING])
        is_ours: bool = cursor.fetchone()[0]
        try:
            yield is_ours
        finally:
            # With a connection that broke, the lock is gone as well.
            if is_ours and connection.is_usable():
                cursor.execute("SELECT pg_advisory_unlock(%s)", [_COUNTING])
