"""Who is found in a batch that was just claimed, and what the look-ups hang on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import uvloop
from django.db import connection
from django.utils import timezone

from newsletter import audience
from newsletter.composing import Person
from newsletter.models import Batch, Campaign, Deferral, Delivery, Handover
from newsletter.sending import batches, members
from newsletter.sending.database import Database, Statement
from newsletter.sending.members import Found, Unusual
from newsletter.sending.recording import Claim
from subscribers.models import Subscriber, Suppression
from tests.sending.conftest import aside


def find(campaign: Campaign) -> Found:
    """Claim a batch and return who is in it, as a run does."""
    list_ids = audience.campaign_list_ids(campaign.pk)

    async def main(db: Database) -> Found:
        claim = await db.do(lambda each: batches.claim(each, campaign.pk, run=1))
        assert claim is not None
        return await db.do(lambda each: members.find(each, claim, list_ids))

    return with_database(main)


def with_database(work: Any) -> Any:
    async def main() -> Any:
        db = Database().another(batches.BY_KEY)
        try:
            return await work(db)
        finally:
            await db.close()

    def go() -> Any:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())

    return aside(go)


def test_people_are_as_their_rows_say(started):
    campaign = started(2)
    Subscriber.objects.update(attributes={"city": "Łódź", "ages": [1, 2.5, None]}, language="pl")

    people, unusual = find(campaign)

    assert unusual == {}
    assert {type(person) for person in people} == {Person}
    expected = sorted(map(Person.of, Subscriber.objects.all()))
    assert [person.values() for person in sorted(people)] == [one.values() for one in expected]
    assert sorted(person.email for person in people) == [one.email for one in expected]


def test_each_who_may_not_be_mailed_has_a_reason(started):
    campaign = started(4)
    left, suppressed, missing, _ = Subscriber.objects.order_by("pk")
    left.subscriptions.update(status="unsubscribed")
    Suppression.objects.create(
        email_hash=suppressed.email_hash, key_id="key", reason=Suppression.Reason.BOUNCE
    )
    with connection.cursor() as cursor:  # as nobody should, in the database itself
        for table in ("subscription WHERE subscriber_id", "subscriber WHERE id"):
            cursor.execute(f"DELETE FROM subscribers_{table} = %s", [missing.pk])

    people, unusual = find(campaign)

    assert len(people) == 4
    assert {number: one.skip for number, one in unusual.items()} == {
        left.pk: "Left the list.",
        suppressed.pk: "On the suppression list.",
        missing.pk: "No longer a subscriber.",
    }
    assert next(person.email for person in people if person.subscriber_id == missing.pk) == ""


def test_who_was_deferred_comes_back_when_it_is_time(started):
    campaign = started(3)
    batch = Batch.objects.get()
    soon, due, done = batch.subscriber_ids
    now = timezone.now()
    for person, at in ((soon, now + timedelta(hours=1)), (due, now)):
        Deferral.objects.create(
            batch=batch,
            subscriber_id=person,
            attempts=3,
            since=now - timedelta(hours=2),
            at=now,
            due_at=at,
        )
    Delivery.objects.create(campaign=campaign, subscriber_id=done, status="sent", at=now)

    people, unusual = find(campaign)

    assert [person.subscriber_id for person in people] == [due]
    assert unusual == {due: Unusual("", 3, pytest.approx(7200, abs=60))}


def test_a_claim_leaves_its_witness_alone_in_the_journal(started):
    campaign = started(1)
    batch = Batch.objects.get()
    ghost = {"subscriber_ids": batch.subscriber_ids, "accepted_ids": [], "free_ids": []}
    Handover.objects.create(batch=batch, fence=batch.fence, turn=7, **ghost)

    find(campaign)

    assert [(row.fence, row.turn) for row in Handover.objects.all()] == [(1, Handover.WITNESS)]


def test_a_batch_that_was_lost_meanwhile_has_nobody(started):
    campaign = started(3)

    async def main(db: Database) -> Found:
        claim = await db.do(lambda each: batches.claim(each, campaign.pk, run=1))
        old = Claim(claim.batch_id, claim.fence - 1)
        return await db.do(lambda each: members.find(each, old, [1]))

    assert with_database(main) == Found([], {})


def test_whatever_the_tables_are_like_each_is_found_by_key(started):
    """A plan is kept, so it may not hang on what was in the tables when it was made."""
    started(1)

    async def main(db: Database) -> str:
        text = members._PEOPLE._text

        async def plan(each: Any) -> str:
            await each.execute(f"PREPARE people AS {text}")
            cursor = await each.execute("EXPLAIN EXECUTE people(1, 1, '{1}')")
            return "\n".join(line for (line,) in await cursor.fetchall())

        return await db.do(plan)

    plan = with_database(main)

    assert "Seq Scan" not in plan
    assert "Hash Join" not in plan and "Merge" not in plan
    for table in ("subscriber s", "suppression x", "subscription sub", "deferral d"):
        assert f"_{table}" in plan


def test_a_mistake_in_a_statement_is_told_and_harms_no_other(transactional_db):
    broken, works = Statement("SELECT 1 / $1::int"), Statement("SELECT $1::text, NULL, 2.5::float8")

    async def main(db: Database) -> list[Any]:
        found = []
        for _ in range(2):
            with pytest.raises(Exception, match="division by zero"):
                await db.do(lambda each: broken.run(each, b"0"))
            found += await db.do(lambda each: works.run(each, "é".encode()))
        return found

    assert with_database(main) == [("é", None, 2.5)] * 2
