"""PostgreSQL crashes in mid-campaign, and what a takeover reads out of the journal."""

import asyncio

import pytest
from django.db import connection, transaction

from newsletter.models import Batch, Handover
from newsletter.sending import batches
from tests.sending.conftest import aside, numbers
from tests.sending.several import Going, crowd, wait_until
from tests.sending.test_worst_moments import (
    claimed,
    connection_pid,
    finish,
    let_leases_end,
    terminate_all_but,
)

CONNECTIONS = 4
PEOPLE = 160


def crash() -> None:
    """Do what a crash does: no connection survives, and the unlogged table is empty."""
    ours = connection_pid()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE newsletter_handover")
        terminate_all_but(ours)


def has_journal() -> bool:
    return Handover.objects.filter(turn=Handover.WITNESS).exists()


@pytest.mark.parametrize("crashes", [1, 2])
def test_a_worker_that_survives_a_crash_writes_the_journal_anew(
    sink, started, worker, settings, crashes
):
    settings.SEND_BATCH_SIZE = 60
    sink.seconds = 0.2
    campaign = started(0, lists=[crowd(PEOPLE)])
    process = worker(campaign, batch_size=60)
    sink.wait_for(15)
    for _ in range(crashes):
        crash()
        wait_until(has_journal)
        sink.wait_for(len(sink.mails) + 12)

    process.kill()
    process.wait()
    let_leases_end()
    sink.seconds = 0
    finish(campaign)

    outcome = numbers(campaign)
    assert sink.doubled == []
    assert outcome["sent"] + outcome.get("in_doubt", 0) == PEOPLE
    assert outcome.get("in_doubt", 0) <= 2 * CONNECTIONS
    doubtful = campaign.deliveries.filter(status="in_doubt")
    assert set(doubtful.values_list("reason", flat=True)) <= {batches.STOPPED}


def test_a_worker_that_goes_on_after_a_crash_leaves_no_doubt(sink, started, settings):
    settings.SEND_BATCH_SIZE = 60
    sink.seconds = 0.02
    campaign = started(0, lists=[crowd(PEOPLE)])

    with Going(campaign) as going:
        sink.wait_for(15)
        crash()
        going.wait()
    finish(campaign)

    assert numbers(campaign) == {"sent": PEOPLE}
    assert sink.doubled == []
    assert Handover.objects.count() == 0


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([("noted",)], "in_doubt"),
        ([("noted",), ("freed",)], "pending"),
        ([("noted",), ("freed", "noted")], "pending"),  # one row: it was offered, and came back
        ([("noted",), ("freed",), ("noted",)], "in_doubt"),
        ([("noted",), ("freed",), ("noted",), ("freed",)], "pending"),
        ([("freed",), ("noted",)], "in_doubt"),
        ([("noted",), ("accepted",)], "sent"),
        ([("noted",), ("freed",), ("noted",), ("accepted",)], "sent"),
        ([("accepted",)], "sent"),
        ([()], "pending"),
    ],
)
def test_the_last_word_about_somebody_decides(started, rows, outcome):
    campaign = started(1)
    claim = aside(lambda: asyncio.run(claimed(campaign)))
    (person,) = Batch.objects.get().subscriber_ids
    for turn, said in enumerate(rows, 1):
        Handover.objects.create(
            batch_id=claim.batch_id,
            fence=claim.fence,
            turn=turn,
            subscriber_ids=[person] if "noted" in said else [],
            free_ids=[person] if "freed" in said else [],
            accepted_ids=[person] if "accepted" in said else [],
        )
    let_leases_end()

    aside(lambda: asyncio.run(claimed(campaign)))

    assert numbers(campaign) == {outcome: 1}
