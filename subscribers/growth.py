"""How a list grew and shrank, day by day, and which share of its people it loses.

Joined minus gone is how many people are active, at any moment: triggers note each change in its own
transaction (subscribers/models/growth.py). Days are those of the installation's time zone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import connection

LARGEST = 50_000  # changes that are folded at a time

_FOLD = """
    WITH taken AS (
        DELETE FROM subscribers_listchange WHERE id IN (
            SELECT id FROM subscribers_listchange ORDER BY id LIMIT %(largest)s
            FOR UPDATE SKIP LOCKED
        )
        RETURNING mailing_list_id, (at AT TIME ZONE %(zone)s)::date AS day, joined, gone, bounced
    ), folded AS (
        INSERT INTO subscribers_listday AS known (mailing_list_id, day, joined, gone, bounced)
        SELECT mailing_list_id, day, sum(joined), sum(gone), sum(bounced)
        FROM taken JOIN subscribers_mailinglist list ON list.id = mailing_list_id
        -- In the order of the key, so that two at once can't wait for each other in a circle.
        GROUP BY 1, 2 ORDER BY 1, 2
        ON CONFLICT (mailing_list_id, day) DO UPDATE SET
            joined = known.joined + EXCLUDED.joined,
            gone = known.gone + EXCLUDED.gone,
            bounced = known.bounced + EXCLUDED.bounced
    )
    SELECT count(*) FROM taken
"""
# One statement, and so one moment: a change is in one of both tables, never in none or both.
_DAYS = """
    SELECT CASE WHEN day >= %(since)s THEN day END, sum(joined), sum(gone), sum(bounced)
    FROM (
        SELECT day, joined, gone, bounced FROM subscribers_listday WHERE mailing_list_id = %(list)s
        UNION ALL
        SELECT (at AT TIME ZONE %(zone)s)::date, joined, gone, bounced
        FROM subscribers_listchange WHERE mailing_list_id = %(list)s
    ) changes
    GROUP BY 1
    ORDER BY 1 NULLS FIRST
"""


class Grain(StrEnum):
    """How long the periods of a chart are. The values stand in addresses of pages."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Day:
    """What changed on one day."""

    day: date
    joined: int = 0
    gone: int = 0
    bounced: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """A list since some day."""

    before: int  # people who were active when that day began
    days: list[Day]  # in order; days on which nothing changed are left out


@dataclass(frozen=True, slots=True)
class Period:
    """A day, a week (from Monday) or a month of a list."""

    start: date
    at_start: int  # people who were active when it began
    joined: int = 0
    gone: int = 0  # left, were taken off or erased
    bounced: int = 0  # active, and found to have an address that does not exist

    @property
    def net(self) -> int:
        """How many more people are active at its end than at its start."""
        return self.joined - self.gone

    @property
    def at_end(self) -> int:
        """People who were active when it ended."""
        return self.at_start + self.net

    @property
    def churn(self) -> float | None:
        """The share lost, 0.0 and up: (gone + bounced) / at_start. None: nobody was there."""
        return (self.gone + self.bounced) / self.at_start if self.at_start else None


def fold() -> int:
    """Put what changed into the rows of its days. Returns how many changes there were."""
    with connection.cursor() as cursor:
        cursor.execute(_FOLD, {"largest": LARGEST, "zone": settings.TIME_ZONE})
        count: int = cursor.fetchone()[0]
    return count


def history(mailing_list_id: int, since: date) -> History:
    """Return what changed on a list from the day `since` on (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, {"list": mailing_list_id, "since": since, "zone": settings.TIME_ZONE})
        rows = cursor.fetchall()
    before = sum(joined - gone for day, joined, gone, _ in rows if day is None)
    return History(before, [Day(*row) for row in rows if row[0] is not None])


def first(today: date, grain: Grain, count: int) -> date:
    """Return when the first of `count` periods begins, of which `today` lies in the last."""
    if grain == Grain.DAY:
        return today - timedelta(days=count - 1)
    if grain == Grain.WEEK:
        return today - timedelta(days=today.weekday(), weeks=count - 1)
    months = today.year * 12 + today.month - count
    return date(months // 12, months % 12 + 1, 1)


def periods(found: History, today: date, grain: Grain, count: int) -> list[Period]:
    """Return `count` periods without gaps, the last with `today` in it.

    `found` has to reach back to `first` of them.
    """
    starts = [first(today, grain, number) for number in range(count, 0, -1)]
    before = found.before + _net(day for day in found.days if day.day < starts[0])
    result = []
    for number, start in enumerate(starts):
        end = starts[number + 1] if number + 1 < count else date.max
        inside = [day for day in found.days if start <= day.day < end]
        result.append(
            Period(
                start,
                before,
                sum(day.joined for day in inside),
                sum(day.gone for day in inside),
                sum(day.bounced for day in inside),
            )
        )
        before = result[-1].at_end
    return result


def _net(days: Iterable[Day]) -> int:
    return sum(day.joined - day.gone for day in days)
