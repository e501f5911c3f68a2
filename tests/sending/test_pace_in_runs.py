"""Limits, throttles and windows, kept by real runs. Judged by when mails arrived."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest
import redis
from django.utils import timezone

from newsletter import alerts, campaigns
from newsletter.models import Campaign, Deferral, Pause, Provider, SendingServer, ServerUsage
from newsletter.sending import pauses, queue
from tests.sending.conftest import numbers, send
from tests.sending.several import Going, ahead, crowd, unused, wait_until
from tests.sending.sink import Sink

SLOWLY = 0.05  # seconds: 900 mails take 11
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture
def gmail(transactional_db) -> Provider:
    """A provider of which Redis knows nothing yet."""
    return Provider.objects.create(name="Gmail", slug=f"gmail-{unused()}", domains=["gmail.com"])


def of(sink: Sink, domain: str) -> list[str]:
    return [who for who in sink.recipients if who.endswith(f"@{domain}")]


def burst(per_second: float) -> float:
    """Return the mails that may go ahead of an even pace (see pace.py)."""
    return per_second / 10 + 1


def assert_waits_as_asked(campaign: Campaign, words: str) -> None:
    """It says why, knows when it goes on, and nobody is woken for it."""
    campaign.refresh_from_db()
    assert words in campaign.waiting_reason
    assert campaign.retry_at > timezone.now()
    assert campaign.waiting_since is None
    assert alerts.current() == []


# --- limits of servers --------------------------------------------------------------------


def test_a_server_gets_no_more_in_a_second_than_it_takes(servers, started):
    sink, _ = servers(per_second=20)
    campaign = started(0, lists=[crowd(60)])
    begun = time.time()

    send(campaign)

    assert numbers(campaign) == {"sent": 60}
    assert ahead([sink], 20, begun) <= burst(20)


@pytest.mark.parametrize("limit", ["per_hour", "per_day"])
def test_what_is_over_the_limit_waits_and_says_so(servers, started, limit):
    sink, row = servers(**{limit: 30})
    campaign = started(0, lists=[crowd(50)])

    send(campaign)

    assert len(sink.mails) == 30
    assert numbers(campaign) == {"sent": 30, "pending": 20}
    assert_waits_as_asked(campaign, f"The limit of {row.name} is reached.")


def test_a_minutes_mails_are_spread_over_the_minute(servers, started):
    sink, _ = servers(per_minute=600)
    campaign = started(0, lists=[crowd(25)])
    begun = time.time()

    send(campaign)

    assert numbers(campaign) == {"sent": 25}
    assert ahead([sink], 10, begun) <= burst(10)


def test_a_warm_up_limits_the_day_and_the_rest_goes_to_another_server(servers, started):
    today = timezone.localdate()
    warming, _ = servers(priority=1, warmup_from=today, warmup_start=15)
    other, _ = servers(priority=2, per_day=20)
    campaign = started(0, lists=[crowd(50)])

    send(campaign)

    assert len(warming.mails) == 15
    assert len(other.mails) == 20
    assert numbers(campaign) == {"sent": 35, "pending": 15}


@pytest.mark.parametrize(
    ("limits", "per_second", "most"),
    [({"per_second": 40}, 40, 100), ({"per_hour": 50}, None, 50)],
    ids=["second", "hour"],
)
def test_two_runs_share_one_limit(servers, started, limits, per_second, most):
    sink, _ = servers(**limits)
    campaign = started(0, lists=[crowd(100)])
    begun = time.time()

    with Going(campaign) as one, Going(campaign) as other:
        one.wait()
        other.wait()

    assert per_second is None or ahead([sink], per_second, begun) <= burst(per_second)
    assert sink.doubled == []
    assert len(sink.mails) == most


def test_a_limit_that_is_raised_holds_at_once(servers, started):
    sink, row = servers(per_second=1)
    campaign = started(0, lists=[crowd(200)])

    with Going(campaign) as going:
        sink.wait_for(3)
        SendingServer.objects.filter(pk=row.pk).update(per_second=None)
        sink.wait_for(200, seconds=100)
        going.wait()

    assert numbers(campaign) == {"sent": 200}


def test_a_limit_that_was_raised_meanwhile_lets_the_campaign_go_on(servers, started):
    _, row = servers(per_hour=10)
    campaign = started(0, lists=[crowd(30)])
    send(campaign)
    assert numbers(campaign) == {"sent": 10, "pending": 20}
    SendingServer.objects.filter(pk=row.pk).update(per_hour=25)

    send(campaign)

    assert numbers(campaign) == {"sent": 25, "pending": 5}


def test_without_redis_what_has_limits_waits_and_what_has_none_goes_on(servers, started, settings):
    limited, _ = servers(from_domains=["north.example"], per_second=1000)
    free, _ = servers(from_domains=["south.example"])
    north = started(10, from_email="a@north.example")
    south = started(40, from_email="b@south.example")
    settings.REDIS_URL = NOWHERE

    with Going(north, south):
        free.wait_for(40)

    assert numbers(south) == {"sent": 40}
    assert numbers(north) == {"pending": 10}
    assert limited.mails == []


def test_when_redis_comes_back_what_has_limits_goes_on(servers, started, settings):
    sink, _ = servers(per_second=1000)
    campaign = started(20)
    present, settings.REDIS_URL = settings.REDIS_URL, NOWHERE
    send(campaign, seconds=1)
    assert numbers(campaign) == {"pending": 20}
    settings.REDIS_URL = present

    send(campaign)

    assert numbers(campaign) == {"sent": 20}
    assert len(sink.mails) == 20


def test_when_redis_has_lost_its_data_the_hour_goes_on_where_it_was(servers, started, settings):
    sink, row = servers(per_hour=30)
    first = started(20)
    send(first)
    assert ServerUsage.objects.get(server_id=row.pk).accepted == 20
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(f"pace:server:{row.pk}")
    second = started(20)

    send(second)

    assert numbers(second) == {"sent": 10, "pending": 10}
    assert len(sink.mails) == 30


# --- limits and pauses of providers -----------------------------------------------------------


def test_a_provider_with_a_limit_holds_nobody_else_up(servers, started, settings, gmail):
    """Its people stand first, and there are many of them."""
    settings.SEND_BATCH_SIZE = 100
    sink, _ = servers()
    gmail.per_second = 20
    gmail.save()
    everybody = crowd(3000, "gmail.com")
    campaign = started(0, lists=[crowd(300, "example.org", everybody)])
    begun = time.time()

    with Going(campaign) as going:
        wait_until(lambda: len(of(sink, "example.org")) == 300)
        wait_until(lambda: len(of(sink, "gmail.com")) > 30)

    assert going.result.sent == len(sink.mails)
    assert ahead([sink], 20, begun, to="@gmail.com") <= burst(20)
    assert numbers(campaign)["pending"] == 3300 - len(sink.mails)


@pytest.mark.parametrize(
    ("stage", "reply"),
    [
        ("on_rcpt", "550 5.7.1 our system has detected an unusual rate of unsolicited mail"),
        ("on_body", "421 4.7.28 our system has detected an unusual rate of unsolicited mail"),
        ("on_body", "550 5.7.1 this message is likely unsolicited mail, it has been blocked"),
    ],
)
def test_a_provider_that_refuses_us_is_paused_alone(servers, started, gmail, stage, reply):
    sink, row = servers()
    setattr(sink, stage, lambda who, count: reply if who.endswith("@gmail.com") else None)
    everybody = crowd(40, "gmail.com")
    campaign = started(0, lists=[crowd(100, "example.org", everybody)])

    send(campaign)

    assert numbers(campaign) == {"sent": 100, "pending": 40}
    pause = Pause.objects.get()
    assert (pause.server_id, pause.provider, pause.cause) == (row.pk, gmail.slug, "policy")
    assert "unsolicited" in pause.reason
    (alert,) = alerts.current()
    assert "Gmail refuses our mail" in alert.text


def test_after_a_pause_was_lifted_its_people_are_mailed(servers, started, gmail):
    sink, row = servers()
    sink.on_rcpt = lambda who, count: (
        "550 5.7.1 blocked for spam" if who.endswith("@gmail.com") else None
    )
    everybody = crowd(40, "gmail.com")
    campaign = started(0, lists=[crowd(20, "example.org", everybody)])
    send(campaign)
    assert numbers(campaign) == {"sent": 20, "pending": 40}
    sink.on_rcpt = lambda who, count: None

    pauses.lift(row.pk, gmail.slug)
    go_on(campaign)

    assert numbers(campaign) == {"sent": 60}
    assert Pause.objects.count() == 0


def go_on(campaign: Campaign) -> None:
    """Send what waits, as if its time had come."""
    campaign.batches.filter(state="waiting").update(due_at=timezone.now())
    send(campaign)


def test_a_provider_that_says_later_to_everybody_is_left_alone_for_a_while(servers, started, gmail):
    sink, row = servers()
    sink.on_rcpt = lambda who, count: (
        "450 4.2.1 too busy, come back later" if who.endswith("@gmail.com") else None
    )
    everybody = crowd(100, "gmail.com")
    campaign = started(0, lists=[crowd(100, "example.org", everybody)])

    send(campaign)

    assert numbers(campaign) == {"sent": 100, "pending": 100}
    pause = Pause.objects.get()
    assert (pause.server_id, pause.provider, pause.cause) == (row.pk, gmail.slug, "deferrals")
    asked = Counter(line for line in sink.commands if "@gmail.com" in line)
    assert len(asked) < 60
    assert Deferral.objects.count() <= 40


def test_a_paused_provider_goes_over_another_server(servers, started, gmail):
    refusing, row = servers()
    other, _ = servers()
    Pause.objects.create(
        server_id=row.pk,
        provider=gmail.slug,
        cause="policy",
        reason="550 5.7.1 blocked",
        until=timezone.now() + timedelta(hours=1),
    )
    everybody = crowd(60, "gmail.com")
    campaign = started(0, lists=[crowd(60, "example.org", everybody)])

    send(campaign)

    assert numbers(campaign) == {"sent": 120}
    assert of(refusing, "gmail.com") == []
    assert len(of(other, "gmail.com")) == 60


# --- throttles and windows of campaigns -----------------------------------------------------------


def test_a_throttled_campaign_goes_evenly(servers, started):
    sink, _ = servers()
    campaign = started(0, lists=[crowd(200)], pk=unused(), throttle=600)

    begun = time.time()

    with Going(campaign):
        sink.wait_for(25)

    assert ahead([sink], 10, begun) <= burst(10)


def test_a_throttle_that_is_set_and_lifted_holds_while_it_goes(servers, started):
    sink, _ = servers()
    sink.seconds = SLOWLY
    campaign = started(0, lists=[crowd(900)], pk=unused())

    with Going(campaign) as going:
        sink.wait_for(30)
        campaigns.set_pace(campaign.pk, throttle=15)
        wait_until(lambda: arrived_in(1, sink) <= 1)
        held_at = len(sink.mails)
        campaigns.set_pace(campaign.pk, throttle=None)
        sink.wait_for(held_at + 30, seconds=100)
        sink.seconds = 0
        going.wait()

    assert held_at < 800
    assert numbers(campaign) == {"sent": 900}
    assert sink.doubled == []


def arrived_in(seconds: float, sink: Sink) -> int:
    """Return how many mails arrive within so many seconds from now."""
    before = len(sink.mails)
    time.sleep(seconds)
    return len(sink.mails) - before


def closed_now() -> dict[str, object]:
    """Return sending hours that are over for today, and do not begin soon."""
    local = timezone.localtime()
    hour = (local + timedelta(hours=10)).time().replace(minute=0, second=0, microsecond=0)
    later = (datetime.combine(local.date(), hour) + timedelta(hours=1)).time()
    return {"send_from": hour, "send_until": later}


def test_outside_its_hours_a_campaign_waits_for_the_next_opening(servers, started):
    sink, _ = servers()
    hours = closed_now()
    campaign = started(20, **hours)

    send(campaign)

    assert sink.mails == []
    assert_waits_as_asked(campaign, "Outside its sending hours until")
    assert f"{hours['send_from']:%H:%M}" in campaign.waiting_reason
    # Looked at again now and then: somebody may change the hours.
    assert campaign.retry_at <= timezone.now() + timedelta(seconds=queue.LONGEST)

    campaigns.set_pace(campaign.pk, throttle=None)
    send(campaign)

    assert numbers(campaign) == {"sent": 20}


def test_hours_that_end_while_it_goes_stop_it(servers, started):
    sink, _ = servers()
    sink.seconds = SLOWLY
    campaign = started(0, lists=[crowd(900)])

    with Going(campaign) as going:
        sink.wait_for(30)
        campaigns.set_pace(campaign.pk, throttle=None, **closed_now())
        going.wait()

    assert numbers(campaign) == {"sent": len(sink.mails), "pending": 900 - len(sink.mails)}
    assert_waits_as_asked(campaign, "Outside its sending hours until")
