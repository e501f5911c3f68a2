"""Who did what: pages end where they should, and nobody is named who does not want to be."""

import pytest

from tests.factories import make_leaving, make_subscriber
from tests.plans import planned
from tests.tracking.makers import NOON
from tracking import readers
from tracking.models import Reader, ReaderLink
from tracking.readers import Did, Filter

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def read(campaign=7, tracking="", **sums) -> int:
    """Store what somebody did; return their number."""
    person = make_subscriber(tracking=tracking)
    Reader.objects.create(campaign_id=campaign, subscriber_id=person.pk, **sums)
    return person.pk


def leave(subscriber_id, campaign=7) -> None:
    make_leaving(subscriber_id, campaign, NOON)


def ids(page: readers.Page) -> list[int]:
    return [person.subscriber_id for person in page.people]


def test_each_filter():
    opener, clicker, both = read(opens=1), read(clicks=1), read(opens=2, clicks=3)
    read(machine_opens=5)
    read(campaign=8, opens=1)
    leave(opener)
    leave(both, campaign=8)
    ReaderLink.objects.create(link_id=3, subscriber_id=both, clicks=1)
    ReaderLink.objects.create(link_id=3, subscriber_id=opener, machine_clicks=1)

    assert ids(readers.page(Filter(7))) == [opener, clicker, both]
    assert ids(readers.page(Filter(7, Did.OPENED))) == [opener, both]
    assert ids(readers.page(Filter(7, Did.CLICKED))) == [clicker, both]
    assert ids(readers.page(Filter(7, Did.LEFT))) == [opener]
    assert ids(readers.page(Filter(7, link_id=3))) == [both]


def test_what_a_person_did():
    reader = read(
        opens=2,
        clicks=1,
        machine_opens=3,
        machine_clicks=4,
        first_open_at=NOON,
        last_open_at=NOON,
    )
    leave(reader)

    [person] = readers.page(Filter(7)).people

    assert (person.opens, person.clicks, person.machine_requests) == (2, 1, 7)
    assert person.first_open_at == person.last_at == person.left_at == NOON
    assert person.may_be_named


@pytest.mark.parametrize("tracking", ["off", "aggregate"])
def test_who_may_not_be_named_is_named_only_as_having_left(tracking):
    reader = read(opens=2, tracking=tracking)
    leave(reader)

    [person] = readers.page(Filter(7, Did.LEFT)).people

    assert readers.page(Filter(7)).people == []
    assert (person.may_be_named, person.opens, person.left_at) == (False, 0, NOON)


def test_own_choice_wins_over_the_installation(settings):
    settings.TRACKING_DEFAULT = "aggregate"
    read(opens=1)
    named = read(opens=1, tracking="individual")

    assert ids(readers.page(Filter(7))) == [named]


def test_who_was_erased_is_nobody():
    Reader.objects.create(campaign_id=7, subscriber_id=-5, opens=1)
    Reader.objects.create(campaign_id=7, subscriber_id=2**40, opens=1)

    assert readers.page(Filter(7)) == readers.Page([], None)


def test_pages_follow_each_other():
    people = [read(opens=1) for _ in range(5)]

    first = readers.page(Filter(7), size=3)
    second = readers.page(Filter(7), first.next, size=3)

    assert (ids(first), first.next) == (people[:3], people[2])
    assert (ids(second), second.next) == (people[3:], None)


def test_a_page_looks_at_so_many_people_only(monkeypatch):
    monkeypatch.setattr(readers, "BUDGET", 3)
    others = [read(opens=1) for _ in range(3)]
    clicker = read(clicks=1)

    first = readers.page(Filter(7, Did.CLICKED))

    assert (first.people, first.next) == ([], others[-1])
    assert ids(readers.page(Filter(7, Did.CLICKED), first.next)) == [clicker]


@pytest.mark.parametrize("did", list(Did))
def test_a_campaign_that_statistics_do_not_know_costs_no_more(did):
    """Else each person on the page is compared with all readers of the campaign."""
    leave(read(opens=1, clicks=1))

    with planned() as plans:
        readers.page(Filter(7, did))

    [plan] = [plan for plan in plans if "CTE fitting" in plan]
    assert "Join Filter" not in plan
    assert "subscriber_id = person.id" in plan
