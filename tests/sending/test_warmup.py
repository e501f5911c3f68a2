"""A new server sends a bit more each day, until it may send all."""

from datetime import date, timedelta

import pytest

from newsletter.models import SendingServer
from newsletter.sending import warmup
from newsletter.sending.pace import Limits

FIRST = date(2026, 6, 1)


def server(**fields) -> SendingServer:
    return SendingServer(
        **{
            "warmup_from": FIRST,
            "warmup_start": 200,
            "warmup_growth": 1.5,
            "warmup_ceiling": 1000,
            **fields,
        }
    )


def days(number: int) -> date:
    return FIRST + timedelta(days=number)


def test_it_grows_until_the_ceiling_and_is_over_on_the_day_after():
    limits = [warmup.limit_on(server(), days(number)) for number in range(-1, 6)]

    assert limits == [None, 200, 300, 450, 675, 1000, None]


def test_without_a_beginning_there_is_none():
    assert warmup.limit_on(server(warmup_from=None), FIRST) is None
    assert warmup.plan(server(warmup_from=None)) == []


def test_the_plan_is_what_will_be():
    assert warmup.plan(server()) == [
        (days(number), mails) for number, mails in enumerate([200, 300, 450, 675, 1000])
    ]


@pytest.mark.parametrize(
    ("fields", "mails"),
    [
        ({"warmup_start": 5000}, [1000]),
        ({"warmup_start": 1000}, [1000]),
        ({"warmup_growth": 1e300}, [200, 1000]),
        ({"warmup_start": 100, "warmup_growth": 1.15, "warmup_ceiling": 116}, [100, 115, 116]),
        ({"warmup_ceiling": None, "per_day": 400}, [200, 300, 400]),
        ({"warmup_ceiling": 10_000, "per_day": 400}, [200, 300, 400]),
        ({"warmup_ceiling": None, "warmup_growth": 1e9}, [200, 1_000_000_000]),
    ],
)
def test_odd_values_make_sensible_plans(fields, mails):
    assert [limit for _, limit in warmup.plan(server(**fields))] == mails


def test_without_growth_it_never_ends():
    flat = server(warmup_growth=1.0)

    assert warmup.limit_on(flat, days(10_000)) == 200
    assert len(warmup.plan(flat)) == warmup.MOST_ROWS


def test_a_far_future_is_no_trouble():
    endless = server(warmup_growth=2.0, warmup_ceiling=None)

    assert warmup.limit_on(endless, days(100_000)) is None


@pytest.mark.parametrize(
    ("per_day", "day", "expected"),
    [(None, 0, 200), (250, 1, 250), (250, 2, 250), (None, 9, None), (5000, 9, 5000)],
)
def test_the_smaller_limit_of_a_day_counts(per_day, day, expected):
    some = server(per_second=2.5, per_minute=100, per_hour=1000, per_day=per_day)

    assert warmup.limits_of(some, days(day)) == Limits(2.5, 100, 1000, expected)
