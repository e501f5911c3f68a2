"""Outcomes that change afterwards: the sum balances, and nobody has two places."""

from datetime import time

import pytest
from django.utils import timezone

from newsletter import campaigns, due, outcomes
from newsletter.models import Batch, Campaign, Delivery
from newsletter.sending import run
from subscribers import consent, suppression
from subscribers.models import ConsentRecord, Departure, Subscriber, Suppression
from tests.sending.conftest import numbers, send
from tests.sending.several import LONG
from tracking.models import Reader

BY_STAFF = consent.Origin(method=ConsentRecord.Method.ADMIN)


@pytest.fixture
def refused(sink, started):
    """A finished campaign to ten people, three of whom were refused for a full mailbox."""
    campaign = started(10)
    full = set(Subscriber.objects.order_by("id").values_list("email", flat=True)[:3])
    sink.on_rcpt = lambda who, count: "554 5.2.2 over quota, for good" if who in full else None
    send(campaign)
    sink.on_rcpt = lambda who, count: None
    assert numbers(campaign) == {"sent": 7, "failed": 3}
    return campaign


def test_those_who_failed_are_sent_to_once_more(sink, refused):
    count = outcomes.retry_failed(refused.pk)
    before = numbers(refused)
    send(refused)

    assert (count, before) == (3, {"sent": 7, "pending": 3})
    assert numbers(refused) == {"sent": 10}
    assert refused.status == Campaign.Status.FINISHED
    assert sink.doubled == []


def test_only_the_chosen_are_sent_to_once_more(sink, refused):
    chosen = Delivery.objects.filter(status="failed").values_list("subscriber_id", flat=True)[:1]

    count = outcomes.retry_failed(refused.pk, subscriber_ids=list(chosen))

    assert count == 1
    assert numbers(refused) == {"sent": 7, "failed": 2, "pending": 1}


def test_who_was_suppressed_meanwhile_is_not_sent_to_again(refused):
    for person in Subscriber.objects.order_by("id")[:3]:
        consent.suppress(person.email_key, Suppression.Reason.MANUAL, origin=BY_STAFF)

    with pytest.raises(campaigns.Refused):
        outcomes.retry_failed(refused.pk)

    refused.refresh_from_db()
    assert refused.status == Campaign.Status.FINISHED
    assert numbers(refused) == {"sent": 7, "failed": 3}


def test_a_cancelled_campaign_sends_to_nobody_again(sink, started):
    campaign = started(2)
    campaigns.cancel(campaign.pk)

    with pytest.raises(campaigns.WrongStatus):
        outcomes.retry_failed(campaign.pk)


def test_who_stands_in_an_open_batch_gets_no_second_place(sink, started, settings):
    """One of the batch is deferred, so it is open when another of it is sent to again."""
    settings.SEND_RETRY_AFTER = 0
    campaign = started(3)
    first, second, _ = Subscriber.objects.order_by("id").values_list("email", flat=True)
    says = {first: "554 5.2.2 over quota, for good", second: "451 4.2.0 later"}
    sink.on_rcpt = lambda who, count: says.get(who)

    def was_asked_often() -> bool:
        return sum(second in line for line in sink.commands) >= 4

    run.send(campaign.pk, seconds=LONG, is_stopping=was_asked_often)
    assert numbers(campaign) == {"sent": 1, "failed": 1, "pending": 1}
    sink.on_rcpt = lambda who, count: None

    outcomes.retry_failed(campaign.pk)
    send(campaign)

    assert numbers(campaign) == {"sent": 3}
    assert sink.doubled == []


def test_what_is_in_doubt_is_resent_with_the_same_message_id(sink, started):
    campaign = started(1)
    sink.loses_reply = lambda who, count: "drop" if count == 1 else None
    send(campaign)
    assert numbers(campaign) == {"in_doubt": 1}

    count = outcomes.resend_in_doubt(campaign.pk)
    send(campaign)

    assert count == 1
    assert numbers(campaign) == {"sent": 1}
    first, second = (message_id(mail.data) for mail in sink.mails)
    assert first == second


def message_id(data: bytes) -> bytes:
    (line,) = [line for line in data.split(b"\r\n") if line.lower().startswith(b"message-id:")]
    return line


def test_reading_settles_a_doubt(sink, started):
    campaign = started(2)
    sink.loses_reply = lambda who, count: "drop"
    send(campaign)
    assert numbers(campaign) == {"in_doubt": 2}
    reader = Subscriber.objects.first()
    Reader.objects.create(campaign_id=campaign.pk, subscriber_id=reader.pk, opens=1)

    settled = outcomes.settle_by_reading()
    again = outcomes.settle_by_reading()

    assert (settled, again) == (1, 0)
    assert numbers(campaign) == {"sent": 1, "in_doubt": 1}
    assert Delivery.objects.get(subscriber_id=reader.pk).reason == outcomes.OPENED


def test_a_bounce_settles_a_doubt_and_nothing_else(sink, started):
    campaign = started(2)
    lost = Subscriber.objects.first()
    sink.loses_reply = lambda who, count: "drop" if who == lost.email else None
    send(campaign)
    assert numbers(campaign) == {"sent": 1, "in_doubt": 1}
    people = list(Subscriber.objects.values_list("id", flat=True))

    outcomes.settle(campaign.pk, people, "failed", reason="550 5.1.1 no such user")

    assert numbers(campaign) == {"sent": 1, "failed": 1}


def test_a_wrong_address_is_suppressed_at_once(sink, started):
    campaign = started(3)
    wrong = Subscriber.objects.first()
    sink.on_rcpt = lambda who, count: "550 5.1.1 no such user" if who == wrong.email else None

    send(campaign)

    assert numbers(campaign) == {"sent": 2, "failed": 1}
    suppressed = Suppression.objects.get()
    assert bytes(suppressed.email_hash) == suppression.email_hash(wrong.email_key)
    assert suppressed.reason == Suppression.Reason.BOUNCE
    line = ConsentRecord.objects.get(subscriber_id=wrong.pk, action="suppressed")
    assert (line.method, line.evidence) == ("bounce", {"campaign": campaign.pk})
    assert Departure.objects.filter(subscriber_id=wrong.pk).exists()


@pytest.mark.parametrize("reply", ["554 5.2.2 over quota, for good", "550 5.7.1 blocked by policy"])
def test_other_refusals_suppress_nobody(sink, started, reply):
    campaign = started(3)
    one = Subscriber.objects.first()
    sink.on_rcpt = lambda who, count: reply if who == one.email else None

    send(campaign)

    assert numbers(campaign) == {"sent": 2, "failed": 1}
    assert not Suppression.objects.exists()


def test_the_pace_of_a_campaign_can_be_changed_until_its_end(started):
    campaign = started(2)

    campaigns.set_pace(campaign.pk, throttle=60, send_days=[2, 1], send_from=time(9))

    campaign.refresh_from_db()
    assert (campaign.throttle, campaign.send_days) == (60, [1, 2])
    assert (campaign.send_from, campaign.send_until) == (time(9), None)
    campaigns.cancel(campaign.pk)
    with pytest.raises(campaigns.WrongStatus):
        campaigns.set_pace(campaign.pk, throttle=None)


@pytest.mark.parametrize("wrong", [{"throttle": 0}, {"throttle": None, "send_days": [8]}])
def test_an_impossible_pace_is_refused(started, wrong):
    campaign = started(2)

    with pytest.raises(campaigns.Refused):
        campaigns.set_pace(campaign.pk, **wrong)


def test_a_new_pace_ends_the_waiting_for_the_old_one(started):
    campaign = started(2)
    Campaign.objects.filter(pk=campaign.pk).update(retry_at=timezone.now())

    campaigns.set_pace(campaign.pk, throttle=None)

    campaign.refresh_from_db()
    assert campaign.retry_at is None
    assert due.work() == 1
    assert Batch.objects.count() == 1
