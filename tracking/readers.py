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

from subscribers import recording

PAGE = 50  # people
BUDGET = 5_000  # people looked at for one page


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
    SELECT subscriber_id FROM tracking_reader
    WHERE campaign_id = %(campaign)s AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
_LINK = """
    SELECT subscriber_id FROM tracking_readerlink
    WHERE link_id = %(link)s AND clicks > 0 AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
_LEFT = """
    SELECT DISTINCT subscriber_id FROM subscribers_consentrecord
    WHERE campaign_id = %(campaign)s AND campaign_id <> 0 AND action = 'unsubscribed'
      AND subscriber_id > %(after)s
    ORDER BY subscriber_id LIMIT %(budget)s
"""
_FITS = {
    Did.READ: "(reader.opens > 0 OR reader.clicks > 0)",
    Did.OPENED: "reader.opens > 0",
    Did.CLICKED: "reader.clicks > 0",
    Did.LEFT: "true",
}
_PAGE = """
    WITH scanned AS MATERIALIZED ({scan}), found AS MATERIALIZED (
        SELECT person.id, person.email, person.name,
               reader.subscriber_id IS NOT NULL AS may_be_named,
               coalesce(reader.opens, 0) AS opens, coalesce(reader.clicks, 0) AS clicks,
               coalesce(reader.machine_opens + reader.machine_clicks, 0) AS machine_requests,
               reader.first_open_at,
               greatest(reader.last_open_at, reader.last_click_at) AS last_at
        FROM scanned
        JOIN subscribers_subscriber person ON person.id = scanned.subscriber_id
        LEFT JOIN tracking_reader reader
            ON reader.campaign_id = %(campaign)s AND reader.subscriber_id = person.id
            AND coalesce(nullif(person.tracking, ''), %(usual)s) = 'individual'
        WHERE {fits}
        ORDER BY person.id LIMIT %(size)s
    )
    SELECT counted.number, counted.last, found.*, left_by.at
    FROM (SELECT count(*) AS number, max(subscriber_id) AS last FROM scanned) counted
    LEFT JOIN found ON true
    LEFT JOIN LATERAL (
        SELECT max(recorded_at) AS at FROM subscribers_consentrecord record
        WHERE record.subscriber_id = found.id AND record.campaign_id = %(campaign)s
          AND record.campaign_id <> 0 AND record.action = 'unsubscribed'
    ) left_by ON true
    ORDER BY found.id
"""


def page(wanted: Filter, after: int = 0, size: int = PAGE) -> Page:
    """Return up to `size` of the people whose numbers are above `after` (two or three queries)."""
    with connection.cursor() as cursor:
        cursor.execute(_statement(wanted), _values(wanted, after, size))
        rows = cursor.fetchall()
    scanned, last = rows[0][:2]
    people = [Person(*row[2:]) for row in rows if row[2] is not None]
    if len(people) == size:
        return Page(people, people[-1].subscriber_id)
    return Page(people, last if scanned == BUDGET else None)


def _statement(wanted: Filter) -> str:
    if wanted.link_id:
        return _PAGE.format(scan=_LINK, fits="reader.clicks > 0")
    scan = _LEFT if wanted.did == Did.LEFT else _READERS
    return _PAGE.format(scan=scan, fits=_FITS[wanted.did])


def _values(wanted: Filter, after: int, size: int) -> dict[str, Any]:
    return {
        "campaign": wanted.campaign_id,
        "link": wanted.link_id,
        "after": max(0, after),  # who was erased has a number below 0
        "budget": BUDGET,
        "size": size,
        "usual": recording.of_campaign(wanted.campaign_id).value,
    }
