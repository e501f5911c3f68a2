"""Who did what with a campaign: the people who let us record it, page by page.

Nobody is shown whose choice, as it stands now, is not to be named; of who left, only that they
left. Reads the sums of persons, never the events. A page costs the same at a thousand readers and
at a million: it is found by number, and looks at no more than BUDGET people; where few of them fit
it may be short and have a next one all the same.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import connection
from django.db.models import Max

from subscribers import recording
from subscribers.models import ConsentRecord

PAGE = 50  # people
BUDGET = 2_500  # people looked at for one page


class Did(StrEnum):
    """What people did. The values stand in addresses of pages."""

    READ = ""  # opened or clicked
    OPENED = "opened"
    CLICKED = "clicked"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which people of a campaign."""

    campaign_id: int
    did: Did = Did.READ
    link_id: int = 0  # who clicked it; 0: any


@dataclass(frozen=True, slots=True)
class Person:
    """What one person did with a campaign."""

    subscriber_id: int
    email: str
    name: str
    may_be_named: bool  # else only that they left is known here
    opens: int
    clicks: int
    machine_requests: int  # of machines, on this person's mail
    first_open_at: datetime | None
    last_at: datetime | None  # of their last open or click
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the people, by their numbers."""

    people: list[Person]
    next: int | None  # the place where the next page begins; None: there is none


_READERS = """
    SELECT subscriber_id, opens, clicks FROM tracking_reader
    WHERE campaign_id = %(campaign)s AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
_LINK = """
    SELECT subscriber_id, 0 AS opens, clicks FROM tracking_readerlink
    WHERE link_id = %(link)s AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
# All who left by one campaign's mail are few.
_LEFT = """
    SELECT DISTINCT subscriber_id, 0 AS opens, 0 AS clicks FROM subscribers_consentrecord
    WHERE campaign_id = %(campaign)s AND campaign_id <> 0 AND action = 'unsubscribed'
      AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
_FITS = {
    Did.READ: "opens > 0 OR clicks > 0",
    Did.OPENED: "opens > 0",
    Did.CLICKED: "clicks > 0",
    Did.LEFT: "true",
}
# Chosen by the sums alone, so that only a page of people is looked up, and nobody behind the last
# of them is looked at. Who is not to be named falls out afterwards, and the page may so be short.
# One look into the index for each of them, also where the statistics don't know the campaign yet:
# the planner then takes its readers for few, and would compare all of them with each person.
_PAGE = """
    WITH fitting AS MATERIALIZED (
        SELECT subscriber_id FROM ({scan}) scanned WHERE {fits}
        ORDER BY subscriber_id LIMIT %(size)s
    ), places AS (
        SELECT count(*) AS fitting, max(subscriber_id) AS last FROM fitting
    ), found AS (
        SELECT person.id, person.email, person.name,
               reader.subscriber_id IS NOT NULL AS may_be_named,
               coalesce(reader.opens, 0), coalesce(reader.clicks, 0),
               coalesce(reader.machine_opens + reader.machine_clicks, 0),
               reader.first_open_at, greatest(reader.last_open_at, reader.last_click_at)
        FROM fitting
        JOIN subscribers_subscriber person ON person.id = fitting.subscriber_id
        LEFT JOIN LATERAL (
            SELECT * FROM tracking_reader
            WHERE campaign_id = %(campaign)s AND subscriber_id = person.id
              AND coalesce(nullif(person.tracking, ''), %(usual)s) = 'individual'
            LIMIT 1
        ) reader ON true
        WHERE %(unnamed)s OR reader.subscriber_id IS NOT NULL
    )
    SELECT places.*, found.* FROM places LEFT JOIN found ON true ORDER BY found.id
"""
# Where the scan ended.
_END = "SELECT count(*), max(subscriber_id) FROM ({scan}) scanned"


def page(wanted: Filter, after: int = 0, size: int = PAGE) -> Page:
    """Return up to `size` of the people whose numbers are above `after` (five queries at most)."""
    scan = _scan(wanted)
    fits = _FITS[Did.CLICKED if wanted.link_id else wanted.did]
    values = _values(wanted, after, size)
    with connection.cursor() as cursor:
        cursor.execute(_PAGE.format(scan=scan, fits=fits), values)
        rows = cursor.fetchall()
        fitting, last = rows[0][:2]
        if fitting < size:
            cursor.execute(_END.format(scan=scan), values)
            scanned, last = cursor.fetchone() or (0, None)
            last = last if scanned == BUDGET else None
    found = [row[2:] for row in rows if row[2] is not None]
    left_at = _left(wanted.campaign_id, [row[0] for row in found])
    return Page([Person(*(*row, left_at.get(row[0]))) for row in found], last)


def _scan(wanted: Filter) -> str:
    if wanted.link_id:
        return _LINK
    return _LEFT if wanted.did == Did.LEFT else _READERS


def _left(campaign_id: int, subscriber_ids: list[int]) -> dict[int, datetime]:
    """Return when people last left by a campaign's mail."""
    leaving = ConsentRecord.objects.filter(
        subscriber_id__in=subscriber_ids,
        campaign_id=campaign_id,
        action=ConsentRecord.Action.UNSUBSCRIBED,
    )
    return dict(leaving.order_by().values_list("subscriber_id").annotate(Max("recorded_at")))


def _values(wanted: Filter, after: int, size: int) -> dict[str, Any]:
    return {
        "campaign": wanted.campaign_id,
        "link": wanted.link_id,
        "after": max(0, after),  # who was erased has a number below 0
        "budget": BUDGET,
        "size": size,
        "unnamed": wanted.did == Did.LEFT and not wanted.link_id,
        "usual": recording.of_campaign(wanted.campaign_id).value,
    }
