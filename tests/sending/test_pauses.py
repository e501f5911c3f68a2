"""Who takes no mail of ours for now: one table, many workers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import F

from newsletter import models
from newsletter.sending import pauses
from newsletter.sending.database import connect

pytestmark = pytest.mark.django_db(transaction=True)

REASON = "421 4.7.28 unusual rate"


def on(*works: Callable[[Any], Awaitable[Any]]) -> list[Any]:
    """Do each piece of work on a connection of its own, all at the same time."""

    async def do(work: Callable[[Any], Awaitable[Any]]) -> Any:
        async with await connect() as db:
            return await work(db)

    async def do_all() -> list[Any]:
        return await asyncio.gather(*map(do, works))

    return asyncio.run(do_all())


def begin(cause: str = "policy", provider: str = "gmail", server_id: int = 1) -> Callable[..., Any]:
    return lambda db: pauses.begin(db, server_id, provider, cause, REASON)


def let_expire(**ago: float) -> None:
    """Move every pause back in time, so that it ended `ago`."""
    by = F("until") - models.Pause.objects.get().until + _now() - timedelta(**ago)
    models.Pause.objects.update(until=by)


def _now() -> datetime:
    return datetime.now(UTC)


def lasts() -> float:
    """Return how many seconds the only pause still lasts."""
    return (models.Pause.objects.get().until - _now()).total_seconds()


@pytest.mark.parametrize("cause", ["policy", "deferrals", "trouble"])
def test_the_first_pause_is_as_long_as_its_cause_says(cause):
    on(begin(cause))

    first, _ = pauses.BACKOFF[cause]
    assert first * 0.85 < lasts() < first * 1.15
    assert models.Pause.objects.get().times == 1
    assert cause in models.Pause.Cause.values


def test_each_pause_that_follows_is_twice_as_long_up_to_four_hours():
    lengths = []

    for _ in range(15):
        on(begin())
        lengths.append(lasts())
        let_expire(seconds=1)

    for times, length in enumerate(lengths):
        assert length == pytest.approx(min(900 * 2**times, 4 * 3_600), rel=0.15)


def test_workers_that_meet_the_same_stop_count_it_once():
    on(*[begin()] * 5)
    let_expire(seconds=1)

    on(*[begin()] * 5)

    assert models.Pause.objects.get().times == 2
    assert lasts() < 900 * 2 * 1.15


def test_a_stop_within_a_pause_changes_nothing():
    on(begin("deferrals"))
    before = models.Pause.objects.values().get()

    on(begin("policy"))

    assert models.Pause.objects.values().get() == before


def test_an_acceptance_ends_only_what_is_over():
    on(begin())

    on(lambda db: pauses.end(db, 1, "gmail"))
    assert models.Pause.objects.exists()
    let_expire(seconds=1)
    on(lambda db: pauses.end(db, 1, "gmail"))

    assert not models.Pause.objects.exists()


def test_after_a_day_without_mail_a_pause_begins_anew():
    on(begin())
    let_expire(seconds=1)
    on(begin())
    let_expire(days=1, minutes=1)

    assert on(pauses.load) == [{}]
    on(begin())

    pause = models.Pause.objects.get()
    assert pause.times == 1
    assert _now() - pause.since < timedelta(minutes=1)


def test_workers_read_what_lasts_and_what_is_over():
    on(begin(), begin("trouble", "", 2))
    models.Pause.objects.filter(provider="gmail").update(until=_now() - timedelta(minutes=1))

    (loaded,) = on(pauses.load)

    assert set(loaded) == {(1, "gmail"), (2, "")}
    assert loaded[1, "gmail"].is_over
    assert loaded[1, "gmail"].seconds == pytest.approx(-60, abs=5)
    assert not loaded[2, ""].is_over
    assert (loaded[2, ""].cause, loaded[2, ""].reason, loaded[2, ""].times) == (
        *("trouble", REASON),
        1,
    )


def test_a_lifted_pause_is_tried_at_once_and_not_forgotten():
    on(begin())

    assert pauses.lift(1, "gmail")
    assert not pauses.lift(1, "gmail")

    (loaded,) = on(pauses.load)
    assert loaded[1, "gmail"].is_over
    on(begin())
    assert models.Pause.objects.get().times == 2


def test_people_are_told_who_refuses_why_and_until_when(settings):
    settings.TIME_ZONE = "Europe/Berlin"
    models.Provider.objects.update_or_create(slug="gmail", defaults={"name": "Gmail"})
    server = models.SendingServer.objects.create(name="Relay A", host="relay.example.org")
    on(begin(server_id=0), begin("deferrals", "mx.example", server.pk), begin("trouble", "", 0))
    models.Pause.objects.update(until=datetime(2099, 1, 1, 13, 30, tzinfo=UTC))

    told = [standing.text for standing in pauses.current()]

    assert told == [
        f"{REASON}; next try at 14:30.",
        f"Gmail refuses our mail for now: {REASON}; next try at 14:30.",
        f"mx.example takes no more mail through Relay A for now: {REASON}; next try at 14:30.",
    ]


def test_nobody_is_told_of_what_is_over():
    on(begin())
    let_expire(seconds=1)

    assert pauses.current() == []
