"""When people last read, and what that makes of a list: never of who may not be named."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from newsletter import list_readings
from newsletter.models import Campaign
from subscribers.erase import erase
from subscribers.models import Subscription, Suppression, TrackingChoice
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription
from tests.tracking.makers import clicked, opened, store
from tracking import bands
from tracking.bands import Band
from tracking.models import LastReading, ListReading

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _individual(settings, simple_rules):
    settings.TRACKING_DEFAULT = "individual"
    settings.TIME_ZONE = "Europe/Berlin"


def sent(mailing_list, ago: timedelta = timedelta(days=1)) -> Campaign:
    return make_campaign(
        lists=[mailing_list], status=Campaign.Status.FINISHED, started_at=NOW - ago
    )


def member(mailing_list, joined: timedelta = timedelta(days=400), **fields):
    """Make somebody who joined that long ago."""
    person = make_subscriber(**fields)
    make_subscription(person, mailing_list, changed_at=NOW - joined)
    return person


def read(campaign, person, ago: timedelta, **more) -> None:
    store([opened(person.pk, campaign.pk, NOW - ago, **more)])


def counted(mailing_list) -> dict[str, int]:
    assert list_readings.count(NOW)
    return bands.read(mailing_list.pk).bands


@pytest.mark.parametrize(
    ("days", "band"),
    [
        (0, Band.ACTIVE),
        (29, Band.ACTIVE),
        (31, Band.FADING),
        (89, Band.FADING),
        (91, Band.FADED),
        (179, Band.FADED),
        (181, Band.DORMANT),
        (3000, Band.DORMANT),
    ],
)
def test_a_reader_is_where_their_last_reading_puts_them(days, band):
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)

    read(campaign, reader, timedelta(days=days))

    assert counted(mailing_list) == {band: 1}


def test_a_click_without_an_open_is_reading():
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)
    store([clicked(3, reader.pk, campaign.pk, NOW)])

    found = counted(mailing_list)

    assert found == {Band.ACTIVE: 1}
    assert LastReading.objects.get().opened_at is None


def test_reading_of_another_list_s_mail_counts():
    mine, other = make_list(), make_list()
    sent(mine)
    reader = member(mine)

    read(sent(other), reader, timedelta(days=2))

    assert counted(mine) == {Band.ACTIVE: 1}


def test_machines_wake_nobody():
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)

    read(campaign, reader, timedelta(days=1), user_agent="SCANNER")

    assert counted(mailing_list) == {Band.NEVER: 1}
    assert not LastReading.objects.exists()


def test_who_joined_after_the_last_campaign_has_not_been_asked_yet():
    mailing_list, empty = make_list(), make_list()
    sent(mailing_list, timedelta(days=10))
    member(mailing_list, timedelta(days=9))
    member(mailing_list, timedelta(days=11))
    member(empty)

    assert counted(mailing_list) == {Band.NEW: 1, Band.NEVER: 1}
    assert counted(empty) == {Band.NEW: 1}


def test_who_left_is_in_no_band():
    mailing_list = make_list()
    make_subscription(make_subscriber(), mailing_list, status=Subscription.Status.UNSUBSCRIBED)

    assert counted(mailing_list) == {}


@pytest.mark.parametrize("choice", [TrackingChoice.OFF, TrackingChoice.AGGREGATE])
def test_who_withdraws_is_unknown_and_forgotten(choice):
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)
    read(campaign, reader, timedelta(days=1))
    before = counted(mailing_list)
    reader.tracking = choice
    reader.save()

    after = counted(mailing_list)

    assert (before, after) == ({Band.ACTIVE: 1}, {Band.UNKNOWN: 1})
    assert not LastReading.objects.exists()


def test_a_list_that_names_nobody_knows_nobody_but_who_wants_it():
    mailing_list = make_list()
    campaign = sent(mailing_list)
    member(mailing_list)
    willing, usual = member(mailing_list, tracking=TrackingChoice.INDIVIDUAL), member(mailing_list)
    read(campaign, willing, timedelta(days=1))
    read(campaign, usual, timedelta(days=1))
    mailing_list.tracking = TrackingChoice.AGGREGATE
    mailing_list.save()

    found = counted(mailing_list)

    assert found == {Band.UNKNOWN: 2, Band.ACTIVE: 1}
    assert LastReading.objects.get().subscriber_id == willing.pk


def test_who_gets_no_mail_is_apart():
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)
    read(campaign, reader, timedelta(days=1))
    Suppression.objects.create(email_hash=reader.email_hash, key_id="1", reason="bounce")

    assert counted(mailing_list) == {Band.UNREACHABLE: 1}


def test_a_hit_that_turns_out_to_be_a_machine_s_is_taken_back():
    mailing_list = make_list()
    campaign, reader = sent(mailing_list), member(mailing_list)
    LastReading.objects.create(subscriber_id=reader.pk, read_at=NOW, opened_at=NOW)

    read(campaign, reader, timedelta(days=40))

    assert counted(mailing_list) == {Band.FADING: 1}
    assert LastReading.objects.get().read_at == NOW - timedelta(days=40)


def test_slices_add_up(monkeypatch):
    monkeypatch.setattr(bands, "SLICE", 2)
    mailing_list = make_list()
    campaign = sent(mailing_list)
    for days in (1, 1, 1, 50, 50, 400):
        read(campaign, member(mailing_list), timedelta(days=days))

    found = counted(mailing_list)

    assert found == {Band.ACTIVE: 3, Band.FADING: 2, Band.DORMANT: 1}
    assert LastReading.objects.count() == 6


def test_hours_of_the_week_are_the_installation_s():
    mailing_list = make_list()
    campaign = sent(mailing_list)
    noon = datetime(2026, 6, 29, 22, 30, tzinfo=UTC)  # Tuesday, 00:30 in Berlin
    store([opened(0, campaign.pk, noon), clicked(3, 0, campaign.pk, noon + timedelta(hours=1))])
    store([opened(0, campaign.pk, noon, user_agent="SCANNER")])

    counted(mailing_list)
    found = bands.read(mailing_list.pk)

    assert {place: number for place, number in enumerate(found.opens) if number} == {24: 1}
    assert {place: number for place, number in enumerate(found.clicks) if number} == {25: 1}
    assert found.campaigns == 1


def test_a_count_waits_for_its_turn():
    mailing_list = make_list()
    counted(mailing_list)
    ListReading.objects.update(seconds=60.0)  # so at most every 200 minutes

    due = [bands.is_due(NOW + timedelta(minutes=minutes)) for minutes in (10, 199, 200)]

    assert due == [False, False, True]
    assert not list_readings.count_due(NOW + timedelta(minutes=10))


def test_a_list_that_is_gone_is_not_kept():
    mailing_list = make_list()
    counted(mailing_list)

    mailing_list.delete()
    list_readings.count(NOW)

    assert not ListReading.objects.exists()


def test_an_erased_person_s_last_reading_goes():
    mailing_list = make_list()
    campaign, alice, bob = sent(mailing_list), member(mailing_list), member(mailing_list)
    for person in (alice, bob):
        read(campaign, person, timedelta(days=1))
    counted(mailing_list)

    erase(alice.pk)

    assert LastReading.objects.get().subscriber_id == bob.pk
    assert counted(mailing_list) == {Band.ACTIVE: 1}


@pytest.mark.django_db(transaction=True)
def test_a_count_does_not_bring_back_who_is_being_erased(stored):
    """The worst moment: the slice comes when the rows are gone, and nobody sees it yet."""
    mailing_list = make_list()
    campaign, alice = sent(mailing_list), member(mailing_list)
    read(campaign, alice, timedelta(days=1))
    started = threading.Event()

    def count():
        started.set()
        try:
            list_readings.count(NOW)
        finally:
            connection.close()

    thread = threading.Thread(target=count)
    with transaction.atomic():
        erase(alice.pk)
        thread.start()
        assert started.wait(120)
        thread.join(0.5)
        was_waiting = thread.is_alive()
    thread.join()

    assert was_waiting
    assert not LastReading.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_do_not_count_at_once(stored):
    with bands._alone() as is_ours:
        done = []
        thread = threading.Thread(
            target=lambda: (done.append(list_readings.count(NOW)), connection.close())
        )
        thread.start()
        thread.join()

    assert is_ours
    assert done == [False]
