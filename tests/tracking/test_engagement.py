"""The score: what it counts, and that anybody can work it out."""

from datetime import UTC, datetime, timedelta

import pytest

from tracking.engagement import FEWEST, GRACE, HALF_LIFE, MOST, OLDEST, Mail, score

NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def mail(age: timedelta, opened: bool = False, clicked: bool = False) -> Mail:
    return Mail(1, NOW - age, opened, clicked)


@pytest.mark.parametrize(
    ("opened", "clicked", "value"),
    [(False, False, 0), (True, False, 50), (True, True, 100), (False, True, 100)],
)
def test_who_does_the_same_with_each_mail_has_that_score(opened, clicked, value):
    mails = [mail(timedelta(days=days), opened, clicked) for days in (3, 40, 300)]

    assert score(mails, NOW).value == value


def test_a_mail_weighs_half_as_much_after_each_half_life():
    mails = [mail(HALF_LIFE * number) for number in (1, 2, 3)]

    assert [each.weight for each in score(mails, NOW).mails] == [0.5, 0.25, 0.125]


def test_what_was_done_lately_says_more():
    ages = [HALF_LIFE * number for number in (1, 2, 3)]
    lately = [mail(age, clicked=number == 0) for number, age in enumerate(ages)]
    long_ago = [mail(age, clicked=number == 2) for number, age in enumerate(ages)]

    assert score(lately, NOW).value == 57  # 100 * 0.5 / 0.875
    assert score(long_ago, NOW).value == 14  # 100 * 0.125 / 0.875


def test_how_many_mails_somebody_gets_makes_no_difference():
    few = [mail(timedelta(days=10), clicked=number % 2 == 0) for number in range(4)]

    assert score(few * 10, NOW).value == score(few, NOW).value == 50


def test_of_too_few_mails_nothing_is_said():
    found = score([mail(timedelta(days=3), clicked=True)] * (FEWEST - 1), NOW)

    assert found.value is None
    assert len(found.mails) == FEWEST - 1


def test_nobody_has_no_score():
    assert score([], NOW).value is None


def test_a_mail_that_may_still_be_read_does_not_count_against_anybody():
    fresh = GRACE - timedelta(seconds=1)
    read = [mail(timedelta(days=9), clicked=True)] * 3

    assert score([*read, mail(fresh)], NOW).value == 100
    assert score([*read, mail(GRACE)], NOW).value < 80
    assert len(score([*read, mail(fresh, opened=True)], NOW).mails) == 4


def test_a_clock_that_is_ahead_gives_no_weight_above_one():
    found = score([mail(timedelta(hours=-1), clicked=True)], NOW)

    assert found.mails[0].weight == 1.0


def test_old_mails_and_too_many_are_left_out():
    mails = [mail(timedelta(days=3 + number)) for number in range(MOST + 5)]

    assert len(score(mails, NOW).mails) == MOST
    assert score([mail(OLDEST + timedelta(seconds=1))], NOW).mails == ()
