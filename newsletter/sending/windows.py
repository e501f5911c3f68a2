"""When a campaign may be sent: on which days, and between which hours. Pure.

Promise: a window is open exactly when a clock on the wall in its zone shows a time within it. Where
clocks are changed this means: an hour that is skipped is never sent in, and one that comes twice is
sent in twice. Moments that come in are aware, in any zone; those that come out are in UTC.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
# A weekly window that falls into a skipped hour opens a week later than usual.
HORIZON = 16  # days
MIDNIGHT = time()
WEEK = frozenset(range(1, 8))  # ISO: 1 is Monday


@dataclass(frozen=True, slots=True)
class Window:
    """Days (ISO, 1 is Monday; none: all) and hours in a zone.

    Without `begin` it opens at midnight, without `end` it closes at midnight; when both are the
    same, it is open all day. One that ends before it begins goes over midnight: it belongs to the
    day on which it begins. Raises ValueError for a day that no week has.
    """

    days: frozenset[int]
    begin: time | None
    end: time | None
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not self.days <= WEEK:
            raise ValueError(f"Days of the week are 1 (Monday) to 7, not {sorted(self.days)}")

    @property
    def hours(self) -> tuple[time, time]:
        """When it opens and closes, on a clock on the wall; twice the same: it is open all day."""
        begin, end = self.begin or MIDNIGHT, self.end or MIDNIGHT
        return (begin, end) if begin != end else (MIDNIGHT, MIDNIGHT)

    def has(self, day: datetime) -> bool:
        """Whether it begins on this day."""
        return not self.days or day.isoweekday() in self.days


def is_open(window: Window, moment: datetime) -> bool:
    """Return whether mails may go at `moment`."""
    local = moment.astimezone(window.zone)
    begin, end = window.hours
    wall = local.time()
    if begin == end:
        return window.has(local)
    if begin < end:
        return window.has(local) and begin <= wall < end
    return (window.has(local) and wall >= begin) or (window.has(local - DAY) and wall < end)


def next_opening(window: Window, moment: datetime) -> datetime:
    """Return the first moment from `moment` on at which the window is open; `moment` if it is.

    At most eight days away, or fifteen when the hours of the only day are skipped by a change of
    the clocks.
    """
    edges = (edge for edge in _edges(window, moment) if is_open(window, edge))
    return min(edges) if not is_open(window, moment) else moment.astimezone(UTC)


def _edges(window: Window, moment: datetime) -> Iterator[datetime]:
    """Yield all moments after `moment` at which the window may open or close, in no order."""
    start = moment.astimezone(UTC)
    first = moment.astimezone(window.zone).date()
    for number in range(-1, HORIZON):
        date = first + number * DAY
        for wall in window.hours:
            for fold in (0, 1):
                edge = datetime.combine(date, wall, window.zone).replace(fold=fold).astimezone(UTC)
                if edge > start:
                    yield edge
        if number >= 0:
            yield from _change(start + number * DAY, window.zone)


def _change(start: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Yield when in the day from `start` on the zone's clocks are changed, if they are."""
    before, after = start, start + DAY
    offset = before.astimezone(zone).utcoffset()
    if after.astimezone(zone).utcoffset() == offset:
        return
    while after - before > timedelta(microseconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    yield after
