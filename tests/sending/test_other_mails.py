"""Mails that no campaign records: tests of a draft, and requests to confirm."""

from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.utils.timezone import now

from newsletter import campaigns, confirmations
from newsletter.composing import Person
from newsletter.models import Batch, Delivery
from subscribers.models import Confirmation, Subscription
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription

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
    mailing_list = make_list(name="Harbour News")
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
