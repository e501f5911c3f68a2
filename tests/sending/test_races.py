"""What people do at the very moment at which a worker does something else."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from newsletter import campaigns, due, outcomes
from newsletter.models import Batch, Campaign, Delivery, Handover
from newsletter.sending import batches, recording, run
from newsletter.sending.database import Database
from newsletter.sending.prepared import Prepared
from subscribers import erase
from subscribers.models import Subscriber
from tests.factories import make_list, make_subscriber
from tests.sending.conftest import aside, numbers, send
from tests.sending.several import LONG, Going, wait_until


def beside(work) -> threading.Thread:
    """Do something with the database on another connection, at the same time."""

    def go() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    return thread


def test_a_tick_does_not_finish_a_campaign_whose_mails_are_just_being_retried(
    sink, started, monkeypatch
):
    sink.on_rcpt = lambda who, count: "552 5.2.2 over quota, for good" if count == 1 else None
    campaign = started(3)
    run.send(campaign.pk, seconds=LONG)
    # It is running still: the tick that finishes it comes while the button is pressed.
    assert numbers(campaign) == {"failed": 3}
    add, ticks = batches.add, []

    def add_slowly(*arguments) -> None:
        ticks.append(beside(due.finish_complete))
        time.sleep(0.5)
        add(*arguments)

    monkeypatch.setattr(batches, "add", add_slowly)

    outcomes.retry_failed(campaign.pk)
    ticks[0].join()

    campaign.refresh_from_db()
    assert numbers(campaign) == {"pending": 3}
    assert campaign.status == Campaign.Status.RUNNING


def test_who_is_erased_while_the_journal_waits_for_it_is_not_mailed(sink, started, monkeypatch):
    """The statement began before the erasure was committed, and sees nothing of it."""
    campaign = started(1)
    person = Subscriber.objects.get()
    note, erasures = Prepared.run, []

    async def note_while_erasing(self, *values):
        if not erasures:
            has_lock = threading.Event()

            def erase_slowly() -> None:
                with transaction.atomic():
                    erase.erase(person.pk)
                    has_lock.set()
                    time.sleep(0.5)

            erasures.append(beside(erase_slowly))
            while not has_lock.is_set():
                await asyncio.sleep(0.01)
        return await note(self, *values)

    monkeypatch.setattr(Prepared, "run", note_while_erasing)

    send(campaign)

    assert sink.mails == []
    assert numbers(campaign) == {"skipped": 1}


def test_a_deferral_of_who_was_taken_out_does_not_make_a_batch_spin(
    sink, started, settings, monkeypatch
):
    """One is retried while another of the batch is to come back in an hour."""
    settings.SEND_RETRY_AFTER = 0
    answers = {"a@example.org": ["451 4.2.1 later", "552 5.2.2 over quota, for good"]}

    def answer(who, count):
        said = answers.get(who, ["451 4.2.1 later"] * 9)
        return said[count - 1] if count <= len(said) else None

    sink.on_rcpt = answer
    mailing_list = make_list()
    for name in ("a", "c"):
        make_subscriber(lists=[mailing_list], email=f"{name}@example.org")
    campaign = started(0, lists=[mailing_list])
    send(campaign)
    settings.SEND_RETRY_AFTER = 3600
    close, pressed = recording.close, []

    async def press_before_it_closes(db, claim, record, **options):
        await recording.record(db, claim, record)
        if not pressed:
            pressed.append(aside(lambda: outcomes.retry_failed(campaign.pk)))
        return await close(db, claim, recording.Record(), **options)

    monkeypatch.setattr(recording, "close", press_before_it_closes)
    run.send(campaign.pk, seconds=LONG)
    monkeypatch.undo()
    claims = Batch.objects.order_by("id").first().fence

    run.send(campaign.pk, seconds=LONG)

    assert pressed == [1]
    assert Batch.objects.order_by("id").first().fence - claims <= 1
    assert sink.recipients == ["a@example.org"]


def test_several_campaigns_leave_two_mails_in_doubt_for_a_connection(
    sink, started, settings, monkeypatch
):
    """Whenever a worker is killed: judged by what the journal has at each moment."""
    settings.SEND_CONNECTIONS = 1
    for _ in range(3):
        started(30)
    write, doubt, most = Prepared.run, set(), 0

    async def watch(self, *values):
        nonlocal most
        row = await write(self, *values)
        batch, (asked, accepted, free) = (
            values[0],
            (value[1:-1].split(b",") for value in values[3:6]),
        )
        doubt.update((batch, who) for who in asked if who)
        doubt.difference_update((batch, who) for who in (*accepted, *free))
        most = max(most, len(doubt))
        return row

    monkeypatch.setattr(Prepared, "run", watch)

    run.send(seconds=LONG)

    assert len(sink.mails) == 90
    assert 0 < most <= 2


def test_a_pace_that_is_set_while_the_last_mail_of_a_run_goes_out_holds(sink, started):
    sink.seconds = 3
    campaign = started(3)
    going = Going()
    going.start()
    wait_until(lambda: "DATA" in sink.commands)
    another_day = (timezone.localtime().isoweekday() + 2) % 7 + 1

    campaigns.set_pace(campaign.pk, throttle=None, send_days=[another_day])
    time.sleep(1.3)  # the run has seen that, and stops
    campaigns.set_pace(campaign.pk, throttle=None)
    going.wait()

    campaign.refresh_from_db()
    soon = timezone.now() + timedelta(seconds=30)
    assert campaign.retry_at is None or campaign.retry_at < soon


@pytest.mark.parametrize(
    ("noted", "freed", "outcome"),
    [(7, 3, "in_doubt"), (3, 7, "skipped"), (3, 3, "skipped")],
    ids=["noted again", "freed", "freed at once"],
)
def test_erasure_takes_the_journal_s_last_word(started, noted, freed, outcome):
    campaign = started(1)
    batch = Batch.objects.get()
    (person,) = batch.subscriber_ids
    lease = timezone.now() + timedelta(hours=1)
    Batch.objects.update(state="claimed", fence=1, lease_until=lease)
    rows = {Handover.WITNESS: {}, noted: {"subscriber_ids": [person]}}
    rows.setdefault(freed, {})["free_ids"] = [person]
    for turn, people in rows.items():
        known = {"subscriber_ids": [], **people}
        Handover.objects.create(batch=batch, fence=1, turn=turn, **known)

    erase.erase(person)

    assert numbers(campaign) == {outcome: 1}


def test_a_worker_that_slept_in_a_transaction_goes_on(transactional_db, settings):
    settings.SEND_LEASE = 1
    tries = []

    async def work(db):
        tries.append(True)
        async with db.transaction():
            process = db.info.backend_pid
            if len(tries) == 1:
                # It does not look at its connection, while PostgreSQL ends the session.
                aside(lambda: wait_until(lambda: not _lives(process)))
            await db.execute("SELECT 1")
        return "done"

    async def main():
        db = Database()
        try:
            return await db.do(work)
        finally:
            await db.close()

    assert asyncio.run(main()) == "done"
    assert len(tries) == 2


def test_who_is_settled_while_they_are_sent_to_again_is_in_nobody_s_way(started):
    """Both take the batch first, and the outcome second: in turns they would wait for ever."""
    campaign = started(1)
    batch = Batch.objects.get()
    [person] = batch.subscriber_ids
    settled = []
    with transaction.atomic():
        Delivery.objects.create(
            campaign=campaign, subscriber_id=person, status="in_doubt", at=timezone.now()
        )
        Batch.objects.update(in_doubt=1)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(outcomes._LOCK, {"campaign": campaign.pk})
        reading = beside(lambda: settled.append(outcomes.settle(campaign.pk, [person], "sent")))
        wait_until(_somebody_waits)
        assert outcomes.resend_in_doubt(campaign.pk) == 1
    reading.join()

    assert settled == [0]
    assert numbers(campaign) == {"pending": 1}


_HERE = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"


def _somebody_waits() -> bool:
    # Not everything that is waited for is of a database; who waits has something here.
    of_here = f"SELECT pid FROM pg_locks WHERE {_HERE}"
    return _exists(f"pg_locks WHERE NOT granted AND pid IN ({of_here})")


def _lives(process: int) -> bool:
    return _exists(f"pg_stat_activity WHERE pid = {process}")


def _exists(what: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT 1 FROM {what})")
        return bool(cursor.fetchone()[0])
