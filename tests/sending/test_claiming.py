"""A claim while others hold, end or write about the same batch; and one that is broken off."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from newsletter import erase
from newsletter.models import Batch, Campaign, Handover
from newsletter.sending import batches, members, recording
from newsletter.sending.database import Connection, Database, Statement
from newsletter.sending.recording import Claim, Record
from tests.sending.conftest import aside, numbers, send
from tests.sending.several import wait_until


def with_database(work: Callable[[Database], Any]) -> Any:
    """Do something with a connection as claims have it."""

    async def main() -> Any:
        db = Database().another(batches.BY_KEY)
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(main())


def claim(campaign: Campaign, run: int = 1) -> Claim | None:
    return with_database(lambda db: db.do(lambda each: batches.claim(each, campaign.pk, run=run)))


def end(held: Claim, *sent: int) -> None:
    """Store who was sent to, and let go of a batch."""
    record = Record(sent=list(sent), sent_at=[1_790_000_000.0] * len(sent))
    with_database(lambda db: db.do(lambda each: recording.close(each, held, record, delay=0)))


class Late:
    """A claim that has taken its snapshot, and looks for a batch when its result is asked for."""

    LOCK = 0x6C617465

    def __init__(self, future: "Future[Claim | None]") -> None:
        self._future = future

    def result(self) -> Claim | None:
        """Let it go on. Returns what it claimed."""
        _execute("SELECT pg_advisory_unlock(%s)", Late.LOCK)
        return self._future.result()


@pytest.fixture
def late_claim(monkeypatch) -> Iterator[Callable[[Campaign], Late]]:
    """Begin a claim that waits between its snapshot and its look for a batch."""
    text = batches._TAKE_WAITING._text
    pause = f"(SELECT pg_advisory_xact_lock_shared({Late.LOCK}) OFFSET 0) pause"
    late = text.replace("FROM newsletter_batch b\n", f"FROM {pause}, newsletter_batch b\n")
    assert late != text
    threads = ThreadPoolExecutor(1)

    def begin(campaign: Campaign) -> Late:
        _execute("SELECT pg_advisory_lock(%s)", Late.LOCK)
        with monkeypatch.context() as patch:
            patch.setattr(batches, "_TAKE_WAITING", Statement(late))
            future = threads.submit(claim, campaign, 2)
            wait_until(_waits)
        return Late(future)

    yield begin
    _execute("SELECT pg_advisory_unlock_all()")
    threads.shutdown()


def _waits() -> bool:
    return _execute(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND NOT granted "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        Late.LOCK,
    )


def _execute(statement: str, *values: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return bool(cursor.fetchone()[0])


def test_a_late_claim_takes_a_batch_as_it_is_now(started, late_claim):
    """Somebody was erased, and another run has held it, since the claim took its snapshot."""
    campaign = started(3)
    gone, *others = Batch.objects.get().subscriber_ids

    late = late_claim(campaign)
    erase.erase_subscriber(gone)
    Batch.objects.update(fence=7, attempts=3)

    assert late.result() == Claim(Batch.objects.get().pk, 8)
    batch = Batch.objects.get()
    assert (batch.state, batch.fence, batch.run, batch.attempts) == ("claimed", 8, 2, 4)
    assert batch.subscriber_ids == [0, *others]
    assert numbers(campaign) == {"skipped": 1, "pending": 2}
    assert list(Handover.objects.values_list("fence", "turn")) == [(8, Handover.WITNESS)]


@pytest.mark.parametrize("is_done", [False, True], ids=["held", "done"])
def test_a_late_claim_leaves_what_was_claimed_meanwhile(started, late_claim, is_done):
    campaign = started(3)
    everybody = Batch.objects.get().subscriber_ids

    late = late_claim(campaign)
    held = aside(lambda: claim(campaign))
    if is_done:
        aside(lambda: end(held, *everybody))

    assert late.result() is None
    batch = Batch.objects.get()
    assert (batch.state, batch.fence) == ("done" if is_done else "claimed", 1)


def test_a_batch_is_not_claimed_while_the_journal_writes_about_it(started):
    """So a row of the one who held it is seen by those who claim it, or is refused."""
    campaign = started(3)

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM newsletter_batch FOR KEY SHARE")
        assert aside(lambda: claim(campaign)) is None

    assert aside(lambda: claim(campaign)) is not None


def test_who_is_stopped_in_the_middle_of_a_statement_takes_no_other_s_answer(transactional_db):
    sleeps, answers = Statement("SELECT pg_sleep($1::float8)"), Statement("SELECT $1::int")

    async def work(db: Database) -> Any:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await db.do(lambda each: sleeps.run(each, b"1"))
        return await db.do(lambda each: answers.run(each, b"7"))

    assert aside(lambda: with_database(work)) == [(7,)]


# --- connections that break ------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [batches._TAKE_WAITING, members._PEOPLE, recording._PLAINLY],
    ids=["claim", "people", "record"],
)
def test_an_answer_that_is_lost_behind_its_commit_costs_nobody_a_mail(
    sink, started, monkeypatch, statement
):
    """Each statement is said again, on a new connection, though it was done."""
    campaign = started(35)
    ask, lost = Statement.run, []

    async def ask_and_lose(self, db, *values):
        rows = await ask(self, db, *values)
        if self is statement and len(lost) < 3:
            lost.append(rows)
            await db.close()
            raise psycopg.OperationalError("the connection broke")
        return rows

    monkeypatch.setattr(Statement, "run", ask_and_lose)

    send(campaign)

    assert len(lost) == 3
    assert numbers(campaign) == {"sent": 35}
    assert len(sink.mails) == 35
    assert sink.doubled == []
    # No batch was taken twice, and none was left to a lease.
    assert set(Batch.objects.values_list("state", "fence")) == {("done", 1)}
    assert not Handover.objects.exists()


def test_a_statement_is_known_after_a_rollback_and_on_a_new_connection(transactional_db):
    statement = Statement("SELECT pg_backend_pid(), $1::int")

    async def work(db: Database) -> list[int]:
        async def undone(each: Connection) -> int:
            with suppress(ZeroDivisionError):
                async with each.transaction():
                    [(process, _)] = await statement.run(each, b"1")
                    raise ZeroDivisionError
            return process

        async def ask(each: Connection) -> int:
            [(process, _)] = await statement.run(each, b"2")
            return process

        async def end(each: Connection) -> int:
            if not ended:
                ended.append(True)
                await each.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            return await ask(each)

        ended: list[bool] = []
        return [await db.do(one) for one in (undone, ask, end, ask)]

    first, same, new, kept = aside(lambda: with_database(work))

    assert first == same != new == kept
