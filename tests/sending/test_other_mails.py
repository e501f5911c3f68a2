"""Mails that no campaign records: tests of a draft, and requests to confirm."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.utils.timezone import now

from newsletter import campaigns, confirmations
from newsletter.composing import Person
from newsletter.models import Batch, Delivery
from newsletter.sending import run
from subscribers import confirmation
from subscribers.models import Confirmation, MailingList, Subscription
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription
from tests.sending.sink import HANG

pytestmark = pytest.mark.django_db


def parsed(mail):
    return message_from_bytes(mail.data, policy=policy.default)


# --- tests of a draft -------------------------------------------------------------------


def test_a_test_mail_goes_to_its_inbox_and_nowhere_else(sink):
    campaign = make_campaign(people=1)
    ada = Person(7, "ada@example.org", "Ada")

    campaigns.test_send(campaign.pk, "me@example.org", ada)

    (mail,) = sink.mails
    assert mail.recipient == "me@example.org"
    assert "Hello Ada" in parsed(mail).get_body(["plain"]).get_content()
    assert not Batch.objects.exists()
    assert not Delivery.objects.exists()


def test_a_refused_test_mail_says_what_the_server_said(sink):
    sink.on_rcpt = lambda who, count: "550 5.7.1 not here"
    campaign = make_campaign(people=1)

    with pytest.raises(campaigns.NotReady, match=r"550 5\.7\.1 not here"):
        campaigns.test_send(campaign.pk, "me@example.org", Person(7, "ada@example.org"))


def test_a_test_mail_without_a_server_says_so(sink):
    sink.stop()
    campaign = make_campaign(people=1)

    with pytest.raises(campaigns.NotReady, match="can't be reached"):
        campaigns.test_send(campaign.pk, "me@example.org", Person(7, "ada@example.org"))


# --- requests to confirm ----------------------------------------------------------------


def ask(**fields) -> Confirmation:
    mailing_list = MailingList.objects.first() or make_list(name="Harbour News")
    person = make_subscriber(**fields)
    make_subscription(person, mailing_list, status=Subscription.Status.PENDING)
    return Confirmation.objects.create(
        subscriber=person,
        mailing_list_ids=[mailing_list.pk],
        expires_at=now() + timedelta(days=7),
        mail_due_at=now(),
    )


def test_a_request_to_confirm_is_sent_once(sink):
    request = ask(email="ada@example.org")

    assert confirmations.send_due() == 1
    assert confirmations.send_due() == 0

    request.refresh_from_db()
    assert request.mail_sent_at is not None
    assert sink.recipients == ["ada@example.org"]


def test_it_is_a_plain_and_complete_mail(sink):
    ask(email="ada@example.org")

    confirmations.send_due()

    mail = parsed(sink.mails[0])
    assert mail.defects == []
    assert "Harbour News" in mail.get_body(["plain"]).get_content()
    assert "/confirm/" in mail.get_body(["html"]).get_content()
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert b"\r\nList-Unsubscribe: <https://news.example.org/u/" in sink.mails[0].data
    assert max(map(len, sink.mails[0].data.split(b"\r\n"))) <= 998


def test_a_utf8_address_is_asked_where_the_server_can(sink):
    ask(email="грета@example.org")

    assert confirmations.send_due() == 1

    assert sink.recipients == ["грета@example.org"]


def test_a_final_refusal_ends_it(sink):
    sink.on_rcpt = lambda who, count: "550 5.1.1 nobody"
    request = ask()

    confirmations.send_due()

    request.refresh_from_db()
    assert request.mail_due_at is None
    assert request.mail_sent_at is None


def test_what_is_deferred_is_tried_again_later(sink):
    sink.on_rcpt = lambda who, count: "450 later"
    request = ask()

    confirmations.send_due()

    request.refresh_from_db()
    assert request.mail_due_at > now()


def test_a_server_that_is_down_uses_up_no_attempts(sink):
    sink.stop()
    request = ask()

    assert confirmations.send_due() == 0

    request.refresh_from_db()
    assert request.mail_attempts == 0
    assert request.mail_due_at <= now()


def test_a_slow_server_has_no_longer_than_the_claim(sink, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 3)
    requests = [ask() for _ in range(3)]
    sink.on_body = lambda who, count: HANG if sink.mails else None
    Confirmation.objects.update(mail_due_at=now() - timedelta(hours=1))

    confirmations.send_due()

    sent = Confirmation.objects.filter(mail_sent_at__isnull=False)
    again = Confirmation.objects.filter(mail_due_at__lt=now() + confirmation.CLAIM / 2)
    assert (sent.count(), again.count()) == (1, len(requests) - 1)


def test_a_request_that_can_not_be_made_holds_up_nobody(sink, monkeypatch, caplog):
    make = confirmations.make_mail
    bad, good = ask(email="bad@example.org"), ask(email="ada@example.org")

    def stumble(due):
        if due.id == bad.pk:
            raise ValueError(f"{due.email} is no address")
        return make(due)

    monkeypatch.setattr(confirmations, "make_mail", stumble)

    assert confirmations.send_due() == 1

    bad.refresh_from_db()
    good.refresh_from_db()
    assert bad.mail_due_at is None
    assert good.mail_sent_at is not None
    assert sink.recipients == ["ada@example.org"]
    assert "bad@example.org" not in caplog.text


def test_what_was_sent_is_marked_before_more_is_taken(sink, monkeypatch):
    monkeypatch.setattr(confirmations, "AT_ONCE", 1)
    first, second = ask(email="ada@example.org"), ask(email="grace@example.org")
    Confirmation.objects.filter(pk=first.pk).update(mail_due_at=now() - timedelta(hours=1))
    make = confirmations.make_mail

    def die_at_the_second(due):
        if due.id == second.pk:
            raise KeyboardInterrupt
        return make(due)

    monkeypatch.setattr(confirmations, "make_mail", die_at_the_second)

    with pytest.raises(KeyboardInterrupt):
        confirmations.send_due()

    first.refresh_from_db()
    assert first.mail_sent_at is not None


def test_the_log_of_a_refusal_names_nobody(sink, caplog):
    sink.on_rcpt = lambda who, count: f"550 5.1.1 <{who}>: user unknown"
    ask(email="ada@example.org")

    confirmations.send_due()

    assert "user unknown" in caplog.text
    assert "ada@example.org" not in caplog.text
