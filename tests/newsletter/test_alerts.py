"""Those who run Broadsheet hear of what stops mail, once an hour for each thing."""

import logging
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
import redis
from django.utils import timezone

from newsletter import alerts
from newsletter.models import Campaign, Pause
from tests.factories import make_campaign
from tests.sending.sink import Sink

TEXT = "Gmail refuses our mail for now: 421 4.7.28 unusual rate; next try at 14:30."


@pytest.fixture
def sink(settings):
    server = Sink().start()
    settings.SMTP_URL = server.url
    settings.ALERTS_TO = ["ops@example.org"]
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _nothing_was_mailed(settings):
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for name in client.scan_iter("alert:*"):
            client.delete(name)


@pytest.fixture(autouse=True)
def _database(db):
    """Sending reads which servers there are."""


# --- the mail ---------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_operator_gets_a_mail(sink, settings, caplog):
    settings.ALERTS_TO = ["ops@example.org", "no address", "boss@example.org"]

    assert alerts.raise_alert("refused", "0:gmail", TEXT)

    assert sink.recipients == ["ops@example.org", "boss@example.org"]
    mail = message_from_bytes(sink.mails[0].data, policy=policy.default)
    assert mail["Subject"] == f"Broadsheet: {TEXT}"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert TEXT in mail.get_content()
    assert (caplog.records[0].levelno, TEXT in caplog.text) == (logging.ERROR, True)


@pytest.mark.django_db(transaction=True)
def test_the_same_thing_is_mailed_once_an_hour(sink, caplog):
    for key in ("0:gmail", "0:gmail", "0:gmx", "0:gmail"):
        alerts.raise_alert("refused", key, TEXT)

    assert len(sink.mails) == 2
    assert sum(record.levelno == logging.ERROR for record in caplog.records) == 4


@pytest.mark.django_db(transaction=True)
def test_no_alert_names_a_subscriber(sink, caplog):
    alerts.raise_alert("trouble", "0:", "550 5.1.1 <ada@example.com>: go away")

    assert b"ada@" not in sink.mails[0].data
    assert "ada@" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_did_not_go_out_is_tried_with_the_next_alert(sink, settings):
    url, settings.SMTP_URL = settings.SMTP_URL, "smtp://127.0.0.1:9"
    assert not alerts.raise_alert("refused", "0:gmail", TEXT)
    settings.SMTP_URL = url

    assert alerts.raise_alert("refused", "0:gmail", TEXT)

    assert len(sink.mails) == 1


def test_without_redis_there_is_the_log(sink, settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"

    assert not alerts.raise_alert("refused", "0:gmail", TEXT)

    assert TEXT in caplog.text
    assert sink.mails == []


def test_nobody_asked_for_mail(sink, settings, caplog):
    settings.ALERTS_TO = []

    assert not alerts.raise_alert("refused", "0:gmail", TEXT)

    assert TEXT in caplog.text
    assert sink.mails == []


# --- what holds now ---------------------------------------------------------------------


def pause(provider: str, cause: str, minutes: int = 5) -> None:
    until = timezone.now() + timedelta(minutes=minutes)
    Pause.objects.create(server_id=0, provider=provider, cause=cause, reason="554 no", until=until)


def test_refusals_and_trouble_are_alerts_as_long_as_they_last():
    pause("gmail", "policy")
    pause("", "trouble")
    pause("gmx", "deferrals")
    pause("yahoo", "policy", minutes=-1)

    assert {(alert.kind, alert.key) for alert in alerts.current()} == {
        ("refused", "0:gmail"),
        ("trouble", "0:"),
    }


def test_campaigns_that_are_stuck_are_alerts():
    paused, by_hand, waiting, just = (make_campaign(people=1) for _ in range(4))
    update = {"status": "paused", "waiting_reason": "Some mails stopped their worker."}
    Campaign.objects.filter(pk=paused.pk).update(**update)
    Campaign.objects.filter(pk=by_hand.pk).update(status="paused")
    for campaign, minutes in ((waiting, 16), (just, 1)):
        since = timezone.now() - timedelta(minutes=minutes)
        waits = {"waiting_reason": "refused ada@example.com", "waiting_since": since}
        Campaign.objects.filter(pk=campaign.pk).update(status="running", **waits)

    told = {alert.key: alert.text for alert in alerts.current()}

    assert told == {
        str(paused.pk): f"“{paused.subject}” is paused: Some mails stopped their worker.",
        str(waiting.pk): f"“{waiting.subject}” waits: refused …",
    }


@pytest.mark.django_db(transaction=True)
def test_what_holds_now_is_raised(sink):
    pause("gmail", "policy")
    pause("", "trouble")

    assert alerts.raise_current() == 2
    assert alerts.raise_current() == 0
