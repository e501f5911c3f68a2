"""Storing what became of mails: twice counts once, and nothing is stored for who is gone."""

import asyncio
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from django.utils import timezone

from newsletter import erase, outcomes
from newsletter.models import Batch, Campaign, Deferral, Delivery, Handover
from newsletter.sending import batches, recording
from newsletter.sending.database import connect
from newsletter.sending.recording import Claim, Outcome, Record
from subscribers.models import Subscriber, Suppression
from tests.sending.conftest import aside, numbers

AT = 1_790_000_000.5  # seconds since the epoch


@pytest.fixture
def campaign(started, settings) -> Campaign:
    """A campaign to five people, in one batch."""
    settings.SEND_BATCH_SIZE = 10
    return started(5)


def people() -> list[int]:
    return list(Subscriber.objects.order_by("id").values_list("id", flat=True))


def sent(*who: int, **others) -> Record:
    return Record(sent=list(who), sent_at=[AT] * len(who), **others)


def refused(who: int, cause: str = "mailbox") -> Outcome:
    return Outcome(who, "failed", cause, '550 "no\\", {NULL}', AT)


def claimed(campaign: Campaign) -> Claim:
    """Claim the campaign's batch."""

    async def work() -> Claim | None:
        db = await connect()
        try:
            return await batches.claim(db, campaign.pk, run=1)
        finally:
            await db.close()

    return aside(lambda: asyncio.run(work()))


def say(work, claim: Claim, *records: Record, **more) -> list[bool]:
    """Record, or close, one after the other, on one connection."""

    async def all_of_them() -> list[bool]:
        db = await connect()
        try:
            return [await work(db, claim, record, **more) for record in records]
        finally:
            await db.close()

    return aside(lambda: asyncio.run(all_of_them()))


def test_what_is_said_is_stored_as_it_was_said(campaign):
    first, second, *_ = people()

    say(recording.record, claimed(campaign), sent(first, outcomes=[refused(second)]))

    assert numbers(campaign) == {"sent": 1, "failed": 1, "pending": 3}
    rows = Delivery.objects.order_by("subscriber_id").values_list("status", "cause", "reason")
    assert list(rows) == [("sent", "", ""), ("failed", "mailbox", '550 "no\\", {NULL}')]
    assert {row.at.timestamp() for row in Delivery.objects.all()} == {AT}


def test_what_is_said_twice_is_counted_once(campaign):
    first, second, third, *_ = people()
    claim = claimed(campaign)
    once = sent(first, outcomes=[refused(second, "address")])

    answers = say(recording.record, claim, once, once, sent(first, third, second))

    assert answers == [True, True, True]
    assert numbers(campaign) == {"sent": 2, "failed": 1, "pending": 2}
    assert Suppression.objects.count() == 1


def test_the_last_record_ends_the_batch(campaign):
    claim = claimed(campaign)
    batch = Batch.objects.get()
    Handover.objects.create(batch=batch, fence=claim.fence, turn=1, subscriber_ids=people())
    now = timezone.now()
    Deferral.objects.create(
        batch=batch, subscriber_id=people()[0], since=now, at=now, due_at=now, reason="451"
    )

    # The second as after a connection that broke before the answer came.
    answers = say(recording.close, claim, sent(*people()), sent(*people()), delay=None)

    assert answers == [True, True]
    assert numbers(campaign) == {"sent": 5}
    batch.refresh_from_db()
    assert (batch.state, batch.subscriber_ids, batch.lease_until) == ("done", [], None)
    assert not Handover.objects.exists()
    assert not Deferral.objects.exists()


def test_a_batch_with_somebody_left_goes_back(campaign):
    claim = claimed(campaign)
    first, *others = people()

    say(recording.close, claim, sent(*others), delay=0)

    assert numbers(campaign) == {"sent": 4, "pending": 1}
    batch = Batch.objects.get()
    assert (batch.state, batch.attempts, batch.lease_until) == ("waiting", 0, None)
    assert batch.subscriber_ids == [first, *others]
    assert not Handover.objects.exists()


def test_only_settled_turns_leave_the_journal(campaign):
    claim = claimed(campaign)
    for turn in (1, 2, 3):
        Handover.objects.create(
            batch=Batch.objects.get(), fence=claim.fence, turn=turn, subscriber_ids=[]
        )

    say(recording.record, claim, Record(settled_turns=[1, 3]))

    assert set(Handover.objects.values_list("turn", flat=True)) == {Handover.WITNESS, 2}


def test_who_lost_the_batch_stores_nothing(campaign):
    claim = claimed(campaign)
    lost = Claim(claim.batch_id, claim.fence - 1)
    record = sent(people()[0], outcomes=[refused(people()[1], "address")], settled_turns=[-1])

    assert say(recording.record, lost, record) == [False]
    assert say(recording.close, lost, record, delay=0) == [False]

    assert numbers(campaign) == {"pending": 5}
    assert Batch.objects.get().state == "claimed"
    assert Handover.objects.exists()
    assert not Suppression.objects.exists()


def test_a_late_word_of_who_is_sent_to_again_is_not_stored(campaign):
    """Their old batch, done or open, is told once more what its worker has said before."""
    first, second, *others = people()
    claim = claimed(campaign)
    failed = Record(outcomes=[refused(first)])
    say(recording.record, claim, failed)
    outcomes.retry_failed(campaign.pk)

    say(recording.record, claim, failed, sent(second))
    assert numbers(campaign) == {"sent": 1, "pending": 4}
    rest = Record(outcomes=[refused(other) for other in others])
    say(recording.close, claim, rest, delay=None)
    outcomes.retry_failed(campaign.pk)
    say(recording.close, claim, rest, delay=None)

    assert numbers(campaign) == {"sent": 1, "pending": 4}
    assert Batch.objects.get(pk=claim.batch_id).state == "done"


@pytest.mark.parametrize("work", ["record", "close"])
def test_who_is_erased_while_the_record_waits_is_counted_once(campaign, work):
    """The statement begins before the erasure is committed, and waits for its lock."""
    gone, *others = people()
    claim = claimed(campaign)
    more = {"delay": None} if work == "close" else {}
    is_said = Event()

    def record() -> None:
        say(getattr(recording, work), claim, sent(gone, *others), **more)
        is_said.set()

    with transaction.atomic():
        erase.erase_subscriber(gone)
        thread = Thread(target=record)
        thread.start()
        _wait_for_a_lock()
        assert not is_said.is_set()
    thread.join()

    assert numbers(campaign) == {"sent": 4, "skipped": 1}
    assert not Delivery.objects.filter(subscriber_id=gone).exists()
    assert (Batch.objects.get().state == "done") == (work == "close")


def _wait_for_a_lock() -> None:
    with connection.cursor() as cursor:
        for _ in range(500):
            cursor.execute(
                "SELECT pg_sleep(0.01), count(*) FROM pg_locks"
                " WHERE locktype = 'transactionid' AND NOT granted"
            )
            if cursor.fetchone()[1]:
                return
    pytest.fail("nobody waited")
