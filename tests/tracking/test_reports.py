"""Reports show what happened, in people and in requests."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_leaving, make_subscriber
from tests.tracking import makers
from tests.tracking.makers import NOON, clicked, opened
from tracking import links, reports
from tracking.reports import Hour, LinkReport, Totals

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def leave(subscriber, at=NOON, campaign=7):
    make_leaving(subscriber, campaign, at)


def test_a_campaign_that_nobody_read():
    report = reports.campaign_report(7, sent=10)

    assert report.totals == Totals()
    assert report.hours == report.links == report.timeline == []
    assert report.open_rate == report.click_rate == 0.0


def test_nothing_sent_is_no_division_by_zero():
    assert reports.campaign_report(7, sent=0).open_rate == 0.0


def test_people_and_requests():
    alice, bob = make_subscriber().id, make_subscriber().id
    ids = links.ensure(7, ["https://example.org/a", "https://example.org/b"])
    story, unread = ids["https://example.org/a"], ids["https://example.org/b"]
    makers.store(
        [
            *(opened(alice), opened(alice), opened(bob), opened(0)),
            *(clicked(story, alice), clicked(story, alice, at=NOON + HOUR)),
            opened(alice, campaign=8),
        ]
    )
    leave(bob)
    leave(bob)  # two lists with one press of the button
    leave(bob, at=NOON + HOUR)
    leave(bob, campaign=8)

    report = reports.campaign_report(7, sent=4)

    assert report.totals == Totals(
        opens=4,
        unique_opens=2,
        clicks=2,
        unique_clicks=1,
        unsubscribes=2,
        unique_unsubscribes=1,
    )
    assert report.open_rate == 0.5
    assert report.click_rate == 0.25
    assert report.unsubscribe_rate == 0.25
    assert report.links == [
        LinkReport(story, "https://example.org/a", clicks=2, unique_clicks=1),
        LinkReport(unread, "https://example.org/b", clicks=0, unique_clicks=0),
    ]
    assert report.hours == [
        Hour(NOON, opens=4, unique_opens=2, clicks=1, unique_clicks=1, unsubscribes=1),
        Hour(NOON + HOUR, clicks=1, unsubscribes=1),
    ]


def test_the_timeline_has_no_gaps():
    makers.store([opened(at=NOON), opened(at=NOON + 3 * HOUR)])

    timeline = reports.campaign_report(7, sent=1).timeline

    assert [(point.at, point.opens) for point in timeline] == [
        (NOON, 1),
        (NOON + HOUR, 0),
        (NOON + 2 * HOUR, 0),
        (NOON + 3 * HOUR, 1),
    ]


def test_a_long_timeline_has_days():
    makers.store([opened(at=NOON), opened(at=NOON + HOUR), opened(at=NOON + timedelta(days=4))])

    timeline = reports.campaign_report(7, sent=1).timeline

    assert [point.opens for point in timeline] == [2, 0, 0, 0, 1]
    assert timeline[0].at == datetime(2026, 7, 1, tzinfo=UTC)


def test_an_overview_has_every_campaign_that_was_asked_for(django_assert_num_queries):
    makers.store([opened(campaign=7), opened(campaign=8), clicked(3, campaign=8)])
    leave(5, campaign=9)

    with django_assert_num_queries(1):
        overview = reports.overview([7, 8, 9, 10])

    assert overview == {
        7: Totals(opens=1),
        8: Totals(opens=1, clicks=1),
        9: Totals(unsubscribes=1, unique_unsubscribes=1),
        10: Totals(),
    }


@pytest.mark.parametrize("people", [1, 30])
def test_a_report_costs_the_same_whatever_its_size(django_assert_num_queries, people):
    makers.store([opened(make_subscriber().id) for _ in range(people)])

    with django_assert_num_queries(5):
        reports.campaign_report(7, sent=people)


def test_machines_are_beside_people():
    alice = make_subscriber().id
    [link] = links.ensure(7, ["https://example.org/"]).values()
    makers.store(
        [
            opened(alice),
            opened(alice, user_agent="PRIVACY_PREFETCH"),
            opened(0, user_agent="SCANNER"),
            clicked(link, alice, user_agent="SCANNER", at=NOON + HOUR),
        ]
    )

    report = reports.campaign_report(7, sent=10)

    assert report.totals == Totals(
        opens=1,
        unique_opens=1,
        machine_opens=2,
        unique_machine_opens=1,
        machine_clicks=1,
        unique_machine_clicks=1,
    )
    assert [(hour.machine_opens, hour.machine_clicks) for hour in report.timeline] == [
        (2, 0),
        (0, 1),
    ]
    assert report.links == [LinkReport(link, "https://example.org/", 0, 0, 1, 1)]


def test_the_first_hours_in_five_minutes():
    minutes = [timedelta(minutes=each) for each in (0, 4, 5, 400)]
    makers.store([opened(at=NOON + after) for after in minutes])

    moments = reports.moments(7, NOON, NOON + HOUR)

    assert moments == [Hour(NOON, opens=2), Hour(NOON + timedelta(minutes=5), opens=1)]


def test_verdicts_of_each_kind():
    alice = make_subscriber().id
    makers.store(
        [
            opened(alice),
            opened(alice, user_agent="PROXY_OPEN"),
            opened(0, kind=3, user_agent="SCANNER"),
            opened(alice, forward_id=4),
        ]
    )

    rows = reports.verdicts(7)

    assert [(row.kind, row.verdict, row.hits, row.people, row.forwarded_hits) for row in rows] == [
        (1, 1, 1, 1, 1),
        (1, 3, 1, 1, 0),
        (3, 5, 1, 0, 0),
    ]
