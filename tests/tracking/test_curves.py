"""Curves have a point for every step, and every hit in the right one."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_leaving, make_subscriber
from tests.tracking import makers
from tests.tracking.makers import NOON, clicked, opened
from tracking import curves, links, reports
from tracking.curves import Range
from tracking.reports import Hour

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def whole(start, hours):
    return curves.curve(7, Range.ALL, start, start, hours)


@pytest.mark.parametrize(
    ("age", "range_"),
    [
        (MINUTE, Range.START),
        (3 * HOUR, Range.START),
        (4 * HOUR, Range.DAY),
        (2 * DAY, Range.WEEK),
        (8 * DAY, Range.ALL),
    ],
)
def test_usual_range_follows_the_age(age, range_):
    assert curves.usual(NOON, NOON + age) == range_


@pytest.mark.django_db
@pytest.mark.usefixtures("simple_rules")
def test_first_minutes_in_slots_of_five(settings):
    settings.TRACKING_DEFAULT = "individual"
    alice = make_subscriber().id
    link = links.ensure(7, ["https://example.org/"])["https://example.org/"]
    makers.store(
        [
            opened(alice, at=NOON + MINUTE),
            opened(alice, at=NOON + 9 * MINUTE),
            clicked(link, alice, at=NOON + 10 * MINUTE),
            opened(0, at=NOON + 4 * HOUR),
        ]
    )
    make_leaving(alice, 7, NOON + 11 * MINUTE)
    found = reports.campaign_report(7, 1)

    first = curves.curve(7, Range.START, NOON + 2 * MINUTE, NOON + 14 * MINUTE, found.hours)

    assert first.step == 5 * MINUTE
    assert [(p.at, p.opens, p.clicks, p.unsubscribes) for p in first.points] == [
        (NOON, 1, 0, 0),
        (NOON + 5 * MINUTE, 1, 0, 0),
        (NOON + 10 * MINUTE, 0, 1, 1),
        (NOON + 15 * MINUTE, 0, 0, 0),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(("range_", "points"), [(Range.START, 36), (Range.DAY, 96)])
def test_a_range_ends(range_, points):
    assert len(curves.curve(7, range_, NOON, NOON + 300 * DAY, []).points) == points


def test_week_is_by_hours_and_leaves_out_what_came_later():
    hours = [Hour(NOON, opens=1), Hour(NOON + 2 * HOUR, opens=2), Hour(NOON + 9 * DAY, opens=9)]

    found = curves.curve(7, Range.WEEK, NOON, NOON + 30 * DAY, hours)

    assert len(found.points) == 168
    assert [point.opens for point in found.points[:4]] == [1, 0, 2, 0]
    assert sum(point.opens for point in found.points) == 3


def test_all_of_a_short_life_is_by_hours():
    found = whole(NOON, [Hour(NOON - HOUR, opens=1), Hour(NOON + HOUR, clicks=2)])

    assert [(p.at, p.opens, p.clicks) for p in found.points] == [
        (NOON - HOUR, 1, 0),
        (NOON, 0, 0),
        (NOON + HOUR, 0, 2),
    ]


def test_days_are_those_of_the_calendar_also_when_clocks_change():
    start = datetime(2026, 10, 23, 12, tzinfo=BERLIN)
    # The 25th has 25 hours there: its last one begins at 22:00 UTC.
    last = datetime(2026, 10, 25, 22, tzinfo=UTC)
    hours = [Hour(last, opens=1), Hour(last + HOUR, opens=2), Hour(last + 3 * DAY, opens=4)]

    found = whole(start, hours)

    assert [point.at.day for point in found.points] == [23, 24, 25, 26, 27, 28]
    assert [point.opens for point in found.points] == [0, 0, 1, 2, 0, 4]


def test_a_long_life_is_by_weeks_from_monday():
    found = whole(NOON, [Hour(NOON + 200 * DAY, opens=1, machine_opens=2)])

    assert found.step == 7 * DAY
    assert {point.at.weekday() for point in found.points} == {0}
    assert (found.points[-1].opens, found.points[-1].machine_opens) == (1, 2)


def test_week_by_hours_in_the_zone():
    late = datetime(2026, 7, 5, 23, tzinfo=UTC)  # Monday already in Berlin

    sums = curves.week([Hour(late, opens=3), Hour(late, opens=4)], BERLIN, lambda hour: hour.opens)

    assert sums[0][1] == 7
    assert sum(map(sum, sums)) == 7
