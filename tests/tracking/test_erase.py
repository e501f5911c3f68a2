"""An erased person's name is nowhere in tracking, and the sums stay."""

import threading

import pytest
from django.db import connection, transaction

from subscribers import consent
from subscribers.consent import Origin
from subscribers.erase import erase as erase_person
from subscribers.models import ConsentRecord, LeavingSum
from tests.factories import make_list, make_subscriber
from tests.tracking import exact, makers
from tests.tracking.makers import append, clicked, opened
from tracking import erase, ingest, links, reports
from tracking.models import CampaignHour, CampaignTotal, Event, Link, LinkTotal, Reader, ReaderLink


@pytest.fixture(autouse=True)
def _individual(settings, simple_rules):
    settings.TRACKING_DEFAULT = "individual"


def sums_without_names():
    models = CampaignTotal, CampaignHour, LinkTotal
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.django_db
def test_what_an_erased_person_was_seen_by_goes_too():
    alice = make_subscriber().id
    makers.store([opened(alice)])

    erase.erase_subscriber(alice)

    event = Event.objects.get()
    assert (event.network, event.user_agent, event.marks) == (None, "", {})
    assert event.since_sent is None


@pytest.mark.django_db
def test_the_name_goes_and_the_sums_stay():
    alice, bob = make_subscriber().id, make_subscriber().id
    makers.store([opened(alice), clicked(3, alice), opened(bob)])
    before = sums_without_names()

    erase.erase_subscriber(alice)

    [nobody] = set(Event.objects.values_list("subscriber_id", flat=True)) - {bob}
    assert nobody < 0
    assert not Reader.objects.filter(subscriber_id=alice).exists()
    assert not ReaderLink.objects.filter(subscriber_id=alice).exists()
    assert sums_without_names() == before
    exact.check()


@pytest.mark.django_db
def test_nothing_of_a_campaign_stays_and_nothing_of_others_goes():
    alice = make_subscriber().id
    [mine] = links.ensure(7, ["https://example.org/"]).values()
    [other] = links.ensure(8, ["https://example.org/"]).values()
    makers.store([clicked(mine, alice), opened(alice), clicked(other, alice, campaign=8)])

    erase.erase_campaign(7)

    assert list(Event.objects.values_list("campaign_id", flat=True)) == [8]
    assert list(Link.objects.values_list("id", flat=True)) == [other]
    exact.check()


@pytest.mark.django_db
def test_who_left_by_a_campaign_is_counted_until_the_campaign_is_erased():
    news = make_list()
    alice, bob = make_subscriber(lists=[news]), make_subscriber(lists=[news])
    for person, campaign_id in ((alice, 7), (bob, 8)):
        origin = Origin(method=ConsentRecord.Method.ONE_CLICK, campaign_id=campaign_id)
        consent.unsubscribe(person.pk, [news.pk], origin=origin)

    erase_person(alice.pk)

    assert [reports.overview([each])[each].unique_unsubscribes for each in (7, 8)] == [1, 1]

    erase.erase_campaign(7)

    assert set(LeavingSum.objects.values_list("campaign_id", flat=True)) == {8}


def test_hits_that_are_being_stored_do_not_bring_the_name_back(stored):
    """The worst moment: ingest comes while the erasure has not been committed yet."""
    alice = make_subscriber()
    append(opened(alice.id))
    started = threading.Event()

    def store():
        started.set()
        try:
            ingest.ingest_batch("a")
        finally:
            connection.close()

    thread = threading.Thread(target=store)
    with transaction.atomic():
        erase.erase_subscriber(alice.id)
        thread.start()
        started.wait()
        thread.join(0.5)
        assert thread.is_alive()
        type(alice).objects.filter(id=alice.id).delete()
    thread.join()

    assert list(Event.objects.values_list("subscriber_id", flat=True)) == [0]
    assert not Reader.objects.exists()
