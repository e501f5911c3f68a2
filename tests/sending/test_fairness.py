"""Several campaigns at once, and mails that wait behind none of them."""

import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.utils.timezone import now

from newsletter import campaigns, confirmations, dkim_keys
from newsletter.models import Campaign, Edition, Pause
from newsletter.sending import engine, waiting
from subscribers.models import Confirmation, Subscription
from tests.factories import make_list, make_subscriber, make_subscription
from tests.sending.conftest import numbers
from tests.sending.several import Going, ahead, crowd, mails, unused, wait_until
from tests.sending.sink import Mail
from tests.sending.verifying import by_dkimpy, by_opendkim

SLOWLY = 0.05  # seconds: 1,200 mails take 15


def to(domain: str, arrived: list[Mail]) -> int:
    return sum(mail.recipient.endswith(f"@{domain}") for mail in arrived)


def ask_to_confirm(email: str) -> None:
    mailing_list = make_list()
    person = make_subscriber(email=email)
    make_subscription(person, mailing_list, status=Subscription.Status.PENDING)
    Confirmation.objects.create(
        subscriber=person,
        mailing_list_ids=[mailing_list.pk],
        expires_at=now() + timedelta(days=7),
        mail_due_at=now(),
    )


@pytest.fixture
def two(servers, started, settings):
    """Two campaigns, to different domains, over a slow server."""
    settings.SEND_BATCH_SIZE = 100  # so that neither runs out of mails while PostgreSQL is slow
    sink, _ = servers()
    sink.seconds = SLOWLY
    one = started(0, lists=[crowd(600, "one.example")], pk=unused())
    other = started(0, lists=[crowd(600, "other.example")], pk=unused())
    return sink, one, other


def test_two_campaigns_get_equal_shares(two):
    sink, one, other = two

    with Going(one, other):
        wait_until(lambda: to("one.example", sink.mails) and to("other.example", sink.mails))
        since = len(sink.mails)
        sink.wait_for(since + 300)

    arrived = mails([sink])[since : since + 300]
    assert to("one.example", arrived) == pytest.approx(150, abs=15)
    assert to("other.example", arrived) == pytest.approx(150, abs=15)


def test_a_campaign_that_starts_meanwhile_joins_at_once(two, started):
    sink, one, other = two

    with Going():
        sink.wait_for(100)
        third = started(0, lists=[crowd(300, "third.example")])
        wait_until(lambda: to("third.example", sink.mails))
        since = len(sink.mails)
        sink.wait_for(since + 150)

    assert since < 1000
    shares = mails([sink])[since : since + 150]
    assert to("third.example", shares) == pytest.approx(50, abs=10)
    assert all("in_doubt" not in numbers(campaign) for campaign in (one, other, third))


def test_a_campaign_whose_content_is_broken_stops_no_other(servers, started):
    sink, _ = servers()
    broken = started(5)
    Edition.objects.filter(campaign=broken).update(from_email="no address")
    sound = started(40)

    with Going(broken, sound) as going:
        going.wait()

    assert numbers(sound) == {"sent": 40}
    assert numbers(broken) == {"pending": 5}
    broken.refresh_from_db()
    assert "can't be made ready" in broken.waiting_reason
    assert broken.status == Campaign.Status.RUNNING
    assert len(sink.mails) == 40


def test_a_named_campaign_that_waits_is_tried_once_in_a_run(servers, started, monkeypatch):
    tries = []

    async def begin(db, campaign_id, **told):
        tries.append(campaign_id)
        await waiting.begin(db, campaign_id, **told)

    monkeypatch.setattr(engine, "waiting", SimpleNamespace(begin=begin, end=waiting.end))
    sink, _ = servers(from_domains=["north.example"], connections=1)
    sink.seconds = 0.1
    stuck = started(5, from_email="X <x@south.example>")
    sound = started(40, from_email="X <x@north.example>")

    with Going(stuck, sound) as going:
        going.wait()

    assert tries == [stuck.pk]
    assert numbers(sound) == {"sent": 40}


@pytest.mark.parametrize("move", [campaigns.pause, campaigns.cancel])
def test_stopping_one_campaign_leaves_the_other_alone(two, move):
    sink, one, other = two

    with Going(one, other) as going:
        sink.wait_for(60)
        move(one.pk)
        before = to("one.example", sink.mails)
        time.sleep(1)
        meanwhile = to("one.example", sink.mails) - before
        sink.seconds = 0
        going.wait()

    assert meanwhile <= 2 * 4
    assert numbers(other) == {"sent": 600}
    assert numbers(one)["sent"] == to("one.example", sink.mails)
    assert sink.doubled == []


def test_a_throttled_campaign_does_not_hold_up_the_other(two):
    sink, one, other = two
    campaigns.set_pace(one.pk, throttle=15)
    sink.seconds = 0
    begun = time.time()

    with Going(one, other):
        wait_until(lambda: to("other.example", sink.mails) == 600)

    assert ahead([sink], 15 / 60, begun, to="@one.example") < 2


# --- mails that a person waits for ------------------------------------------------------------


def test_a_request_to_confirm_does_not_wait_behind_a_campaign(two):
    sink, one, other = two
    ask_to_confirm("ada@new.example")

    with Going(one, other):
        sink.wait_for(50)
        confirmations.send_due()
        arrived = list(sink.recipients)

    assert "ada@new.example" in arrived
    assert len(arrived) < 1000


def test_a_request_to_confirm_goes_out_over_a_limit_that_is_reached(servers, started):
    sink, _ = servers(per_hour=10)
    campaign = started(20)
    with Going(campaign) as going:
        going.wait()
    assert numbers(campaign) == {"sent": 10, "pending": 10}
    ask_to_confirm("ada@new.example")

    confirmations.send_due()

    assert "ada@new.example" in sink.recipients


def test_a_request_to_confirm_takes_the_first_server_that_works(servers, settings):
    settings.DEFAULT_FROM_EMAIL = "news@north.example"
    third, _ = servers(priority=3)
    first, _ = servers(priority=1)
    second, _ = servers(priority=2)
    others, _ = servers(priority=0, from_domains=["south.example"])
    ask_to_confirm("ada@new.example")
    confirmations.send_due()
    first.stop()
    ask_to_confirm("ben@new.example")

    confirmations.send_due()

    assert first.recipients == ["ada@new.example"]
    assert second.recipients == ["ben@new.example"]
    assert third.mails == others.mails == []


def test_a_request_to_confirm_avoids_a_server_that_rests(servers):
    resting, row = servers(priority=1)
    working, _ = servers(priority=2)
    until = now() + timedelta(minutes=5)
    Pause.objects.create(
        server_id=row.pk, provider="", cause="trouble", reason="Tired.", until=until
    )
    ask_to_confirm("ada@new.example")

    confirmations.send_due()

    assert working.recipients == ["ada@new.example"]
    assert resting.connections == 0


# --- signatures -----------------------------------------------------------------------------------


@pytest.fixture
def records(transactional_db) -> dict[str, str]:
    """Keys that sign for example.org, as DNS shows them."""
    keys = dkim_keys.make("example.org", ["rsa", "ed25519"])
    for key in keys:
        dkim_keys.activate(key.pk)
    return {
        f"{key.selector}._domainkey.{key.domain}": f"v=DKIM1; k={key.algorithm}; p={key.public}"
        for key in keys
    }


BOTH_PASS = {"rsa": "pass", "ed25519": "pass"}


def test_mails_of_a_campaign_arrive_signed(servers, started, records, tmp_path):
    sink, _ = servers()
    campaign = started(12)

    with Going(campaign) as going:
        going.wait()

    arrived = [mail.data for mail in sink.mails]
    assert len(arrived) == 12
    assert all(by_dkimpy(data, records) == BOTH_PASS for data in arrived)
    assert by_opendkim(arrived, records, tmp_path / "opendkim") == [BOTH_PASS] * 12


def test_requests_to_confirm_arrive_signed(servers, records):
    sink, _ = servers()
    ask_to_confirm("ada@new.example")

    confirmations.send_due()

    assert by_dkimpy(sink.mails[0].data, records) == BOTH_PASS


def test_only_mail_over_a_relay_that_does_not_sign_is_signed_by_us(servers, started, records):
    relay, _ = servers(relay_signs=True)
    plain, _ = servers()
    relay.holds = plain.holds = lambda: not (relay.connections and plain.connections)
    campaign = started(60)

    with Going(campaign) as going:
        going.wait()

    assert numbers(campaign) == {"sent": 60}
    assert relay.mails
    assert all(b"DKIM-Signature" not in mail.data for mail in relay.mails)
    assert plain.mails
    assert all(by_dkimpy(mail.data, records) == BOTH_PASS for mail in plain.mails)
