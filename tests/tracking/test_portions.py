"""Portions cover what is to be judged, once, fit into memory, and are worth their neighbours."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from tracking.portions import FAR, MINUTE, NEAR, STEP, Portion, Span, portions, spans

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
LARGEST = 200_000
DAY = timedelta(days=1)


def step(moment):
    return int(moment.timestamp()) // STEP


def steady(hits, start=NOON, length=timedelta(hours=1)):
    """Return the counts of `hits` in each second."""
    return dict.fromkeys(range(step(start), step(start + length)), hits * STEP)


def judged(portion, counts):
    """Return how many hits are read for a portion, with those around it."""
    start, end = (step(moment) for moment in portion.span.with_around(portion.around))
    return sum(hits for at, hits in counts.items() if start <= at < end)


def test_a_quiet_hour_is_one_portion_with_all_that_matters():
    span = Span(NOON, NOON + timedelta(hours=1))

    assert list(portions(span, steady(5), LARGEST)) == [Portion(span, 2 * NEAR)]


def test_what_has_no_hits_is_one_portion():
    span = Span(NOON, NOON + timedelta(days=300))

    assert list(portions(span, {}, LARGEST)) == [Portion(span, 2 * NEAR)]


@pytest.mark.parametrize(
    ("rate", "around"),
    [
        (120, 2 * NEAR),
        (250, NEAR),
        (1_000, MINUTE),
        (5_000, timedelta(seconds=STEP)),
        (15_000, timedelta()),
    ],
)
def test_the_more_comes_the_less_is_looked_at_around(rate, around):
    counts = steady(rate)
    span = Span(NOON + timedelta(minutes=20), NOON + timedelta(minutes=40))

    found = list(portions(span, counts, LARGEST))

    assert {portion.around for portion in found[:-1]} == {around}
    assert all(judged(portion, counts) <= LARGEST for portion in found)


@pytest.mark.parametrize("rate", [10, 100, 300, 520, 1_000, 3_000])
def test_no_hit_is_judged_many_times_over(rate):
    counts = steady(rate)
    span = Span(NOON, NOON + timedelta(hours=1))

    total = sum(judged(portion, counts) for portion in portions(span, counts, LARGEST))

    assert total <= 5 * sum(counts.values())


@pytest.mark.parametrize("seed", range(20))
def test_portions_are_all_of_the_span_in_order(seed):
    chance = random.Random(seed)
    start = NOON + timedelta(seconds=chance.randint(0, 59), microseconds=chance.randint(0, 999_999))
    span = Span(start, start + timedelta(seconds=chance.uniform(1, 7200)))
    counts = {
        number: round(chance.lognormvariate(5, 3))
        for number in range(step(NOON) - 70, step(NOON) + 800)
        if chance.random() < 0.7
    }

    found = list(portions(span, counts, LARGEST))

    assert [found[0].span.start, *(each.span.end for each in found)] == [
        *(each.span.start for each in found),
        span.end,
    ]
    assert all(
        judged(portion, counts) <= LARGEST
        or portion.span.end - portion.span.start <= timedelta(seconds=STEP)
        for portion in found
    )


@pytest.mark.parametrize(
    ("hits_in_an_hour", "hours_around"),
    [(2_520, 24), (5_500, 6), (19_000, 2), (49_000, 1), (130_000, 0.5), (190_000, 1 / 6)],
)
def test_days_are_seen_with_as_much_as_may_be_held(hits_in_an_hour, hours_around):
    midnight = NOON - timedelta(hours=12)
    counts = {
        number: round(hits_in_an_hour / 360)
        for number in range(step(midnight - 2 * DAY), step(midnight + 3 * DAY))
    }

    found = list(portions(Span(midnight, midnight + DAY), counts, LARGEST, FAR))

    assert found[0].around == timedelta(hours=hours_around)
    assert all(judged(portion, counts) <= LARGEST for portion in found)
    assert found[-1].span.end == midnight + DAY


def test_a_moment_with_more_than_may_be_held_is_a_portion_by_itself():
    counts = {step(NOON) + 3: 5 * LARGEST, step(NOON) + 8: 1}
    span = Span(NOON, NOON + MINUTE)

    found = list(portions(span, counts, LARGEST))

    assert [portion.span.start.second for portion in found] == [0, 20, 30, 40]
    assert found[2].around == timedelta()


def test_spans_that_touch_are_joined_up_to_a_length():
    part = Span(NOON, NOON + MINUTE)
    parts = [Span(part.start + number * MINUTE, part.end + number * MINUTE) for number in range(45)]
    apart = Span(NOON + timedelta(hours=2), NOON + timedelta(hours=3))

    joined = list(spans([*parts, apart]))

    assert joined == [
        Span(NOON, NOON + 30 * MINUTE),
        Span(NOON + 30 * MINUTE, NOON + 45 * MINUTE),
        apart,
    ]
