"""A campaign is sent on its days and at its hours, whatever the clocks do."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.windows import Window, is_open, next_opening

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",  # half an hour
        "Africa/Cairo",  # at midnight
        "Asia/Kathmandu",
    )
]
MONDAY = 1
EVERY_DAY: frozenset[int] = frozenset()


def window(begin=None, end=None, days=EVERY_DAY, zone=BERLIN) -> Window:
    return Window(frozenset(days), begin, end, zone)


def berlin(*numbers: int, fold: int = 0) -> datetime:
    return datetime(*numbers, tzinfo=BERLIN, fold=fold)


OFFICE = window(time(9), time(17, 30), range(1, 6))
NIGHT_OF_MONDAY = window(time(22), time(6), [MONDAY])


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (berlin(2026, 6, 1, 8, 59, 59), False),
        (berlin(2026, 6, 1, 9), True),
        (berlin(2026, 6, 1, 17, 29, 59), True),
        (berlin(2026, 6, 1, 17, 30), False),
        (berlin(2026, 6, 6, 12), False),  # a Saturday
        (datetime(2026, 6, 1, 7, tzinfo=UTC), True),
        (datetime(2026, 12, 1, 7, tzinfo=UTC), False),
    ],
)
def test_hours_are_those_of_the_zone(moment, expected):
    assert is_open(OFFICE, moment) is expected


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (berlin(2026, 6, 1, 5), False),  # the night of Sunday
        (berlin(2026, 6, 1, 22), True),
        (berlin(2026, 6, 2, 5, 59), True),  # Tuesday morning
        (berlin(2026, 6, 2, 6), False),
        (berlin(2026, 6, 2, 23), False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment, expected):
    assert is_open(NIGHT_OF_MONDAY, moment) is expected


@pytest.mark.parametrize("hours", [(None, None), (time(9), time(9)), (None, time(0))])
def test_without_hours_it_is_open_all_day(hours):
    monday = window(*hours, days=[MONDAY])

    assert is_open(monday, berlin(2026, 6, 1))
    assert is_open(monday, berlin(2026, 6, 1, 23, 59, 59))
    assert not is_open(monday, berlin(2026, 6, 2))


def test_one_end_may_be_missing():
    assert is_open(window(time(9)), berlin(2026, 6, 1, 23))
    assert not is_open(window(time(9)), berlin(2026, 6, 1, 8))
    assert is_open(window(None, time(9)), berlin(2026, 6, 1, 0))
    assert not is_open(window(None, time(9)), berlin(2026, 6, 1, 9))


@pytest.mark.parametrize(
    ("moment", "opening"),
    [
        (berlin(2026, 6, 1, 10), berlin(2026, 6, 1, 10)),
        (berlin(2026, 6, 1, 3), berlin(2026, 6, 1, 9)),
        (berlin(2026, 6, 5, 18), berlin(2026, 6, 8, 9)),  # over the weekend
        (berlin(2026, 10, 23, 18), berlin(2026, 10, 26, 9)),  # the clocks go back meanwhile
    ],
)
def test_the_next_opening_is_said_in_utc(moment, opening):
    found = next_opening(OFFICE, moment)

    assert found == opening
    assert found.tzinfo is UTC


def test_an_hour_that_is_skipped_opens_when_the_clocks_have_changed():
    found = next_opening(window(time(2, 30), time(5)), berlin(2026, 3, 29, 1))

    assert found == datetime(2026, 3, 29, 1, tzinfo=UTC)  # 3:00, the moment after 1:59:59


def test_an_hour_that_comes_twice_is_open_twice():
    twice = window(time(1), time(2, 30))

    assert is_open(twice, berlin(2026, 10, 25, 2, 15))
    assert not is_open(twice, berlin(2026, 10, 25, 2, 45))
    assert is_open(twice, berlin(2026, 10, 25, 2, 15, fold=1))
    assert next_opening(twice, berlin(2026, 10, 25, 2, 45)) == datetime(2026, 10, 25, 1, tzinfo=UTC)


def test_a_week_whose_only_hour_is_skipped_is_left_out():
    sundays = window(time(2), time(3), [7])

    assert next_opening(sundays, berlin(2026, 3, 22, 3)) == berlin(2026, 4, 5, 2)


def test_half_an_hour_is_a_change_too():
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    early = window(time(2, 15), time(4), zone=lord_howe)

    found = next_opening(early, datetime(2026, 10, 4, 1, tzinfo=lord_howe))

    assert found.astimezone(lord_howe).time() == time(2, 30)


def test_days_that_no_week_has_are_refused():
    with pytest.raises(ValueError, match=r"1 \(Monday\) to 7"):
        window(days=[0])


WALLS = (
    st.none()
    | st.sampled_from([time(0), time(2), time(2, 30), time(9)])
    | st.times().map(lambda wall: wall.replace(second=0, microsecond=0))
)
WINDOWS = st.builds(window, WALLS, WALLS, st.frozensets(st.integers(1, 7)), st.sampled_from(ZONES))
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(WINDOWS, MOMENTS, st.lists(st.floats(0, 0.999), max_size=20))
def test_nothing_is_open_before_the_next_opening(some, moment, parts):
    opening = next_opening(some, moment)

    assert is_open(some, opening)
    assert opening >= moment
    assert opening - moment <= timedelta(days=8) or _may_be_skipped(some)
    for part in parts:
        before = moment + (opening - moment) * part
        assert before == opening or not is_open(some, before)


def _may_be_skipped(some: Window) -> bool:
    """Whether the window is so short that a change of the clocks leaves nothing of it."""
    begin, end = some.hours
    minutes = (end.hour - begin.hour) * 60 + end.minute - begin.minute
    return len(some.days) == 1 and 0 < minutes % (24 * 60) <= 60
