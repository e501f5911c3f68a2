"""The numbers on report pages.

Reads the sums, never the events: a page costs the same at a thousand events and a hundred million.

People and machines are counted apart: opens and clicks are people's, except where it says machines'
(docs/verdicts.md). "Total" counts requests: one reader who opens twice counts twice. "Unique"
counts people, and only those who may be named, so it can be smaller than the truth (see
docs/tracking.md). All numbers are up to the last stored hit, a second or two ago; verdicts are
final a day after the end of the day (UTC) of the hit.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from django.db import connection

from subscribers.models import LeavingSum
from tracking.models import CampaignHour, CampaignMoment, Link, LinkTotal, VerdictTotal

HOURLY_UP_TO = timedelta(hours=72)  # a longer timeline has a point for each day

_OVERVIEW = f"""
SELECT asked.id, coalesce(opens, 0), coalesce(unique_opens, 0), coalesce(clicks, 0),
       coalesce(unique_clicks, 0), coalesce(times, 0), coalesce(people, 0),
       coalesce(machine_opens, 0), coalesce(unique_machine_opens, 0), coalesce(machine_clicks, 0),
       coalesce(unique_machine_clicks, 0)
FROM unnest(%s::bigint[]) asked (id)
LEFT JOIN tracking_campaigntotal total ON total.campaign_id = asked.id
LEFT JOIN subscribers_leavingsum leaving
    ON leaving.campaign_id = asked.id AND leaving.seconds = {LeavingSum.ALL}
"""  # noqa: S608  (a constant)


@dataclass(frozen=True, slots=True)
class Totals:
    """What came of one campaign. Opens and clicks are people's, except where it says machines'."""

    opens: int = 0  # requests
    unique_opens: int = 0  # people
    clicks: int = 0  # requests
    unique_clicks: int = 0  # people
    unsubscribes: int = 0  # times that somebody left
    unique_unsubscribes: int = 0  # people who left at least one
    machine_opens: int = 0  # requests
    unique_machine_opens: int = 0  # people whose mail a machine opened
    machine_clicks: int = 0  # requests
    unique_machine_clicks: int = 0  # people in whose mail a machine followed a link


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of a campaign (UTC, named by its beginning). Unique: whose first time it was."""

    at: datetime
    opens: int = 0
    unique_opens: int = 0
    clicks: int = 0
    unique_clicks: int = 0
    unsubscribes: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0


@dataclass(frozen=True, slots=True)
class LinkReport:
    """The clicks on one link of a campaign."""

    link_id: int
    url: str
    clicks: int  # requests
    unique_clicks: int  # people
    machine_clicks: int = 0  # requests
    unique_machine_clicks: int = 0  # people in whose mail a machine followed it


@dataclass(frozen=True)
class CampaignReport:
    """The report of one campaign that `sent` mails were handed over for."""

    campaign_id: int
    sent: int
    totals: Totals
    hours: list[Hour] = field(default_factory=list)  # in order; hours with nothing left out
    links: list[LinkReport] = field(default_factory=list)  # the most clicked first

    @property
    def open_rate(self) -> float:
        """People who opened, per mail sent: 0.0 to 1.0."""
        return _rate(self.totals.unique_opens, self.sent)

    @property
    def click_rate(self) -> float:
        """People who clicked, per mail sent: 0.0 to 1.0."""
        return _rate(self.totals.unique_clicks, self.sent)

    @property
    def unsubscribe_rate(self) -> float:
        """People who left, per mail sent: 0.0 to 1.0."""
        return _rate(self.totals.unique_unsubscribes, self.sent)

    @cached_property
    def timeline(self) -> list[Hour]:
        """The hours without gaps, for a chart; days (UTC) when they span over HOURLY_UP_TO."""
        return _timeline(self.hours)


def campaign_report(campaign_id: int, sent: int) -> CampaignReport:
    """Build the report of a campaign of which `sent` mails were handed over (four queries)."""
    return CampaignReport(
        campaign_id=campaign_id,
        sent=sent,
        totals=overview([campaign_id])[campaign_id],
        hours=_hours(campaign_id),
        links=links_of(campaign_id),
    )


def links_of(campaign_id: int) -> list[LinkReport]:
    """Return the links of a campaign, the most clicked by people first (two queries)."""
    clicks = {row.link_id: row for row in LinkTotal.objects.filter(campaign_id=campaign_id)}
    nothing = LinkTotal()
    links = []
    for link_id, url in Link.objects.filter(campaign_id=campaign_id).values_list("id", "url"):
        row = clicks.get(link_id, nothing)
        links.append(
            LinkReport(
                link_id=link_id,
                url=url,
                clicks=row.clicks,
                unique_clicks=row.unique_clicks,
                machine_clicks=row.machine_clicks,
                unique_machine_clicks=row.unique_machine_clicks,
            )
        )
    return sorted(links, key=lambda link: (-link.clicks, link.link_id))


def moments(campaign_id: int, start: datetime, end: datetime) -> list[Hour]:
    """Return the five minutes, each named by its beginning, in which something came (one query).

    For the curve of a campaign's first hours. Unsubscribes are left out.
    """
    rows = CampaignMoment.objects.filter(campaign_id=campaign_id, at__gte=start, at__lt=end)
    return [_hour(row.at, row) for row in rows.order_by("at")]


def verdicts(campaign_id: int) -> list[VerdictTotal]:
    """Return how many hits of each kind were judged to be what, machines included (one query)."""
    rows = VerdictTotal.objects.filter(campaign_id=campaign_id)
    return [row for row in rows.order_by("kind", "verdict") if row.hits or row.forwarded_hits]


def overview(campaign_ids: Iterable[int]) -> dict[int, Totals]:
    """Return the totals of each campaign, zeros where nothing came (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERVIEW, [list(campaign_ids)])
        return {row[0]: Totals(*row[1:]) for row in cursor.fetchall()}


def _hours(campaign_id: int) -> list[Hour]:
    by_hour = LeavingSum.objects.filter(campaign_id=campaign_id, seconds=LeavingSum.HOUR)
    leaving = dict(by_hour.values_list("at", "people"))
    reading = {row.hour: row for row in CampaignHour.objects.filter(campaign_id=campaign_id)}
    nothing = CampaignHour()
    return [
        _hour(at, reading.get(at, nothing), leaving.get(at, 0))
        for at in sorted(leaving.keys() | reading.keys())
    ]


def _hour(at: datetime, row: CampaignHour | CampaignMoment, unsubscribes: int = 0) -> Hour:
    return Hour(
        at=at,
        opens=row.opens,
        unique_opens=row.unique_opens,
        clicks=row.clicks,
        unique_clicks=row.unique_clicks,
        unsubscribes=unsubscribes,
        machine_opens=row.machine_opens,
        machine_clicks=row.machine_clicks,
    )


def _timeline(hours: list[Hour]) -> list[Hour]:
    if not hours:
        return []
    is_hourly = hours[-1].at - hours[0].at <= HOURLY_UP_TO
    step = timedelta(hours=1) if is_hourly else timedelta(days=1)
    points: dict[datetime, Hour] = {}
    at = _beginning(hours[0].at, step)
    while at <= hours[-1].at:
        points[at] = Hour(at)
        at += step
    for hour in hours:
        at = _beginning(hour.at, step)
        points[at] = _sum(points[at], hour)
    return list(points.values())


def _beginning(at: datetime, step: timedelta) -> datetime:
    return at if step < timedelta(days=1) else at.replace(hour=0)


def _sum(point: Hour, hour: Hour) -> Hour:
    return Hour(
        at=point.at,
        opens=point.opens + hour.opens,
        unique_opens=point.unique_opens + hour.unique_opens,
        clicks=point.clicks + hour.clicks,
        unique_clicks=point.unique_clicks + hour.unique_clicks,
        unsubscribes=point.unsubscribes + hour.unsubscribes,
        machine_opens=point.machine_opens + hour.machine_opens,
        machine_clicks=point.machine_clicks + hour.machine_clicks,
    )


def _rate(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
