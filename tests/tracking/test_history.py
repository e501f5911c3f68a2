"""What one person did, from their own rows alone."""

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from tests.factories import make_subscriber
from tests.tracking.makers import NOON, anything, clicked, opened, store
from tracking import history, links, partitions
from tracking.history import Month
from tracking.models import Event

pytestmark = pytest.mark.django_db
LAST = (NOON + timedelta(days=365), 2**63 - 1)
FIRST = NOON - timedelta(days=730)


@pytest.fixture(autouse=True)
def _individual(settings, simple_rules):
    settings.TRACKING_DEFAULT = "individual"


def hits(person, campaigns=(7, 8), before=LAST, since=FIRST, limit=50):
    return history.hits(person, campaigns, before=before, since=since, limit=limit)


def test_hits_come_the_newest_first_with_their_link_and_verdict():
    alice, bob = make_subscriber().pk, make_subscriber().pk
    [link] = links.ensure(7, ["https://example.org/story"]).values()
    store(
        [
            opened(alice, at=NOON),
            clicked(link, alice, at=NOON + timedelta(minutes=1)),
            opened(alice, at=NOON + timedelta(minutes=2), user_agent="SCANNER"),
            opened(alice, at=NOON, forward_id=5),
            opened(alice, campaign=9),
            opened(bob),
        ]
    )

    found = hits(alice)

    assert [(hit.kind, hit.verdict, hit.url) for hit in found] == [
        (1, 5, ""),
        (2, 1, "https://example.org/story"),
        (1, 1, ""),
    ]


def test_pages_together_are_all_of_them(django_assert_max_num_queries):
    """Over months with partitions and without, and with many hits in one moment."""
    chance = random.Random(3)
    alice = make_subscriber().pk
    for back in range(0, 700, 60):
        partitions.make_ahead(NOON - timedelta(days=back))
    moments = [NOON - timedelta(days=chance.randint(0, 700)) for _ in range(40)]
    store([opened(alice, chance.choice([7, 8]), at) for at in moments for _ in range(3)])

    found, before = [], LAST
    while page := hits(alice, before=before, limit=7):
        found += page
        before = (page[-1].at, page[-1].id)

    expected = Event.objects.filter(subscriber_id=alice).order_by("-occurred_at", "-id")
    assert [hit.id for hit in found] == list(expected.values_list("id", flat=True))
    with django_assert_max_num_queries(6):
        hits(alice, limit=1000)


def test_nothing_is_asked_for_nobody(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert hits(1, campaigns=()) == []


@pytest.mark.parametrize("seed", range(3))
def test_months_are_what_counting_the_events_gives(seed):
    chance = random.Random(seed)
    alice = make_subscriber().pk
    links.ensure(7, ["https://example.org/story"])
    store([anything(chance, [alice], spread=200_000) for _ in range(150)])

    found = history.months(alice, history.readings(alice), FIRST.date(), "UTC")

    counted: dict[date, list[int]] = {}
    for event in Event.objects.filter(subscriber_id=alice, forward_id=0, verdict__in=[1, 2, 3]):
        if event.kind in (1, 2):
            sums = counted.setdefault(event.occurred_at.date().replace(day=1), [0, 0])
            sums[event.kind - 1] += 1
    assert found == [Month(month, *counted[month]) for month in sorted(counted)]
    assert len(found) > 3


def test_months_begin_where_the_installation_is():
    alice = make_subscriber().pk
    store([opened(alice, at=datetime(2026, 6, 30, 23, 0, tzinfo=UTC))])
    rows = history.readings(alice)

    found = [
        history.months(alice, rows, FIRST.date(), zone)[0].start
        for zone in ("UTC", "Europe/Berlin")
    ]

    assert found == [date(2026, 6, 1), date(2026, 7, 1)]


def test_months_before_those_asked_for_are_left_out():
    alice = make_subscriber().pk
    store([opened(alice), opened(alice, at=NOON - timedelta(days=90))])

    found = history.months(alice, history.readings(alice), date(2026, 7, 1), "UTC")

    assert found == [Month(date(2026, 7, 1), 1, 0)]


def test_readings_are_of_every_campaign_and_of_this_person_alone():
    alice, bob = make_subscriber().pk, make_subscriber().pk
    store([opened(alice), opened(alice, 8, user_agent="SCANNER"), opened(bob, 9)])

    found = {row.campaign_id: (row.opens, row.machine_opens) for row in history.readings(alice)}

    assert found == {7: (1, 0), 8: (0, 1)}
