"""PostgreSQL was away for longer than a lease: who lives keeps what it holds."""

import asyncio

import pytest

from newsletter import campaigns
from newsletter.models import Campaign
from newsletter.sending import batches, run
from newsletter.sending.database import connect
from tests.sending.conftest import aside, numbers
from tests.sending.test_worst_moments import claimed, let_leases_end

LONG = 10**9  # seconds, more than any server is up


async def found(campaign: Campaign) -> tuple[list[int], bool]:
    """Return which campaigns are due, and whether a batch can be claimed."""
    db = await connect()
    try:
        due = await batches.due(db, [])
        return due, await batches.claim(db, campaign.pk, run=2) is not None
    finally:
        await db.close()


@pytest.mark.parametrize(("hearing", "is_taken_over"), [(LONG, False), (0, True)])
def test_nobody_is_taken_over_while_postgresql_has_only_just_come_up(
    started, monkeypatch, hearing, is_taken_over
):
    monkeypatch.setattr(batches, "HEARING", hearing)
    campaign = started(5)
    aside(lambda: asyncio.run(claimed(campaign)))
    let_leases_end()

    due, has_claimed = aside(lambda: asyncio.run(found(campaign)))

    assert (due, has_claimed) == ([campaign.pk] if is_taken_over else [], is_taken_over)


def test_a_paused_campaign_s_batches_are_settled_only_after_that_time(started, monkeypatch):
    monkeypatch.setattr(batches, "HEARING", LONG)
    campaign = started(5)
    aside(lambda: asyncio.run(claimed(campaign)))
    campaigns.pause(campaign.pk)
    let_leases_end()

    run.settle_abandoned()

    assert campaign.batches.get().state == "claimed"
    assert numbers(campaign)["pending"] == 5
