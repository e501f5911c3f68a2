"""Who leaves between the claim and their turn, while a run goes on."""

import threading

import pytest
from django.db import connection

from newsletter import campaigns
from newsletter.models import Batch, Campaign, Handover
from subscribers import consent, erase
from subscribers.consent import Origin
from subscribers.models import ConsentRecord, Departure, Subscriber, Subscription, Suppression
from tests.factories import make_list
from tests.sending.conftest import aside, numbers, reasons, send
from tests.sending.several import LONG, Going, crowd, wait_until
from tests.sending.sink import Sink

BY_HAND = Origin(method=ConsentRecord.Method.ADMIN)
CONNECTIONS = 4
PEOPLE = 80


def unsubscribe(person: Subscriber) -> None:
    consent.unsubscribe(person.pk, origin=BY_HAND)


def suppress(person: Subscriber) -> None:
    consent.suppress(person.email_key, Suppression.Reason.MANUAL, origin=BY_HAND)


def erase_all(person: Subscriber) -> None:
    erase.erase(person.pk)


@pytest.fixture
def slow(servers, settings):
    """A server that is slow enough for a batch to be in hand for a while."""
    settings.SEND_BATCH_SIZE = PEOPLE
    sink, _ = servers()
    sink.seconds = 0.05
    return sink


def hold(sink: Sink, after: int = 4) -> threading.Event:
    """Let the server answer so many mails, and the others when the event is set."""
    goes_on = threading.Event()
    sink.holds = lambda: len(sink.mails) >= after and not goes_on.is_set()
    return goes_on


def everybody_not_mailed(sink: Sink) -> list[Subscriber]:
    return list(Subscriber.objects.exclude(email__in=sink.recipients).order_by("pk"))


@pytest.mark.parametrize("leave", [unsubscribe, suppress, erase_all])
def test_who_leaves_after_the_claim_and_before_their_turn_is_not_mailed(slow, started, leave):
    campaign = started(0, lists=[crowd(PEOPLE)])
    goes_on = hold(slow)

    with Going(campaign) as going:
        slow.wait_for(4)
        people = everybody_not_mailed(slow)
        left = {person.email for person in people[: PEOPLE // 2]}
        for person in people:
            if person.email not in left:
                goes_on.set()
            leave(person)
        going.wait()

    # Whoever left when the journal had their mail already may get it.
    assert len(left & set(slow.recipients)) <= 2 * CONNECTIONS
    assert slow.doubled == []
    outcome = numbers(campaign)
    assert sum(outcome.values()) == PEOPLE
    assert outcome["skipped"] > 0


def test_who_left_and_came_back_is_mailed_once(slow, started):
    mailing_list = crowd(PEOPLE)
    campaign = started(0, lists=[mailing_list])
    goes_on = hold(slow)

    with Going(campaign) as going:
        slow.wait_for(4)
        for person in everybody_not_mailed(slow):
            unsubscribe(person)
            consent.subscribe(person.pk, mailing_list, origin=BY_HAND, verified=True)
        goes_on.set()
        going.wait()

    outcome = numbers(campaign)
    assert outcome["sent"] + outcome.get("skipped", 0) == PEOPLE
    # At most those whose turn came in the middle of it.
    assert outcome.get("skipped", 0) <= 2 * CONNECTIONS
    assert slow.doubled == []
    assert Departure.objects.exists()


def test_who_left_one_of_the_lists_of_a_campaign_is_mailed(slow, started):
    mailing_list, other = crowd(PEOPLE), make_list()
    Subscription.objects.bulk_create(
        Subscription(subscriber=person, mailing_list=other, status="active")
        for person in Subscriber.objects.all()
    )
    campaign = started(0, lists=[mailing_list, other])
    goes_on = hold(slow)

    with Going(campaign) as going:
        slow.wait_for(4)
        for person in everybody_not_mailed(slow):
            consent.unsubscribe(person.pk, [other.pk], origin=BY_HAND)
        goes_on.set()
        going.wait()

    assert numbers(campaign) == {"sent": PEOPLE}
    assert slow.doubled == []


def test_who_left_other_lists_before_the_start_holds_nobody_up(slow, started):
    other = make_list()
    mailing_list = crowd(PEOPLE)
    for person in Subscriber.objects.all():
        consent.subscribe(person.pk, other, origin=BY_HAND, verified=True)
        consent.unsubscribe(person.pk, [other.pk], origin=BY_HAND)
    campaign = started(0, lists=[mailing_list])

    send(campaign)

    assert numbers(campaign) == {"sent": PEOPLE}


def test_an_address_that_one_campaign_finds_wrong_is_not_mailed_by_another(servers, started):
    """The server says so to the first, while the second has claimed the same people."""
    sink, _ = servers()
    sink.seconds = 0.05
    mailing_list = crowd(20)
    wrong = set(Subscriber.objects.order_by("email").values_list("email", flat=True)[:3])
    sink.on_rcpt = lambda who, count: "550 5.1.1 user unknown" if who in wrong else None
    first, second = started(0, lists=[mailing_list]), started(0, lists=[mailing_list])
    send(first)
    sink.on_rcpt = lambda who, count: None

    send(second)

    assert numbers(first) == {"sent": 17, "failed": 3}
    assert numbers(second) == {"sent": 17, "skipped": 3}
    assert not wrong & set(sink.recipients)


@pytest.mark.parametrize("way", ["stopped", "paused"])
def test_a_look_that_takes_long_hangs_nobody_up_when_the_run_ends(slow, started, monkeypatch, way):
    """Their mails are on connections, unreleased, when everything is to stop."""
    campaign = started(0, lists=[crowd(PEOPLE)])
    goes_on = hold(slow)
    monkeypatch.setattr("newsletter.sending.engine.SHUTDOWN_GRACE", 10 * LONG)
    monkeypatch.setattr(
        "newsletter.sending.batches._NO_LONGER",
        "SELECT 0::bigint, '' FROM pg_sleep(2) WHERE %(people)s::bigint[] IS NOT NULL "
        "AND %(lists)s::bigint[] IS NOT NULL "
        "AND (%(gone)s::text, %(suppressed)s::text, %(left)s::text) IS NOT NULL",
    )

    with Going(campaign) as going:
        slow.wait_for(4)
        for person in everybody_not_mailed(slow):
            unsubscribe(person)
        goes_on.set()
        wait_until(_somebody_looks)
        if way == "paused":
            campaigns.pause(campaign.pk)
        else:
            going.stop()
        going.wait()

    wait_until(lambda: slow.open == 0)
    assert slow.doubled == []
    assert Handover.objects.count() == 0
    assert set(Batch.objects.values_list("state", flat=True)) == {"waiting"}
    outcome = numbers(campaign)
    assert "in_doubt" not in outcome
    assert outcome["sent"] == len(slow.mails)


def _somebody_looks() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_stat_activity "
            "WHERE wait_event = 'PgSleep' AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def test_a_campaign_some_of_whose_people_leave_comes_to_its_end(slow, started):
    campaign = started(0, lists=[crowd(PEOPLE)])
    left = []

    def leave(who: str, count: int) -> None:
        if not left:
            person = Subscriber.objects.exclude(email__in=slow.recipients)
            left.append(aside(lambda: [unsubscribe(each) for each in person[:5]]))

    slow.on_body = leave
    send(campaign)

    outcome = numbers(campaign)
    assert outcome["sent"] + outcome.get("skipped", 0) == PEOPLE
    assert reasons(campaign) <= {"Left the list."}
    assert campaign.status == Campaign.Status.FINISHED
