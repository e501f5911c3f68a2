"""Before a start it is known how its readers will be recorded, and whose word that is."""

import pytest

from newsletter import audience
from newsletter.recorded import forecast
from subscribers.models import Suppression, TrackingChoice
from tests.factories import make_campaign, make_list, make_subscriber

pytestmark = pytest.mark.django_db

OFF, AGGREGATE, INDIVIDUAL = TrackingChoice


@pytest.fixture(autouse=True)
def _counting(settings):
    settings.TRACKING_DEFAULT = "aggregate"


def expected(campaign):
    return forecast(campaign.pk, audience.by_choice(campaign.pk))


def test_people_are_counted_once_and_by_their_own_choice():
    news, tips = make_list(), make_list()
    campaign = make_campaign(lists=[news, tips])
    for choice in ("", "", "off", "individual"):
        make_subscriber(lists=[news, tips], tracking=choice)
    make_subscriber(tracking="off")

    assert audience.by_choice(campaign.pk) == {"": 2, "off": 1, "individual": 1}
    assert sum(audience.by_choice(campaign.pk).values()) == audience.count(campaign.pk)


def test_suppressed_people_are_not_counted():
    news = make_list()
    campaign = make_campaign(lists=[news])
    person = make_subscriber(lists=[news])
    Suppression.objects.create(email_hash=bytes(person.email_hash), key_id="x", reason="request")

    assert audience.by_choice(campaign.pk) == {}


@pytest.mark.parametrize(
    ("lists", "usual", "named"),
    [
        (["", ""], AGGREGATE, []),
        (["individual"], INDIVIDUAL, ["List 0"]),
        (["individual", ""], AGGREGATE, []),
        (["individual", "off", "off"], OFF, ["List 1", "List 2"]),
        (["aggregate", ""], AGGREGATE, ["List 0"]),
    ],
    ids=str,
)
def test_the_strictest_list_speaks_for_who_has_chosen_nothing(lists, usual, named):
    made = [make_list(name=f"List {number}", tracking=each) for number, each in enumerate(lists)]
    campaign = make_campaign(lists=made)
    for choice in ("", "", "off", "individual"):
        make_subscriber(lists=made, tracking=choice)

    found = expected(campaign)

    assert (found.usual, found.lists) == (usual, named)
    people = {INDIVIDUAL: 1, AGGREGATE: 0, OFF: 1}
    people[usual] += 2
    assert found.people == people
    assert list(found.people) == [INDIVIDUAL, AGGREGATE, OFF]


def test_the_review_says_it(admin_client):
    news = make_list(name="Quiet list", tracking="off")
    campaign = make_campaign(lists=[news])
    for choice in ("", "individual"):
        make_subscriber(lists=[news], tracking=choice)

    page = admin_client.get(f"/admin/newsletter/campaign/{campaign.pk}/start/").content.decode()

    assert "Not recorded: 1 person" in page
    assert "Recorded for each person: 1 person" in page
    assert "the list Quiet list says so" in page
