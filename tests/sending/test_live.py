"""What pages show live: published by runs, added up by who watches, and lost without harm."""

import asyncio
import logging
from uuid import uuid4

import pytest
from django.conf import settings

from newsletter.sending import live


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Take no Redis of a busy machine for one that is away."""
    monkeypatch.setattr(live, "TIMEOUT", 60)


def run(*publications, url=settings.REDIS_URL) -> None:
    async def publish() -> None:
        publisher = live.Publisher(url)
        for deltas in publications:
            await publisher.publish(deltas)
        await publisher.close()

    asyncio.run(publish())


def some_campaign() -> int:
    return uuid4().int % 2**40  # nobody else's


def test_rates_and_gauges_of_several_runs_are_added_up():
    campaign = some_campaign()
    for _ in range(2):
        run(
            {campaign: {"server:3": 40, "provider:gmail": 30, "waiting:gmail": 7}},
            {campaign: {"server:3": 10, "limited:provider:gmail": 60, "waiting:gmail": 5}},
        )

    seen = live.read(settings.REDIS_URL, campaign)

    assert seen.runs == 2
    assert 100 / live.WINDOW <= seen.per_second <= 100
    assert set(seen.providers) == {"gmail"}
    assert seen.waiting == {"gmail": 10}
    assert set(seen.limited) == {"provider:gmail"}


def test_a_campaign_that_nobody_sends_shows_nothing():
    assert live.read(settings.REDIS_URL, some_campaign()) == live.Live()


def test_without_redis_it_is_said_once_and_nothing_stops(caplog, monkeypatch):
    monkeypatch.setattr("redis.retry.sleep", lambda seconds: pytest.fail("a page waits"))
    nowhere = "redis://127.0.0.1:9/0"

    with caplog.at_level(logging.WARNING):
        run({1: {"server:0": 1}}, {1: {"server:0": 1}}, url=nowhere)

    assert len(caplog.records) == 1
    assert live.read(nowhere, 1) == live.Live()
