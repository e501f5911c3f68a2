"""Campaigns over time, in order, and beside what is usual for their sender."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from itertools import groupby
from statistics import median
from typing import Final, NamedTuple

from django.utils.timezone import localtime

from newsletter.comparing import FEWEST, size_class
from newsletter.models import Campaign
from newsletter.rates import MOST, READING, Asked, Counting, Measure, Ratio, Row, read

POINTS: Final = 60  # of a chart; more campaigns are put together by weeks, months or quarters
SHARED: Final = 3  # campaigns that may be the best at once; more are no news


class Point(NamedTuple):
    """A point of the charts: one campaign, or all of a week, a month or a quarter."""

    at: datetime
    rows: Sequence[Row]

    def ratio(self, measure: Measure) -> Ratio | None:
        """Return what its campaigns come to together; None when nobody knows."""
        known = [ratio for row in self.rows if (ratio := row.ratios[measure])]
        if not known:
            return None
        return Ratio(sum(each.part for each in known), sum(each.whole for each in known))


class Step(StrEnum):
    """What one point of a chart is."""

    CAMPAIGN = "campaign"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"


@dataclass(frozen=True)
class Found:
    """The campaigns that were asked for, the newest first."""

    rows: list[Row] = field(default_factory=list)
    hidden: int = 0  # smaller than what was asked for
    is_cut: bool = False  # there are more than MOST
    middles: Mapping[tuple[str, int], Mapping[Measure, float]] = field(default_factory=dict)

    def usual(self, row: Row, measure: Measure) -> float | None:
        """Return the sender's middle for campaigns of a similar size; None when unknown."""
        return self.middles.get(_kind(row), {}).get(measure)


def find(asked: Asked, now: datetime) -> Found:
    """Find campaigns with their rates (four queries, whatever their number and sizes)."""
    every = read(asked, now)
    is_cut, every = len(every) > MOST, every[:MOST]
    here = [row for row in every if not asked.list_id or asked.list_id in row.list_ids]
    rows = [row for row in here if row.sent >= max(1, asked.least)]
    return Found(rows, len(here) - len(rows), is_cut, _middles(every))


def senders() -> list[str]:
    """Return whom finished campaigns came from, in order (one query)."""
    finished = Campaign.objects.filter(status=Campaign.Status.FINISHED).order_by("from_email")
    return list(finished.values_list("from_email", flat=True).distinct())


def middle(rows: Iterable[Row], measure: Measure) -> float | None:
    """Return the median of campaigns that are not read any more; None below FEWEST."""
    rates = [rate for row in rows if row.is_settled and (rate := row.rate(measure)) is not None]
    return median(rates) if len(rates) >= FEWEST else None


def points(rows: Sequence[Row]) -> tuple[Step, list[Point]]:
    """Return the points of the charts, the oldest first, and what one of them is."""
    ordered = sorted(rows, key=lambda row: (row.at, row.campaign_id))
    if len(ordered) <= POINTS:
        return Step.CAMPAIGN, [Point(row.at, [row]) for row in ordered]
    for step in (Step.WEEK, Step.MONTH, Step.QUARTER):
        found = [
            Point(group[0].at, group)
            for _, each in groupby(ordered, key=lambda row: _period(row.at, step))
            if (group := list(each))
        ]
        if len(found) <= POINTS:
            break
    return step, found


def ranked(rows: Iterable[Row], measure: Measure, *, worst_first: bool = False) -> list[Row]:
    """Return campaigns with the best first; those of which nobody knows come last."""
    known = [row for row in rows if row.ratios[measure]]
    unknown = [row for row in rows if not row.ratios[measure]]
    is_reversed = (measure is Measure.LEFT) == worst_first
    known.sort(key=lambda row: (row.rate(measure), row.at), reverse=is_reversed)
    return known + unknown


def extremes(rows: Iterable[Row], measure: Measure, counting: Counting) -> dict[int, bool]:
    """Return the best (True) and the worst (False) campaigns by their numbers.

    Neither where all are alike, where a rate is partly that of machines, or of campaigns that are
    still being read.
    """
    if measure in READING and counting not in (Counting.PEOPLE, Counting.TIMES):
        return {}
    rates = {
        row.campaign_id: rate
        for row in rows
        if row.is_settled and (rate := row.rate(measure)) is not None
    }
    if len(rates) < FEWEST:
        return {}
    ends = {max(rates.values()): True, min(rates.values()): False}
    if measure is Measure.LEFT:
        ends = {rate: not is_highest for rate, is_highest in ends.items()}
    marked: dict[int, bool] = {}
    for end, is_best in ends.items() if len(ends) == 2 else ():
        holders = [campaign_id for campaign_id, rate in rates.items() if rate == end]
        if len(holders) <= SHARED:
            marked |= dict.fromkeys(holders, is_best)
    return marked


def _middles(rows: Iterable[Row]) -> dict[tuple[str, int], dict[Measure, float]]:
    alike: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        alike.setdefault(_kind(row), []).append(row)
    return {
        kind: {
            measure: found for measure in Measure if (found := middle(group, measure)) is not None
        }
        for kind, group in alike.items()
    }


def _kind(row: Row) -> tuple[str, int]:
    """Return what makes campaigns comparable: their sender, and the class of their size."""
    return row.sender, size_class(row.size)[0]


def _period(at: datetime, step: Step) -> tuple[int, int]:
    day = localtime(at)
    if step is Step.WEEK:
        year, week, _ = day.isocalendar()
        return year, week
    return day.year, day.month if step is Step.MONTH else (day.month - 1) // 3
