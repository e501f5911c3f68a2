"""What is recorded of people who have chosen nothing is up to lists and installation."""

from itertools import product

import pytest

from subscribers import consent, recording, tokens
from subscribers.models import MailingList, TrackingChoice
from tests.factories import make_campaign, make_list, make_subscriber

pytestmark = pytest.mark.django_db

OFF, AGGREGATE, INDIVIDUAL = TrackingChoice


@pytest.mark.parametrize(
    ("installation", "lists", "expected"),
    [
        (AGGREGATE, [], AGGREGATE),
        (AGGREGATE, [""], AGGREGATE),
        (AGGREGATE, [INDIVIDUAL], INDIVIDUAL),
        (INDIVIDUAL, [AGGREGATE], AGGREGATE),
        (AGGREGATE, [INDIVIDUAL, ""], AGGREGATE),
        (OFF, ["", INDIVIDUAL], OFF),
        (INDIVIDUAL, [INDIVIDUAL, AGGREGATE, OFF], OFF),
    ],
)
def test_the_strictest_list_counts_and_a_silent_one_follows_the_installation(
    settings, installation, lists, expected
):
    settings.TRACKING_DEFAULT = installation
    ids = [make_list(tracking=each).pk for each in lists]

    assert recording.of_lists(ids) == expected


def test_each_campaign_follows_its_own_lists(settings, monkeypatch):
    settings.TRACKING_DEFAULT = AGGREGATE
    lists = {7: [make_list(tracking=INDIVIDUAL).pk], 8: [make_list(tracking=OFF).pk], 9: []}
    monkeypatch.setattr(consent, "lists_of_campaigns", lambda _: lists)

    choices = recording.of_campaigns([7, 8, 9])

    assert choices == {7: INDIVIDUAL, 8: OFF, 9: AGGREGATE}


@pytest.mark.parametrize("usual", TrackingChoice.values)
def test_many_campaigns_are_what_each_is(settings, usual, django_assert_num_queries):
    settings.TRACKING_DEFAULT = usual
    lists = {choice: make_list(tracking=choice) for choice in ["", *TrackingChoice.values]}
    campaigns = [
        make_campaign(lists=[lists[first], lists[second]]).pk
        for first, second in product(lists, lists)
    ]
    unknown = campaigns[-1] + 1

    with django_assert_num_queries(2):
        found = recording.of_campaigns([*campaigns, unknown])

    assert found == {each: recording.of_campaign(each) for each in [*campaigns, unknown]}


def test_one_query_is_enough_where_no_list_has_a_choice(settings, django_assert_num_queries):
    settings.TRACKING_DEFAULT = AGGREGATE
    make_list()

    with django_assert_num_queries(1):
        choices = recording.of_campaigns([7, 8])

    assert choices == {7: AGGREGATE, 8: AGGREGATE}


def test_a_person_is_told_what_their_lists_say(settings):
    settings.TRACKING_DEFAULT = AGGREGATE
    one, two, three = make_list(tracking=OFF), make_list(tracking=OFF), make_list()
    person, other = make_subscriber(lists=[one, two]), make_subscriber(lists=[one, three])

    assert recording.of_person(person.pk) == OFF
    assert recording.of_person(other.pk) is None
    assert recording.of_person(make_subscriber().pk) == AGGREGATE


@pytest.mark.parametrize(
    ("installation", "of_list", "expected"),
    [(AGGREGATE, OFF, True), (OFF, "", False), (OFF, OFF, False), (OFF, AGGREGATE, True)],
)
def test_something_is_recorded_where_the_installation_or_a_list_says_so(
    settings, installation, of_list, expected
):
    settings.TRACKING_DEFAULT = installation
    make_list(tracking=of_list)

    assert recording.is_anywhere() == expected


@pytest.mark.parametrize(("of_list", "asks"), [(OFF, True), ("", False), (INDIVIDUAL, False)])
def test_the_sign_up_page_asks_where_the_list_names_nobody_by_itself(
    settings, client, of_list, asks
):
    settings.TRACKING_DEFAULT = INDIVIDUAL
    mailing_list = make_list(tracking=of_list, visibility=MailingList.Visibility.PUBLIC)

    page = client.get(f"/join/{mailing_list.slug}").content.decode()

    assert ('name="tracking"' in page) == asks


@pytest.mark.parametrize(
    ("choices", "says"),
    [([OFF], "At present: nothing"), ([OFF, INDIVIDUAL], "At present: as each list does")],
)
def test_the_preference_page_says_what_holds_without_a_choice(client, choices, says):
    person = make_subscriber(lists=[make_list(tracking=choice) for choice in choices])

    page = client.get(f"/p/{tokens.sign_preferences(person.pk)}").content.decode()

    assert says in page
