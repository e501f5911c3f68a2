"""Nobody twice, nobody missed: workers are killed, stopped and cut off in the middle of a batch.

Judged by the mail server's own record. Each connection may leave two mails in doubt: the one whose
body is on the wire, and the one that the journal has for after it.
"""

import asyncio
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.db.models.functions import Now

from newsletter import campaigns, due
from newsletter.composing import CompiledMessage
from newsletter.models import Batch, Campaign, Handover
from newsletter.sending import batches, recording, run
from newsletter.sending.database import connect
from subscribers import erase
from subscribers.models import Subscriber
from tests.sending.conftest import aside, numbers, send
from tests.sending.several import LONG, crowd, wait_until

CONNECTIONS = 4
PEOPLE = 60


def let_leases_end() -> None:
    """Do what time does to a worker that shows no sign of life."""
    Batch.objects.filter(state=Batch.State.CLAIMED).update(lease_until="2020-01-01T00:00Z")


def finish(campaign: Campaign) -> None:
    """Go on until there is nothing left to do.

    A worker that was stopped in a transaction holds its batch until PostgreSQL ends that.
    """
    end = time.monotonic() + LONG
    while campaign.status != Campaign.Status.FINISHED:
        assert time.monotonic() < end, f"not finished: {numbers(campaign)}"
        Batch.objects.update(due_at="2020-01-01T00:00Z")
        send(campaign)


@pytest.mark.parametrize("after", [1, 17, 45])
def test_a_killed_worker_sends_nobody_twice_and_misses_nobody(
    sink, started, worker, settings, after
):
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.02
    campaign = started(PEOPLE)
    process = worker(campaign)
    sink.wait_for(after)

    process.kill()
    process.wait()
    let_leases_end()
    finish(campaign)

    outcome = numbers(campaign)
    assert sink.doubled == []
    assert outcome["sent"] + outcome.get("in_doubt", 0) == PEOPLE
    assert outcome.get("in_doubt", 0) <= 2 * CONNECTIONS
    # Whoever is said to have it, has it; whoever is in doubt may.
    in_doubt = campaign.deliveries.filter(status="in_doubt").values("subscriber_id")
    doubtful = set(Subscriber.objects.filter(id__in=in_doubt).values_list("email", flat=True))
    everybody = set(Subscriber.objects.values_list("email", flat=True))
    assert everybody - set(sink.recipients) <= doubtful


def test_a_worker_that_was_only_slow_sends_nothing_that_it_lost(sink, started, worker, settings):
    """Stopped past its lease, and continued when another has taken over."""
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.05
    campaign = started(30)
    slow = worker(campaign, lease=5)
    sink.wait_for(5)
    slow.send_signal(signal.SIGSTOP)
    time.sleep(0.3)
    let_leases_end()
    finish(campaign)
    before = numbers(campaign)

    slow.send_signal(signal.SIGCONT)
    slow.wait(LONG)

    assert sink.doubled == []
    assert numbers(campaign) == before
    assert before["sent"] + before.get("in_doubt", 0) == 30


def test_a_worker_that_slept_past_its_lease_sends_nothing_even_if_nobody_took_over(
    sink, started, worker, settings
):
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.05
    campaign = started(30)
    slow = worker(campaign, lease=4)
    sink.wait_for(5)
    slow.send_signal(signal.SIGSTOP)
    wait_until(lambda: not Batch.objects.filter(lease_until__gt=Now()).exists())
    slow.send_signal(signal.SIGCONT)
    slow.wait(LONG)

    finish(campaign)

    assert sink.doubled == []
    assert numbers(campaign).get("in_doubt", 0) <= 2 * CONNECTIONS


def test_a_worker_that_is_asked_to_stop_gives_the_rest_back(sink, started, settings):
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.05
    campaign = started(30)

    result = run.send(campaign.pk, seconds=LONG, is_stopping=lambda: len(sink.mails) >= 5)

    outcome = numbers(campaign)
    assert outcome["sent"] == len(sink.mails) == result.sent
    assert outcome["pending"] == 30 - result.sent > 0
    assert Handover.objects.count() == 0
    assert set(Batch.objects.values_list("state", "attempts")) == {("waiting", 0)}


def test_a_process_that_gets_sigterm_ends_its_run_first(sink, started, worker, settings):
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.05
    many = 2_000  # more than go out until the signal has come
    campaign = started(0, lists=[crowd(many)])
    process = worker(campaign)
    sink.wait_for(5)

    process.terminate()

    assert process.wait(LONG) == -signal.SIGTERM
    outcome = numbers(campaign)
    assert outcome["sent"] == len(sink.mails) < many
    assert "in_doubt" not in outcome
    assert Handover.objects.count() == 0


def test_a_pause_takes_effect_at_once_and_resuming_misses_nobody(sink, started, settings):
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.02
    campaign = started(PEOPLE)

    def pause(who, count):
        if len(sink.mails) == 10:
            aside(lambda: campaigns.pause(campaign.pk))

    sink.on_body = pause
    send(campaign)
    outcome = numbers(campaign)
    assert campaign.status == Campaign.Status.PAUSED
    assert outcome["sent"] == len(sink.mails) <= 10 + 2 * CONNECTIONS
    assert "in_doubt" not in outcome
    sink.on_body = lambda who, count: None

    campaigns.resume(campaign.pk)
    finish(campaign)

    assert numbers(campaign) == {"sent": PEOPLE}
    assert sink.doubled == []


def test_a_cancelled_campaign_stops_and_its_sum_balances(sink, started):
    sink.seconds = 0.02
    campaign = started(PEOPLE)

    def cancel(who, count):
        if len(sink.mails) == 10:
            aside(lambda: campaigns.cancel(campaign.pk))

    sink.on_body = cancel
    send(campaign)

    outcome = numbers(campaign)
    assert campaign.status == Campaign.Status.CANCELLED
    assert outcome["sent"] == len(sink.mails)
    assert outcome["pending"] == PEOPLE - outcome["sent"]


def test_two_workers_never_share(sink, started, worker):
    sink.seconds = 0.05
    campaign = started(200)

    sink.holds = lambda: True
    claimed = Batch.objects.filter(state="claimed").values("run").distinct()

    workers = [worker(campaign), worker(campaign)]
    wait_until(lambda: claimed.count() == 2)
    sink.holds = lambda: False
    for process in workers:
        process.wait(LONG)
    due.finish_complete()

    assert numbers(campaign) == {"sent": 200}
    assert sink.doubled == []
    results = [process.stdout.read() for process in workers]
    assert all("sent=0" not in result for result in results)


def test_a_broken_database_connection_loses_nothing(sink, started, settings):
    """As a restart of PostgreSQL does it: all connections go, more than once."""
    settings.SEND_BATCH_SIZE = 30
    sink.seconds = 0.02
    campaign = started(PEOPLE)
    cut, ours = [], connection_pid()

    def cut_off(who, count):
        if len(sink.mails) in (10, 30) and len(sink.mails) not in cut:
            cut.append(len(sink.mails))
            aside(lambda: terminate_all_but(ours))

    sink.on_body = cut_off
    finish(campaign)

    assert cut == [10, 30]
    assert sink.doubled == []
    assert numbers(campaign) == {"sent": PEOPLE}


def connection_pid() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def terminate_all_but(pid: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            [pid],
        )


def test_when_the_database_crashed_with_the_journal_everybody_in_hand_is_in_doubt(
    sink, started, worker, settings
):
    """PostgreSQL empties an unlogged table when it comes up after a crash."""
    settings.SEND_BATCH_SIZE = 30
    sink.holds = lambda: len(sink.mails) >= 12
    campaign = started(PEOPLE)
    process = worker(campaign)
    sink.wait_for(12)
    process.kill()
    process.wait()
    sink.holds = lambda: False
    Handover.objects.all().delete()
    let_leases_end()

    finish(campaign)

    outcome = numbers(campaign)
    assert sink.doubled == []
    assert outcome.get("sent", 0) + outcome["in_doubt"] == PEOPLE
    assert campaign.deliveries.filter(reason__startswith="The database crashed").exists()


def test_a_batch_that_kills_its_workers_is_set_aside_and_can_be_tried_again(sink, started):
    campaign = started(3)
    Batch.objects.update(attempts=5)

    send(campaign)

    assert numbers(campaign) == {"pending": 3}
    assert campaign.status == Campaign.Status.PAUSED
    assert "stopped their worker" in campaign.waiting_reason

    campaigns.resume(campaign.pk)
    finish(campaign)

    assert numbers(campaign) == {"sent": 3}


def test_a_mail_that_can_not_be_made_by_our_fault_makes_its_campaign_wait_alone(
    sink, started, monkeypatch
):
    broken, sound = started(3), started(2)
    render = CompiledMessage.render

    def fail_for_one(self, person):
        return 1 / 0 if self._edition.campaign_id == broken.pk else render(self, person)

    monkeypatch.setattr(CompiledMessage, "render", fail_for_one)

    result = run.send(seconds=LONG)
    monkeypatch.undo()

    assert numbers(sound) == {"sent": 2}
    assert numbers(broken) == {"pending": 3}
    assert "ZeroDivisionError" in result.waiting[broken.pk]
    finish(broken)
    assert numbers(broken) == {"sent": 3}


def test_who_is_erased_while_their_mail_is_on_the_way_leaves_no_name(sink, started):
    campaign = started(1)
    person = Subscriber.objects.get()
    sink.on_body = lambda who, count: aside(lambda: erase.erase(person.pk))

    send(campaign)

    assert numbers(campaign) == {"in_doubt": 1}
    assert campaign.deliveries.get().subscriber_id < 0


def test_many_workers_claim_each_batch_once(started, settings):
    settings.SEND_BATCH_SIZE = 1
    campaign = started(20)

    def claim(_: int) -> list[int]:
        import asyncio

        from newsletter.sending import batches, database

        async def take() -> list[int]:
            db = await database.connect()
            async with db:
                claims = [await batches.claim(db, campaign.pk, run=1) for _ in range(5)]
            return [each.batch_id for each in claims]

        return asyncio.run(take())

    with ThreadPoolExecutor(4) as threads:
        claimed = [batch for found in threads.map(claim, range(4)) for batch in found]

    assert len(claimed) == len(set(claimed)) == 20


@pytest.mark.parametrize("move", [campaigns.cancel, campaigns.pause])
def test_a_worker_that_died_before_the_end_of_its_campaign_is_settled(started, move):
    campaign = started(5)
    claim = aside(lambda: asyncio.run(claimed(campaign)))
    ids = Batch.objects.get().subscriber_ids
    Handover.objects.create(
        batch_id=claim.batch_id,
        fence=claim.fence,
        turn=1,
        subscriber_ids=ids[:4],
        accepted_ids=ids[:3],
    )
    move(campaign.pk)

    run.settle_abandoned()
    while_its_lease_holds = numbers(campaign)
    let_leases_end()
    run.settle_abandoned()

    assert while_its_lease_holds == {"pending": 5}
    assert numbers(campaign) == {"sent": 3, "in_doubt": 1, "pending": 1}
    batch = Batch.objects.get()
    assert (batch.state, batch.lease_until) == ("waiting", None)
    assert batch.fence > claim.fence
    assert Handover.objects.count() == 0


def test_a_settled_batch_goes_on_after_a_pause(sink, started):
    campaign = started(5)
    aside(lambda: asyncio.run(claimed(campaign)))
    campaigns.pause(campaign.pk)
    let_leases_end()
    run.settle_abandoned()

    campaigns.resume(campaign.pk)
    finish(campaign)

    assert numbers(campaign) == {"sent": 5}


async def claimed(campaign: Campaign) -> recording.Claim:
    """Claim a batch as a worker does that is never heard of again."""
    db = await connect()
    try:
        claim = await batches.claim(db, campaign.pk, run=1)
        assert claim is not None
        return claim
    finally:
        await db.close()
