"""Who is in a band of a list, page by page.

As with tracking/readers.py a page is found by the numbers of people, and looks at no more than
BUDGET of them in each of ROUNDS queries: where few fit it may be short and have a next one all the
same. Choices and suppressions are those of this moment, so that nobody is shown as a reader who has
just withdrawn; when people last read is as of the last count.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from tracking.bands import BAND, JOINED, Band, List, limits

PAGE = 50  # people
BUDGET = 500  # people looked at in one query: some milliseconds
ROUNDS = 40  # queries for one page

_PAGE = f"""
    WITH scanned AS MATERIALIZED (
        SELECT subscriber_id, mailing_list_id, changed_at FROM subscribers_subscription
        WHERE mailing_list_id = %(list)s AND status = 'active' AND subscriber_id > %(after)s
        ORDER BY subscriber_id LIMIT %(budget)s
    ), places AS (
        SELECT count(*) AS scanned, max(subscriber_id) AS last_scanned FROM scanned
    ), fitting AS (
        SELECT person.id, person.email, person.name, member.changed_at,
               CASE WHEN %(named)s THEN last.opened_at END,
               CASE WHEN %(named)s THEN last.clicked_at END
        FROM scanned member
        CROSS JOIN (
            SELECT %(naming)s::text AS naming, %(sent)s::timestamptz AS last_sent
        ) list
        {JOINED}
        WHERE {BAND} = %(band)s
        ORDER BY person.id LIMIT %(size)s
    )
    SELECT places.*, fitting.* FROM places LEFT JOIN fitting ON true ORDER BY fitting.id
"""  # noqa: S608  (all parts are constants)
# People who gave us no right to say when they read.
UNNAMED = frozenset({Band.UNKNOWN, Band.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Member:
    """One person of a list."""

    subscriber_id: int
    email: str
    name: str
    joined_at: datetime
    opened_at: datetime | None
    clicked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of the people of a band, by their numbers."""

    people: list[Member]
    next: int | None  # the place where the next page begins; None: there is none


def page(of: List, band: Band, counted_at: datetime, after: int = 0, size: int = PAGE) -> Page:
    """Return up to `size` people of a band whose numbers are above `after`.

    `counted_at` is when the list was counted, so that the page agrees with what was found then.
    """
    people: list[Member] = []
    place = max(0, after)
    for _ in range(ROUNDS):
        rows = _round(of, band, counted_at, place, size - len(people))
        scanned, last_scanned = rows[0][:2]
        people += [Member(*row[2:]) for row in rows if row[2] is not None]
        if len(people) == size:
            return Page(people, people[-1].subscriber_id)
        if scanned < BUDGET:
            return Page(people, None)
        place = last_scanned
    return Page(people, place)


def _round(
    of: List, band: Band, counted_at: datetime, after: int, size: int
) -> list[tuple[Any, ...]]:
    values: dict[str, Any] = {
        "list": of.id,
        "naming": of.naming.value,
        "sent": of.last_sent,
        "band": band.value,
        "named": band not in UNNAMED,
        "after": after,
        "budget": BUDGET,
        "size": size,
        **limits(counted_at),
    }
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, values)
        return list(cursor.fetchall())
