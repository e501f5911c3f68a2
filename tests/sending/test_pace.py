"""Nobody gets more than the limit, however many ask, and whatever happens to them or to Redis."""

import asyncio
import multiprocessing
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.pace import GUARD, PREFIX, Buckets, Grant, Limits, PaceUnknown, Want

NOON = 1_800_014_400.0  # a whole hour, in seconds since 1970
HOUR = 3600
DAY = 24 * HOUR
LATE = 0.06  # seconds that a wait may be longer than it has to be

_number = count()


class Desk:
    """Buckets under one new key, asked in plain calls, at a time that the test chooses."""

    def __init__(self, url: str, now: float | None = NOON) -> None:
        self.now = now
        self.key = f"test:{uuid4().hex}:{next(_number)}"
        self.buckets = Buckets(url, clock=None if now is None else lambda: self.now or 0)
        self._runner = asyncio.Runner()

    def take(self, mails: int, limits: Limits, **fields: Any) -> Grant:
        (grant,) = self.take_all([Want(self.key, mails, limits, **fields)])
        return grant

    def take_all(self, wants: Sequence[Want]) -> list[Grant]:
        return self._runner.run(self.buckets.take(wants))

    def give_back(self, mails: int, limits: Limits) -> None:
        self._runner.run(self.buckets.give_back(self.key, mails, limits))

    def lease(self, run: str, wanted: int, limit: int, holding: int | None = None) -> int:
        return self._runner.run(
            self.buckets.connections(self.key, run, wanted, limit, holding=holding)
        )

    def close(self) -> None:
        self._runner.run(self.buckets.close())
        self._runner.close()


@pytest.fixture
def desk(settings) -> Iterator[Desk]:
    desk = Desk(settings.REDIS_URL)
    yield desk
    _forget(settings.REDIS_URL, desk.key)
    desk.close()


@pytest.fixture
def memory(settings) -> Iterator[redis.Redis]:
    """Redis itself."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        yield client


def _forget(url: str, key: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.delete(PREFIX + key, f"{PREFIX}{key}:connections")


def most_in(span: float, sent: list[tuple[float, int]]) -> int:
    """Return the most mails of any `span` seconds; those at its very ends count."""
    most = held = 0
    window: deque[tuple[float, int]] = deque()
    for moment, mails in sorted(sent):
        window.append((moment, mails))
        held += mails
        while window[0][0] < moment - span:
            held -= window.popleft()[1]
        most = max(most, held)
    return most


def greedy(desk: Desk, limits: Limits, seconds: float, chunk: int = 50) -> list[tuple[float, int]]:
    """Take all that is granted, as soon as it is, for some time. Returns when, and how many."""
    assert desk.now is not None
    sent, end = [], desk.now + seconds
    while desk.now < end:
        grant = desk.take(chunk, limits)
        sent.append((desk.now, grant.count))
        desk.now += grant.wait
    return sent


# Seconds


def test_a_rate_comes_smoothly(desk):
    sent = greedy(desk, Limits(per_second=100), seconds=10)

    assert most_in(1, sent) <= 100 + 11
    assert max(mails for _, mails in sent) <= 11
    assert sum(mails for _, mails in sent) >= 900


def test_less_than_one_a_second_works_too(desk):
    sent = greedy(desk, Limits(per_second=0.5), seconds=60)

    assert most_in(1.9, sent) == 1
    assert 28 <= sum(mails for _, mails in sent) <= 31


def test_what_was_not_used_for_long_does_not_come_at_once(desk):
    limits = Limits(per_second=100)
    desk.take(1, limits)
    desk.now += HOUR

    assert desk.take(5000, limits).count == 11


def test_waiting_as_long_as_told_is_enough(desk):
    limits = Limits(per_second=7, per_minute=300, per_hour=50)
    grants = []
    for _ in range(100):
        grants.append(desk.take(3, limits))
        desk.now += grants[-1].wait

    assert all(grant.count for grant in grants)
    assert any(grant.wait > 60 for grant in grants)


# Minutes, hours, days


@pytest.mark.parametrize(
    ("limits", "span", "limit"),
    [
        (Limits(per_minute=30), 60, 30),
        (Limits(per_minute=600), 60, 600),
        (Limits(per_hour=500), HOUR, 500),
        (Limits(per_day=2000), DAY, 2000),
        (Limits(per_second=2, per_hour=1000), HOUR, 1000),
    ],
)
def test_no_rolling_window_holds_more_than_the_limit(desk, limits, span, limit):
    sent = greedy(desk, limits, seconds=3.2 * span, chunk=100)

    assert most_in(span, sent) <= limit
    # The guard and the steps cost a few hundredths.
    assert sum(mails for _, mails in sent) >= 3 * 0.93 * limit


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.3, 1.0, 7.0, 59.0, 60.0, 61.0, 600.0, 3599.0, 3600.0, 20_000.0]),
        st.integers(0, 40),
        st.floats(0, GUARD),
        st.integers(0, 10),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 50), st.integers(1, 80), st.integers(1, 100))
def test_whoever_asks_whenever_and_uses_it_in_time_keeps_to_every_limit(
    steps, per_minute, per_hour, per_day
):
    desk = Desk(_redis_url())
    limits = Limits(None, per_minute, per_hour, per_day)
    sent: list[tuple[float, int]] = []
    try:
        for pause, mails, delay, surplus in steps:
            desk.now += pause
            granted = desk.take(mails, limits).count
            returned = min(granted, surplus)
            desk.give_back(returned, limits)
            sent.append((desk.now + delay, granted - returned))
    finally:
        _forget(_redis_url(), desk.key)
        desk.close()

    for span, limit in ((60, per_minute), (HOUR, per_hour), (DAY, per_day)):
        assert most_in(span, sent) <= limit


def _redis_url() -> str:
    from django.conf import settings

    return settings.REDIS_URL


def test_a_minute_s_mails_are_spread_over_the_minute(desk):
    sent = greedy(desk, Limits(per_minute=30), seconds=59)

    assert most_in(1.9, sent) == 1
    assert sum(mails for _, mails in sent) >= 27


def test_a_day_s_mails_may_go_at_once(desk):
    limits = Limits(per_day=2000)

    assert desk.take(3000, limits).count == 2000
    assert desk.take(1, limits).wait >= DAY


# Limits that change


def test_a_lowered_limit_counts_what_went_before(desk):
    assert desk.take(80, Limits(per_hour=100)).count == 80

    assert desk.take(10, Limits(per_hour=50)).count == 0
    assert desk.take(10, Limits(per_hour=85)).count == 5


def test_a_raised_limit_holds_at_once(desk):
    assert desk.take(100, Limits(per_hour=100)).count == 100

    assert desk.take(500, Limits(per_hour=300)).count == 200


def test_a_rate_that_changes_holds_at_once(desk):
    desk.take(1000, Limits(per_second=1000))

    desk.now += 1

    assert desk.take(1000, Limits(per_second=1)).count == 1
    assert desk.take(1000, Limits(per_second=1)).count == 0
    desk.now += 1
    assert desk.take(1000, Limits(per_second=1000)).count == 101


def test_without_limits_nothing_is_asked():
    buckets = Buckets("redis://127.0.0.1:1/0")

    grants = asyncio.run(buckets.take([Want("nobody", 7, Limits())]))

    assert grants == [Grant(7, 0.0)]


def test_a_limit_of_nought_lets_nothing_through(desk):
    assert desk.take(1, Limits(per_second=0)).count == 0
    assert desk.take(1, Limits(per_hour=0)).count == 0
    assert desk.take(1, Limits(per_hour=0)).wait > HOUR


# Giving back, and taking by force


def test_what_is_given_back_may_be_taken_again(desk):
    limits = Limits(per_minute=60_000, per_hour=10, per_day=10)
    assert desk.take(10, limits).count == 10

    desk.give_back(4, limits)

    assert desk.take(10, limits).count == 4


def test_what_is_given_back_leaves_what_others_took_in_its_place(desk):
    limits = Limits(per_hour=100)
    desk.take(60, limits)
    desk.now += 600
    desk.take(40, limits)

    desk.give_back(40, limits)

    desk.now = NOON + HOUR + 60 + GUARD
    assert desk.take(200, limits).count == 100


def test_a_bucket_never_holds_more_than_it_can(desk):
    limits = Limits(per_second=100)
    desk.take(1, limits)

    desk.give_back(500, limits)

    assert desk.take(500, limits).count == 11


def test_force_takes_all_and_others_wait_for_it(desk):
    limits = Limits(per_second=10, per_hour=20)
    desk.take(1, limits)

    assert desk.take(30, limits, force=True) == Grant(30, 0.0)

    assert desk.take(1, limits).count == 0
    desk.now += 10  # as far as the rate goes, the debt is paid by now
    grant = desk.take(1, limits)
    assert grant.count == 0
    assert grant.wait > HOUR - 100


# Several keys, several takers


def test_several_keys_are_answered_each_for_itself(desk):
    keys = [desk.key + name for name in "abc"]

    grants = desk.take_all(
        [
            Want(keys[0], 50, Limits(per_hour=20)),
            Want(keys[1], 50, Limits()),
            Want(keys[2], 50, Limits(per_day=70)),
        ]
    )

    assert [grant.count for grant in grants] == [20, 50, 50]
    assert [grant.wait > 0 for grant in grants] == [True, False, False]


def test_tasks_of_one_loop_share_the_connection(settings, desk):
    async def all_at_once() -> int:
        buckets = Buckets(settings.REDIS_URL)
        wants = [Want(desk.key, 3, Limits(per_hour=100))]
        grants = await asyncio.gather(*(buckets.take(wants) for _ in range(60)))
        await buckets.close()
        return sum(grant.count for (grant,) in grants)

    assert asyncio.run(all_at_once()) == 100


def take_for(url: str, key: str, limits: Limits, seconds: float) -> tuple[float, float, int]:
    """Take what there is for some seconds. Returns the first and last moment, and how many."""
    desk = Desk(url, now=None)
    desk.key = key
    begin, taken = time.monotonic(), 0
    while time.monotonic() < begin + seconds:
        grant = desk.take(20, limits)
        taken += grant.count
        time.sleep(min(grant.wait, 0.2))
    desk.close()
    return begin, time.monotonic(), taken


@pytest.mark.parametrize(
    "limits", [Limits(per_second=150), Limits(per_minute=6000), Limits(per_hour=150)]
)
def test_processes_together_keep_to_the_limit(settings, desk, limits):
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        jobs = [pool.submit(take_for, settings.REDIS_URL, desk.key, limits, 1.5) for _ in range(3)]
        begins, ends, taken = zip(*(job.result() for job in jobs), strict=True)

    seconds = max(ends) - min(begins)
    if limits.rate is None:
        assert sum(taken) == 150
    else:
        assert 0.3 * limits.rate <= sum(taken) <= limits.rate * (seconds + 0.1) + 1


# What Redis keeps, and what it loses


def test_keys_end_by_themselves_and_stay_small(desk, memory):
    limits = Limits(1000, 50_000, 500_000, 5_000_000)
    for _ in range(400):
        desk.take(5, limits)
        desk.now += 701

    assert 0 < memory.ttl(PREFIX + desk.key) <= 25 * HOUR
    assert memory.hlen(PREFIX + desk.key) < 250


def test_after_a_loss_what_is_known_still_counts(desk, memory):
    limits = Limits(per_hour=100, per_day=1000)
    # From noon on it is the next hour, and what went before it is all but over for the hour.
    used = [(NOON - HOUR, 70), (NOON - 3 * HOUR, 600), (NOON - 30 * HOUR, 900)]
    desk.now += 600

    assert desk.take(500, limits, used=used).count == 30
    memory.delete(PREFIX + desk.key)
    assert desk.take(500, Limits(per_day=1000), used=[*used, (NOON, 30)]).count == 300


def test_what_is_known_leaves_the_window_hour_by_hour(desk):
    limits = Limits(per_day=1000)
    used = [(NOON - 3 * HOUR, 600), (NOON - HOUR, 400)]
    assert desk.take(1, limits, used=used).count == 0

    desk.now = NOON - 2 * HOUR + DAY + 900 + GUARD

    assert desk.take(1000, limits, used=used).count == 600


def test_what_is_known_counts_only_where_redis_knows_nothing(desk):
    limits = Limits(per_hour=100)
    desk.take(10, limits, used=[(NOON - HOUR, 20)])

    assert desk.take(100, limits, used=[(NOON - HOUR, 90)]).count == 70


def test_a_clock_that_goes_back_a_little_gives_nothing_away(desk):
    limits = Limits(per_second=10, per_hour=20)
    desk.take(2, limits)
    desk.now -= 5

    assert desk.take(1, limits).count == 0


def test_a_clock_that_was_far_ahead_does_not_block_for_ever(desk):
    limits = Limits(per_second=10, per_hour=20)
    desk.now += 100 * DAY
    desk.take(20, limits)
    desk.now -= 100 * DAY

    assert desk.take(1, limits).count == 1


def test_redis_tells_the_time(settings, desk):
    limits = Limits(per_second=0.01)
    on_its_own = Desk(settings.REDIS_URL, now=None)
    on_its_own.key = desk.key

    assert on_its_own.take(1, limits).count == 1
    grant = on_its_own.take(1, limits)
    on_its_own.close()

    assert grant.count == 0
    assert 90 < grant.wait <= 100 + LATE


def test_redis_that_is_away_is_said_to_be():
    buckets = Buckets("redis://127.0.0.1:1/0")

    with pytest.raises(PaceUnknown, match="Redis does not say"):
        asyncio.run(buckets.take([Want("server:1", 1, Limits(per_day=1))]))
    with pytest.raises(PaceUnknown):
        asyncio.run(buckets.connections("server:1", "run", 1, 1))


def test_a_connection_that_was_cut_is_made_anew(settings, memory):
    name = f"cut-{uuid4().hex}"
    desk = Desk(f"{settings.REDIS_URL}?client_name={name}")
    desk.take(1, Limits(per_hour=10))

    (mine,) = [client for client in memory.client_list() if client["name"] == name]
    memory.client_kill_filter(_id=mine["id"])

    assert desk.take(10, Limits(per_hour=10)).count == 9
    _forget(settings.REDIS_URL, desk.key)
    desk.close()


# Connections


def test_a_run_alone_gets_what_it_wants_up_to_the_limit(desk):
    assert desk.lease("a", 5, 20) == 5
    assert desk.lease("a", 50, 20) == 20


def test_a_new_run_gets_its_share_as_others_ask_again(desk):
    assert desk.lease("a", 20, 20) == 20
    assert desk.lease("b", 20, 20) == 0

    assert desk.lease("a", 20, 20) == 10
    assert desk.lease("b", 20, 20) == 0  # a may be about to close its ten
    assert desk.lease("a", 20, 20) == 10
    assert desk.lease("b", 20, 20) == 10


def test_what_is_still_open_counts(desk):
    desk.lease("a", 20, 20)
    desk.lease("b", 20, 20)
    desk.lease("a", 20, 20)

    assert desk.lease("a", 20, 20, holding=17) == 10
    assert desk.lease("b", 20, 20) == 3


def test_what_the_modest_leave_goes_to_the_others(desk):
    for _ in range(3):
        told = [desk.lease(run, wants, 20) for run, wants in (("a", 2), ("b", 50), ("c", 50))]

    assert told[0] == 2
    assert sum(told) == 20
    assert min(told[1:]) == 9


def test_the_lease_of_a_run_that_died_ends(desk):
    desk.lease("a", 20, 20)
    desk.now += 9
    assert desk.lease("b", 20, 20) == 0

    desk.now += 2

    assert desk.lease("b", 20, 20) == 20


def test_a_run_that_ends_makes_room_at_once(desk, memory):
    desk.lease("a", 20, 20)

    assert desk.lease("a", 0, 20) == 0

    assert desk.lease("b", 20, 20) == 20
    assert 0 < memory.ttl(f"{PREFIX}{desk.key}:connections") <= 11


def test_more_runs_than_connections_take_turns(desk):
    runs = [f"run-{number}" for number in range(5)]
    served = set()
    for _ in range(120):
        told = {run: desk.lease(run, 4, 2) for run in runs}
        assert sum(told.values()) <= 2
        served.update(run for run, connections in told.items() if connections)
        desk.now += 1

    assert served == set(runs)


ASKS = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 12), st.integers(0, 4), st.booleans()),
    max_size=80,
)


@given(ASKS, st.integers(1, 12))
def test_all_runs_together_never_hold_more_than_the_limit(asks, limit):
    desk = Desk(_redis_url())
    held: dict[str, tuple[int, float]] = {}  # connections, and when the run asked last
    try:
        for run, wanted, pause, is_slow in asks:
            desk.now += pause
            before, asked = held.get(run, (0, desk.now))
            # A run without an answer for ten seconds has closed all: its lease is over.
            before = before if desk.now - asked < 10 else 0
            told = desk.lease(run, wanted, limit, holding=before if is_slow else None)
            held[run] = (max(told, before) if is_slow and wanted else told, desk.now)
            living = [number for number, at in held.values() if desk.now - at < 10]
            assert sum(living) <= limit
    finally:
        _forget(_redis_url(), desk.key)
        desk.close()
