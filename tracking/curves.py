"""What happened when: a campaign's curve, from its first minutes to months, and its week by hours.

Reads the sums of five minutes and of hours, never the events. Days and weeks, and the hours of the
week, are those of the installation's time zone.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from enum import StrEnum

from subscribers.models import LeavingSum
from tracking import reports
from tracking.reports import Hour

MINUTES = timedelta(minutes=5)  # the shortest time that sums are kept for
HOURLY_UP_TO = timedelta(hours=72)  # a longer curve has a point for each day,
DAILY_UP_TO = timedelta(days=120)  # and a still longer one for each week


class Range(StrEnum):
    """How much of a campaign's life a curve shows. The values stand in addresses of pages."""

    START = "start"
    DAY = "day"
    WEEK = "week"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Grain:
    """How long a range is, and how long each of its points."""

    length: timedelta
    step: timedelta


GRAINS = {
    Range.START: Grain(timedelta(hours=3), MINUTES),
    Range.DAY: Grain(timedelta(hours=24), timedelta(minutes=15)),
    Range.WEEK: Grain(timedelta(days=7), timedelta(hours=1)),
}


@dataclass(frozen=True, slots=True)
class Curve:
    """Points without gaps, each with what came from its beginning to that of the next."""

    points: list[Hour]
    step: timedelta


def usual(start: datetime, now: datetime) -> Range:
    """Return the range that fits a campaign's age."""
    age = now - start
    fitting = (each for each, grain in GRAINS.items() if age <= grain.length)
    return next(fitting, Range.ALL)


def curve(
    campaign_id: int, range_: Range, start: datetime, now: datetime, hours: list[Hour]
) -> Curve:
    """Return the curve of a campaign that began at `start` (two queries, or none).

    `hours` are those of its report; the times of points are in the zone of `start`.
    """
    grain = GRAINS.get(range_)
    if grain is None:
        return _whole(start, hours)
    first = _floor(start, grain.step)
    end = min(first + grain.length, max(now, start) + grain.step)
    if grain.step < timedelta(hours=1):
        hours = [*reports.moments(campaign_id, first, end), *_leaving(campaign_id, first, end)]
    count = max(1, -((first - end) // grain.step))
    beginnings = [first + number * grain.step for number in range(count)]
    return Curve(gathered(hours, beginnings, before=first + count * grain.step), grain.step)


def gathered(
    hours: Iterable[Hour], beginnings: list[datetime], before: datetime | None = None
) -> list[Hour]:
    """Return a point for each beginning, with the sum of what came until the next one.

    What came before the first, or not `before` that moment, is left out.
    """
    parts: list[list[Hour]] = [[] for _ in beginnings]
    for hour in hours:
        place = bisect_right(beginnings, hour.at) - 1
        if place >= 0 and (before is None or hour.at < before):
            parts[place].append(hour)
    return [total(part, at) for part, at in zip(parts, beginnings, strict=True)]


def total(hours: Iterable[Hour], at: datetime) -> Hour:
    """Return the sum of several hours as one point at `at`."""
    found = list(hours)
    return Hour(
        at=at,
        opens=sum(hour.opens for hour in found),
        unique_opens=sum(hour.unique_opens for hour in found),
        clicks=sum(hour.clicks for hour in found),
        unique_clicks=sum(hour.unique_clicks for hour in found),
        unsubscribes=sum(hour.unsubscribes for hour in found),
        machine_opens=sum(hour.machine_opens for hour in found),
        machine_clicks=sum(hour.machine_clicks for hour in found),
    )


def week(hours: Iterable[Hour], zone: tzinfo, number: Callable[[Hour], int]) -> list[list[int]]:
    """Return `number` of the hours, summed by weekday (Monday first) and hour of the day."""
    sums = [[0] * 24 for _ in range(7)]
    for hour in hours:
        at = hour.at.astimezone(zone)
        sums[at.weekday()][at.hour] += number(hour)
    return sums


def _whole(start: datetime, hours: list[Hour]) -> Curve:
    zone = start.tzinfo
    first = min([_floor(start, timedelta(hours=1)), *(hour.at for hour in hours)])
    last = max([start, *(hour.at for hour in hours)])
    if last - first <= HOURLY_UP_TO:
        step = timedelta(hours=1)
        count = (last - first) // step + 1
        beginnings = [(first + number * step).astimezone(zone) for number in range(count)]
        return Curve(gathered(hours, beginnings), step)
    step = timedelta(days=1 if last - first <= DAILY_UP_TO else 7)
    day = first.astimezone(zone).date()
    if step.days > 1:
        day -= timedelta(days=day.weekday())
    beginnings = []
    # Day by day of the calendar, since a day is not always 24 hours long.
    while (at := datetime.combine(day, time.min, zone)) <= last:
        beginnings.append(at)
        day += step
    return Curve(gathered(hours, beginnings), step)


def _leaving(campaign_id: int, start: datetime, end: datetime) -> list[Hour]:
    left = LeavingSum.objects.filter(
        campaign_id=campaign_id, seconds=LeavingSum.MOMENT, at__gte=start, at__lt=end
    )
    return [Hour(at=at, unsubscribes=people) for at, people in left.values_list("at", "people")]


def _floor(at: datetime, step: timedelta) -> datetime:
    """Return the beginning of the step that `at` lies in: sums are named by theirs (UTC)."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(at.timestamp() // seconds * seconds, at.tzinfo)
