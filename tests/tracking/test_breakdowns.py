"""Sums by mail program, device and country are what the events say, whatever happens to them."""

import pytest
from django.db import connection

from tests.factories import make_subscriber
from tests.tracking import exact, makers, rules
from tests.tracking.makers import clicked, opened
from tracking import countries, erase, judging, origins, recounting
from tracking.models import Breakdown, Dimension, Event
from tracking.programs import APPLE, GMAIL, Device, program

THUNDERBIRD = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0"
GOOGLE = "GoogleImageProxy PROXY_OPEN"
LONDON, PARIS = "198.51.100.0", "203.0.113.0"
GB, FR = countries.number("GB"), countries.number("FR")
CLIENT, DEVICE, COUNTRY = Dimension

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _individual(settings, _empty_events, simple_rules):
    settings.TRACKING_DEFAULT = "individual"


def sums(campaign=7):
    """Return opens, clicks and both of machines by dimension and value, without what is 0."""
    fields = ("opens", "clicks", "machine_opens", "machine_clicks")
    rows = Breakdown.objects.filter(campaign_id=campaign).values_list("dimension", "value", *fields)
    return {(row[0], row[1]): row[2:] for row in rows if any(row[2:])}


def number(agent):
    return program(agent) >> 3


def test_hits_are_summed_by_program_device_and_country():
    makers.store(
        [
            opened(user_agent=THUNDERBIRD, network=PARIS),
            opened(user_agent=THUNDERBIRD, network=LONDON),
            clicked(3, user_agent=THUNDERBIRD, network=LONDON),
            opened(user_agent="Outlook-iOS/709 PRIVACY_PREFETCH", network="192.0.2.0"),
            opened(user_agent=THUNDERBIRD, network=LONDON, forward_id=5),
        ]
    )

    thunderbird, outlook = number(THUNDERBIRD), number("Outlook-iOS/709")
    assert sums() == {
        (CLIENT, thunderbird): (2, 1, 0, 0),
        (CLIENT, outlook): (0, 0, 1, 0),
        (DEVICE, Device.DESKTOP): (2, 1, 0, 0),
        (DEVICE, Device.PHONE): (0, 0, 1, 0),
        (COUNTRY, FR): (1, 0, 0, 0),
        (COUNTRY, GB): (1, 1, 0, 0),
        (COUNTRY, countries.UNKNOWN): (0, 0, 1, 0),
    }
    exact.check()


def test_who_reads_by_a_mail_service_is_of_no_country():
    makers.store([opened(user_agent=GOOGLE, network=PARIS)])

    assert sums() == {
        (CLIENT, GMAIL.number): (1, 0, 0, 0),
        (DEVICE, Device.HIDDEN): (1, 0, 0, 0),
        (COUNTRY, countries.HIDDEN): (1, 0, 0, 0),
    }


def test_a_new_verdict_moves_the_sums(monkeypatch):
    """A click that turns out to be a burst's goes from people to machines."""
    reader = make_subscriber().id
    first = clicked(3, reader, user_agent=THUNDERBIRD, network=PARIS)
    second = clicked(4, reader, at=makers.NOON, user_agent=THUNDERBIRD, network=PARIS)
    makers.store([first])
    makers.store([second])
    before = sums()

    judging.settle()

    assert before[COUNTRY, FR] == (0, 2, 0, 0)
    keys = ((CLIENT, number(THUNDERBIRD)), (DEVICE, Device.DESKTOP), (COUNTRY, FR))
    assert sums() == dict.fromkeys(keys, (0, 0, 0, 2))
    exact.check()


def test_sums_stay_when_a_person_is_erased():
    reader = make_subscriber().id
    makers.store([opened(reader, user_agent=THUNDERBIRD, network=PARIS)])
    before = sums()

    erase.erase_subscriber(reader)
    recounting.recount()

    assert Event.objects.get().user_agent == ""
    assert sums() == before
    exact.check()


def test_a_recount_finds_what_was_not_known_before():
    makers.store(
        [
            opened(user_agent=THUNDERBIRD, network=PARIS),
            opened(user_agent=THUNDERBIRD, network=LONDON),
            opened(user_agent=GOOGLE, network=PARIS),
            opened(user_agent="Something/1.0", network="\\N"),
        ]
    )
    found = sums()
    Event.objects.update(program=0, country=0)

    recounting.recount()

    assert sums() == found
    exact.check()


def test_a_recount_forgets_no_country_when_the_database_is_away(monkeypatch):
    makers.store([opened(user_agent=THUNDERBIRD, network=PARIS)])
    monkeypatch.setattr(rules.Countries, "__getitem__", lambda self, network: countries.UNKNOWN)

    recounting.recount()

    assert sums()[COUNTRY, FR] == (1, 0, 0, 0)


def test_a_recount_writes_nothing_when_nothing_is_new(django_assert_num_queries):
    makers.store([opened(user_agent=THUNDERBIRD, network=PARIS)] * 3)

    with django_assert_num_queries(3), connection.cursor() as cursor:
        origins.read_again(cursor, 7)


def test_a_campaign_that_is_erased_leaves_no_sums():
    makers.store([opened(user_agent=THUNDERBIRD)])

    erase.erase_campaign(7)

    assert sums() == {}


def test_what_a_line_escapes_is_read_as_it_was_sent():
    agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"

    makers.store([opened(user_agent=f"{agent}"), opened(user_agent="a\tb\\c Thunderbird/1")])

    assert sums()[CLIENT, APPLE.number] == (1, 0, 0, 0)
    assert sums()[CLIENT, number(THUNDERBIRD)] == (1, 0, 0, 0)
