"""A run against a real mail server, which says what became of each mail."""

import pytest
from django.db.models.functions import Now

from newsletter.models import Batch, Campaign, Deferral, Handover
from newsletter.sending import pauses, rows
from subscribers.models import Subscriber, Subscription, Suppression
from tests.factories import make_list, make_subscriber
from tests.sending.conftest import aside, numbers, reasons, send
from tests.sending.sink import DROP

PLAIN = ["8BITMIME", "SMTPUTF8"]


@pytest.mark.parametrize("keywords", [["PIPELINING", *PLAIN], PLAIN, []], ids=len)
def test_everybody_gets_one_mail(sink, started, keywords):
    sink.keywords = keywords
    campaign = started(35)

    send(campaign)

    assert numbers(campaign) == {"sent": 35}
    assert len(sink.mails) == 35
    assert sink.doubled == []
    assert campaign.status == Campaign.Status.FINISHED


def test_a_finished_campaign_leaves_nothing_behind(sink, started):
    campaign = started(12)

    send(campaign)

    assert Handover.objects.count() == 0
    assert list(Batch.objects.values_list("state", "subscriber_ids")) == [("done", [])] * 2


def test_sending_again_sends_nothing(sink, started):
    campaign = started(5)
    send(campaign)

    result = send(campaign)

    assert result.sent == 0
    assert len(sink.mails) == 5


def test_a_refused_recipient_fails_with_the_reply(sink, started):
    sink.on_rcpt = lambda who, count: "550 5.1.1 no such user" if who.startswith("gone") else None
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list], email="gone@example.org")
    campaign = started(8, lists=[mailing_list])

    send(campaign)

    assert numbers(campaign) == {"sent": 8, "failed": 1}
    assert reasons(campaign) == {"550 5.1.1 no such user"}


def test_a_mail_that_is_refused_after_its_body_fails(sink, started):
    refused = []

    def refuse_third(who, count):
        refused.append(who)
        return "554 5.6.0 looks like spam" if len(refused) == 3 else None

    sink.on_body = refuse_third
    campaign = started(8)

    send(campaign)

    assert numbers(campaign) == {"sent": 7, "failed": 1}
    assert reasons(campaign) == {"554 5.6.0 looks like spam"}


def test_a_deferred_recipient_is_tried_again_later(sink, started):
    deferred = []

    def defer_first(who, count):
        deferred.append(who)
        return "451 4.2.1 later" if len(deferred) == 1 else None

    sink.on_rcpt = defer_first
    campaign = started(5)
    send(campaign)
    assert numbers(campaign) == {"sent": 4, "pending": 1}
    assert Deferral.objects.get().reason == "451 4.2.1 later"
    Deferral.objects.update(due_at=Now())
    Batch.objects.update(due_at=Now())

    send(campaign)

    assert numbers(campaign) == {"sent": 5}
    assert Deferral.objects.count() == 0
    assert campaign.status == Campaign.Status.FINISHED


def test_a_deferred_batch_waits_before_it_is_claimed_again(sink, started):
    sink.on_rcpt = lambda who, count: "450 4.2.1 later" if count == 1 else None
    campaign = started(1)
    send(campaign)

    result = send(campaign)

    assert result.sent == 0
    assert numbers(campaign) == {"pending": 1}


def test_a_recipient_who_is_deferred_for_ever_fails(sink, started, settings):
    settings.SEND_RETRY_AFTER, settings.SEND_RETRY_FOR = 0, 0.001
    sink.on_rcpt = lambda who, count: "450 4.2.2 mailbox full"
    campaign = started(1)

    for _ in range(3):
        send(campaign)

    assert numbers(campaign) == {"failed": 1}
    assert reasons(campaign) == {"450 4.2.2 mailbox full"}


def test_a_connection_dropped_before_the_body_costs_nothing(sink, started):
    sink.on_data = lambda who, count: DROP if count == 1 else None
    campaign = started(3)

    send(campaign)

    assert numbers(campaign) == {"sent": 3}
    assert sink.doubled == []


def test_a_lost_reply_leaves_the_mail_in_doubt_and_is_not_sent_again(sink, started):
    lost = []

    def lose_second(who, count):
        lost.append(who)
        return DROP if len(lost) == 2 else None

    sink.loses_reply = lose_second
    campaign = started(6)

    send(campaign)

    assert numbers(campaign) == {"sent": 5, "in_doubt": 1}
    assert sink.doubled == []
    assert len(sink.mails) == 6


@pytest.mark.parametrize("most", [1, 3])
def test_a_server_that_closes_after_some_mails_gets_new_connections(sink, started, most):
    sink.mails_per_connection = most
    campaign = started(200)

    send(campaign)

    assert numbers(campaign) == {"sent": 200}
    assert sink.doubled == []
    assert sink.connections >= 200 / most


def test_a_server_that_takes_few_connections_is_respected(sink, started):
    sink.most_connections = 2
    campaign = started(40)

    send(campaign)

    assert numbers(campaign) == {"sent": 40}


def test_a_server_that_is_down_makes_the_campaign_wait_and_say_so(sink, started):
    sink.stop()
    campaign = started(5)

    send(campaign)

    assert numbers(campaign) == {"pending": 5}
    assert campaign.status == Campaign.Status.RUNNING
    assert "can't be reached" in campaign.waiting_reason
    assert campaign.retry_at is not None
    assert set(Batch.objects.values_list("state", flat=True)) == {"waiting"}


def test_a_server_that_comes_back_gets_the_mail_and_the_reason_goes(sink, started):
    sink.stop()
    campaign = started(5)
    send(campaign)
    sink.start()

    send(campaign)

    assert numbers(campaign) == {"sent": 5}
    assert campaign.waiting_reason == ""
    assert campaign.retry_at is None


@pytest.mark.parametrize(
    "greeting", ["554 go away", "421 too busy", "nonsense", "220-endless"], ids=str
)
def test_a_server_that_does_not_talk_makes_the_campaign_wait(sink, started, greeting, monkeypatch):
    monkeypatch.setattr("newsletter.sending.smtp.SETUP_PATIENCE", 0.5)
    sink.greeting = greeting
    campaign = started(2)

    send(campaign)

    assert numbers(campaign) == {"pending": 2}
    assert campaign.waiting_reason


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("on_rcpt", "554 5.7.1 relay access denied"),
        ("on_rcpt", "450 4.7.1 try later"),
        ("on_mail", "553 5.1.8 sender refused"),
        ("on_body", "554 5.7.1 blocked"),
    ],
)
def test_a_server_that_refuses_everybody_makes_the_campaign_wait(sink, started, stage, reply):
    setattr(sink, stage, lambda who, count: reply)
    campaign = started(50)

    send(campaign)

    assert numbers(campaign) == {"pending": 50}
    assert reply in campaign.waiting_reason
    assert Handover.objects.count() == 0


def test_a_short_list_of_refused_people_fails_at_once(sink, started):
    sink.on_rcpt = lambda who, count: "550 5.7.1 not wanted"
    campaign = started(3)

    send(campaign)

    assert numbers(campaign) == {"failed": 3}
    assert campaign.status == Campaign.Status.FINISHED


def test_who_left_after_the_start_is_skipped(sink, started):
    campaign = started(5)
    Subscription.objects.filter(pk__in=Subscription.objects.order_by("pk")[:2].values("pk")).update(
        status=Subscription.Status.UNSUBSCRIBED
    )

    send(campaign)

    assert numbers(campaign) == {"sent": 3, "skipped": 2}
    assert reasons(campaign) == {"Left the list."}


def test_who_was_suppressed_after_the_start_is_skipped(sink, started):
    mailing_list = make_list()
    person = make_subscriber(lists=[mailing_list])
    campaign = started(4, lists=[mailing_list])
    Suppression.objects.create(email_hash=person.email_hash, key_id="k", reason="manual")

    send(campaign)

    assert numbers(campaign) == {"sent": 4, "skipped": 1}
    assert reasons(campaign) == {"On the suppression list."}


def test_who_leaves_while_the_batch_is_in_hand_is_skipped(sink, started, settings):
    """A slow server: the batch was claimed long before its last people's turn comes."""
    settings.SEND_CONNECTIONS = 1
    sink.seconds = 0.25
    everybody = Subscription.objects.all()

    def leave(who, count):
        aside(lambda: everybody.update(status=Subscription.Status.UNSUBSCRIBED))

    sink.on_body = leave
    campaign = started(10)

    send(campaign)

    parts = numbers(campaign)
    assert parts["skipped"] > 0
    assert parts["skipped"] + parts["sent"] == 10
    assert len(sink.mails) == parts["sent"]


def test_an_address_that_the_server_can_not_take_fails_and_the_others_are_sent(sink, started):
    sink.keywords = ["PIPELINING", "8BITMIME"]
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list], email="грета@example.org")
    make_subscriber(lists=[mailing_list], email="ola@bücher.example")
    campaign = started(3, lists=[mailing_list])

    send(campaign)

    assert numbers(campaign) == {"sent": 4, "failed": 1}
    assert reasons(campaign) == {
        "5.6.7 The address needs SMTPUTF8, which the mail server does not offer."
    }
    assert "ola@xn--bcher-kva.example" in sink.recipients


def test_a_utf8_address_is_sent_to_a_server_that_can(sink, started):
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list], email="грета@example.org")
    campaign = started(0, lists=[mailing_list])

    send(campaign)

    assert numbers(campaign) == {"sent": 1}
    assert sink.recipients == ["грета@example.org"]
    assert "SMTPUTF8" in sink.mails[0].parameters


def test_the_mails_are_said_to_be_on_their_way_before_they_are(sink, started):
    """Each mail is in the journal when its body arrives."""
    seen = []

    def look(who, count):
        notes = Handover.objects.exclude(turn=Handover.WITNESS)
        seen.extend(aside(lambda: list(notes.values_list("subscriber_ids", flat=True))))

    sink.on_body = look
    campaign = started(1)

    send(campaign)

    assert seen == [[Subscriber.objects.get().pk]]


def test_refused_people_who_stand_together_do_not_stop_the_rest(sink, started, settings):
    settings.SEND_BATCH_SIZE = 500
    refused = {f"a{number:02}@example.org" for number in range(25)}
    sink.on_rcpt = lambda who, count: "550 no such user" if who in refused else None
    mailing_list = make_list()
    for email in sorted(refused):
        make_subscriber(lists=[mailing_list], email=email)
    campaign = started(175, lists=[mailing_list])

    send(campaign)

    assert numbers(campaign) == {"sent": 175, "failed": 25}


def test_a_batch_that_is_refused_lets_the_others_go_first(sink, started, settings):
    settings.SEND_BATCH_SIZE = 60
    settings.SEND_CONNECTIONS = 1
    refused = {f"a{number:02}@example.org" for number in range(60)}
    sink.on_rcpt = lambda who, count: (
        f"554 <{who}>: relay access denied" if who in refused else None
    )
    mailing_list = make_list()
    for email in sorted(refused):
        make_subscriber(lists=[mailing_list], email=email)
    campaign = started(60, lists=[mailing_list])

    send(campaign)
    first = (numbers(campaign), campaign.waiting_reason)
    pauses.lift(rows.SMTP_URL, "")
    send(campaign)

    assert first == (
        {"pending": 120},
        "The mail server refuses everybody: 554 … relay access denied",
    )
    assert numbers(campaign) == {"sent": 60, "pending": 60}
