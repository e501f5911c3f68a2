"""Several sending servers in one run. Judged by what each of them has received."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter import campaigns
from newsletter.models import Batch, Campaign, Pause, SendingServer
from newsletter.sending import pauses
from tests.factories import make_campaign
from tests.sending.conftest import numbers, send
from tests.sending.several import Going, crowd, doubled, wait_until
from tests.sending.sink import HANG

DENIED = "554 5.7.1 relay access denied"
# A server that works quickly enough, and slowly enough for something to happen meanwhile.
SLOWLY = 0.02  # seconds
# One that has not come to an end before something has happened that the test waits for.
VERY_SLOWLY = 0.5  # seconds


def pause(row: SendingServer, seconds: float, provider: str = "") -> None:
    Pause.objects.create(
        server_id=row.pk,
        provider=provider,
        cause="trouble",
        reason="It is tired.",
        until=now() + timedelta(seconds=seconds),
    )


# --- who gets how much ------------------------------------------------------------------


def test_shares_follow_the_weights(servers, started, settings):
    settings.SEND_BATCH_SIZE = 500
    heavy, _ = servers(weight=2)
    light, _ = servers(weight=1)
    heavy.seconds = light.seconds = SLOWLY  # equally quick, whichever thread has to wait
    campaign = started(0, lists=[crowd(2400)])

    send(campaign)

    assert numbers(campaign) == {"sent": 2400}
    assert 1.6 < len(heavy.mails) / len(light.mails) < 2.5
    assert doubled(heavy, light) == []


def test_a_server_with_a_higher_number_is_not_used_while_the_first_can(servers, started):
    second, _ = servers(priority=20)
    first, _ = servers(priority=10)
    campaign = started(60)

    send(campaign)

    assert len(first.mails) == 60
    assert second.mails == []


@pytest.mark.parametrize("trouble", ["limit", "paused", "unreachable", "refuses everybody"])
def test_the_second_server_is_used_when_the_first_can_not(servers, started, trouble):
    first, row = servers(priority=1, **({"per_hour": 25} if trouble == "limit" else {}))
    second, _ = servers(priority=2)
    if trouble == "paused":
        pause(row, 60)
    elif trouble == "unreachable":
        first.stop()
    elif trouble == "refuses everybody":
        first.on_rcpt = lambda who, count: DENIED
    campaign = started(0, lists=[crowd(100)])

    send(campaign)

    assert numbers(campaign) == {"sent": 100}
    assert len(first.mails) == (25 if trouble == "limit" else 0)
    assert doubled(first, second) == []


def test_each_campaign_goes_over_the_servers_for_its_from_address(servers, started):
    north, _ = servers(from_domains=["north.example"])
    south, _ = servers(from_domains=["South.example", "other.example"])
    campaigns_of = {
        "A <a@north.example>": (started(15, from_email="A <a@north.example>"), north),
        "B <b@mail.south.example>": (started(15, from_email="B <b@mail.south.example>"), south),
    }

    for campaign, _ in campaigns_of.values():
        send(campaign)

    for sender, (campaign, sink) in campaigns_of.items():
        assert numbers(campaign) == {"sent": 15}
        assert len(sink.mails) == 15
        assert all(sender.encode() in mail.data for mail in sink.mails)


def test_a_campaign_that_no_server_may_send_waits_and_says_so(servers, started):
    sink, _ = servers(from_domains=["north.example"])
    campaign = started(5, from_email="X <x@xnorth.example>")

    send(campaign)

    assert numbers(campaign) == {"pending": 5}
    assert campaign.waiting_reason == "No sending server in use may send for xnorth.example."
    assert campaign.waiting_since is not None
    assert campaign.retry_at is not None
    assert sink.mails == []


def test_a_server_that_is_not_in_use_gets_nothing(servers, started):
    off, _ = servers(is_active=False, priority=1)
    on, _ = servers(priority=2)
    campaign = started(30)

    send(campaign)

    assert len(on.mails) == 30
    assert off.connections == 0


def test_when_no_server_is_in_use_mail_waits_and_does_not_go_elsewhere(servers, started, sink):
    """Who switches all servers off does not want the one of the environment in their place."""
    off, _ = servers(is_active=False)
    campaign = started(5)

    send(campaign)

    assert numbers(campaign) == {"pending": 5}
    assert campaign.waiting_reason == "No sending server in use may send for example.org."
    assert off.connections == sink.connections == 0


def test_connections_are_renewed_after_as_many_mails_as_the_server_takes(servers, started):
    sink, _ = servers(mails_per_connection=5)
    campaign = started(43)

    send(campaign)

    assert numbers(campaign) == {"sent": 43}
    assert sink.doubled == []
    assert sink.connections >= 9


def test_two_runs_share_the_connections_of_a_server(servers, started):
    sink, _ = servers(connections=3)
    sink.seconds = VERY_SLOWLY
    seen = []
    sink.on_body = lambda who, count: seen.append(sink.open)
    campaign = started(0, lists=[crowd(300)])
    claimed = Batch.objects.filter(state="claimed").values("run").distinct()

    with Going(campaign) as one, Going(campaign) as other:
        # Whoever has claimed has a connection.
        wait_until(lambda: claimed.count() == 2)
        sink.seconds = SLOWLY
        one.wait()
        other.wait()

    assert numbers(campaign) == {"sent": 300}
    assert sink.doubled == []
    assert max(seen) == 3
    assert min(one.result.sent, other.result.sent) > 0


# --- what changes while a run goes on ------------------------------------------------------


def test_a_server_that_is_added_gets_its_share_of_the_run(servers, started):
    first, _ = servers()
    campaign = started(0, lists=[crowd(700)])
    first.seconds = SLOWLY

    with Going(campaign) as going:
        first.wait_for(20)
        first.seconds = VERY_SLOWLY
        second, _ = servers()
        second.wait_for(1)
        first.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 700}
    assert doubled(first, second) == []


def test_a_server_that_is_switched_off_gets_nothing_more(servers, started):
    first, row = servers()
    second, _ = servers()
    first.seconds = second.seconds = SLOWLY
    campaign = started(0, lists=[crowd(900)])

    with Going(campaign) as going:
        first.wait_for(20)
        first.seconds = second.seconds = VERY_SLOWLY
        SendingServer.objects.filter(pk=row.pk).update(is_active=False)
        wait_until(lambda: first.open == 0)
        before, so_far = len(first.mails), len(second.mails)
        first.seconds = second.seconds = SLOWLY
        going.wait()

    assert len(first.mails) == before
    assert so_far < len(second.mails)
    assert numbers(campaign) == {"sent": 900}
    assert doubled(first, second) == []


def test_the_only_server_is_switched_off_and_on_again(servers, started):
    sink, row = servers()
    sink.seconds = SLOWLY
    campaign = started(0, lists=[crowd(400)])
    with Going(campaign) as going:
        sink.wait_for(20)
        SendingServer.objects.filter(pk=row.pk).update(is_active=False)
        going.wait()
    campaign.refresh_from_db()
    assert "No sending server in use" in campaign.waiting_reason
    assert numbers(campaign) == {"sent": len(sink.mails), "pending": 400 - len(sink.mails)}
    SendingServer.objects.filter(pk=row.pk).update(is_active=True)
    sink.seconds = 0

    send(campaign)

    assert numbers(campaign) == {"sent": 400}
    assert sink.doubled == []


def test_a_server_that_moves_gets_its_mail_at_the_new_address(servers, started):
    old, row = servers()
    new, other_row = servers()
    other_row.delete()
    old.seconds = new.seconds = SLOWLY
    campaign = started(0, lists=[crowd(600)])

    with Going(campaign) as going:
        old.wait_for(20)
        old.seconds = VERY_SLOWLY
        SendingServer.objects.filter(pk=row.pk).update(port=new.port)
        new.wait_for(1)
        old.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 600}
    assert doubled(old, new) == []


def test_fewer_connections_are_kept_to_at_once(servers, started):
    sink, row = servers()
    sink.seconds = VERY_SLOWLY
    campaign = started(0, lists=[crowd(500)])

    with Going(campaign) as going:
        wait_until(lambda: sink.open == 4)
        SendingServer.objects.filter(pk=row.pk).update(connections=1)
        wait_until(lambda: sink.open == 1)
        row.refresh_from_db()
        SendingServer.objects.filter(pk=row.pk).update(connections=4)
        wait_until(lambda: sink.open == 4)
        sink.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 500}
    assert sink.doubled == []


# --- troubles -----------------------------------------------------------------------------


def test_when_a_server_dies_the_others_take_over_within_the_run(servers, started):
    mortal, row = servers()
    other, _ = servers()
    mortal.seconds = other.seconds = SLOWLY
    campaign = started(0, lists=[crowd(400)])

    with Going(campaign) as going:
        mortal.wait_for(40)
        mortal.stop()
        going.wait()

    outcome = numbers(campaign)
    assert outcome["sent"] + outcome.get("in_doubt", 0) == 400
    assert outcome.get("in_doubt", 0) <= 2 * 4
    assert doubled(mortal, other) == []
    assert Pause.objects.get().server_id == row.pk


def test_mails_held_back_by_a_server_that_refuses_everybody_go_over_another(servers, started):
    bad, row = servers()
    good, _ = servers()
    bad.on_rcpt = lambda who, count: DENIED
    campaign = started(0, lists=[crowd(300)])

    send(campaign)

    assert numbers(campaign) == {"sent": 300}
    assert len(good.mails) == 300
    pause = Pause.objects.get()
    assert (pause.server_id, pause.provider) == (row.pk, "")
    assert DENIED in pause.reason
    assert campaign.waiting_reason == ""


def test_a_server_that_begins_to_refuse_everybody_is_left_alone(servers, started):
    bad, row = servers()
    good, _ = servers()
    bad.seconds = good.seconds = SLOWLY
    bad.on_rcpt = lambda who, count: DENIED if len(bad.mails) >= 30 else None
    campaign = started(0, lists=[crowd(400)])

    send(campaign)

    # While it still takes some, what it refuses is the recipients' affair: what was on the wire
    # when it began to refuse may come back taken, and each of these ends a row.
    outcome = numbers(campaign)
    assert outcome["sent"] + outcome.get("failed", 0) == 400
    assert outcome.get("failed", 0) < 4 * 20
    assert Pause.objects.get().server_id == row.pk
    assert doubled(bad, good) == []


def test_a_server_is_used_again_in_the_same_run_when_its_pause_is_over(servers, started):
    first, row = servers(priority=1)
    second, _ = servers(priority=2)
    second.seconds = SLOWLY
    campaign = started(0, lists=[crowd(300)])
    pause(row, 600)

    with Going(campaign) as going:
        second.wait_for(100)
        assert first.mails == []
        second.seconds = VERY_SLOWLY
        Pause.objects.update(until=now())
        first.wait_for(100)
        second.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 300}
    assert doubled(first, second) == []
    assert Pause.objects.count() == 0


def test_a_server_that_was_away_is_used_again_in_the_same_run(servers, started, monkeypatch):
    monkeypatch.setitem(pauses.BACKOFF, "trouble", (0.5, 600))
    monkeypatch.setattr("newsletter.sending.lane.HOLD_OFF", 1.5)
    first, _ = servers(priority=1)
    second, _ = servers(priority=2)
    first.stop()
    second.seconds = SLOWLY
    campaign = started(0, lists=[crowd(900)])

    with Going(campaign) as going:
        second.wait_for(50)
        second.seconds = VERY_SLOWLY
        first.start()
        first.wait_for(1)
        second.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 900}
    assert doubled(first, second) == []


def test_a_server_that_hangs_does_not_hold_up_the_others(servers, started, monkeypatch):
    """Two mails for each of its connections wait for its answer, and nobody else's."""
    monkeypatch.setattr("newsletter.sending.sharing.STANDING", 1.0)
    hanging, _ = servers()
    working, _ = servers()
    hanging.on_body = lambda who, count: HANG
    campaign = started(0, lists=[crowd(300)])

    with Going(campaign) as going:
        working.wait_for(292)
        hanging.stop()
        going.wait()

    outcome = numbers(campaign)
    assert outcome["sent"] + outcome["in_doubt"] == 300
    assert doubled(hanging, working) == []


def test_what_a_server_held_back_goes_elsewhere_when_it_is_switched_off(servers, started):
    """Too few refusals to tell what they mean."""
    refusing, row = servers(per_hour=5)
    working, _ = servers()
    refusing.on_rcpt = lambda who, count: DENIED
    working.seconds = VERY_SLOWLY
    campaign = started(0, lists=[crowd(600)])

    with Going(campaign) as going:
        wait_until(lambda: sum(line.startswith("RCPT") for line in refusing.commands) == 5)
        SendingServer.objects.filter(pk=row.pk).update(is_active=False)
        wait_until(lambda: refusing.open == 0)
        working.seconds = SLOWLY
        going.wait()

    assert numbers(campaign) == {"sent": 600}
    assert len(working.mails) == 600


def test_one_campaigns_server_in_trouble_leaves_the_other_campaign_alone(servers):
    bad, _ = servers(from_domains=["north.example"])
    servers(from_domains=["south.example"])
    bad.on_rcpt = lambda who, count: DENIED
    both = [
        make_campaign(lists=[crowd(100)], from_email=f"A <a@{domain}>")
        for domain in ("north.example", "south.example")
    ]
    for campaign in both:
        campaigns.start(campaign.pk)

    with Going(*both) as going:
        going.wait()

    north, south = both
    assert numbers(south) == {"sent": 100}
    assert numbers(north) == {"pending": 100}
    north.refresh_from_db()
    assert DENIED in north.waiting_reason
    assert north.status == Campaign.Status.RUNNING
