"""Each day is judged once more as a whole, and the sums follow exactly."""

import random
from datetime import timedelta
from itertools import count

import pytest
import time_machine
from django.utils import timezone

from tests.factories import make_subscriber
from tests.tracking import exact, makers, rules
from tests.tracking.makers import NOON, clicked
from tracking import hindsight, judging
from tracking.classify import Verdict, pulse
from tracking.models import CampaignTotal, Event, UnsettledDay
from tracking.working import Stopped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]

HOUR = timedelta(hours=1)
HUMAN, SCANNER = Verdict.HUMAN, Verdict.SCANNER


@pytest.fixture(autouse=True)
def _individual(settings, _empty_events, monkeypatch):
    settings.TRACKING_DEFAULT = "individual"
    # Two links of one mail within ten hours: what nobody sees who looks at minutes.
    monkeypatch.setattr(rules, "BURST", 10 * HOUR.total_seconds())


def slow_sweep(start=NOON, pause=6 * HOUR):
    [alice] = people(1)
    for n in range(2):
        makers.store([clicked(70 + n, alice, at=start + n * pause)])
    judging.settle()


def people(number):
    return [make_subscriber().id for _ in range(number)]


def verdicts():
    return [
        Verdict(number) for number in Event.objects.order_by("id").values_list("verdict", flat=True)
    ]


def look_back():
    while hindsight.look_back():
        pass


def test_what_minutes_do_not_show_a_day_does():
    slow_sweep(pause=HOUR)
    by_minutes = verdicts()

    look_back()

    assert by_minutes == [HUMAN, HUMAN]
    assert verdicts() == [SCANNER, SCANNER]
    total = CampaignTotal.objects.get()
    assert (total.unique_clicks, total.unique_machine_clicks) == (0, 1)
    assert not UnsettledDay.objects.exists()
    exact.check()


def test_a_day_is_seen_with_the_hours_on_both_sides():
    slow_sweep(start=NOON + 9 * HOUR)  # from nine in the evening to three in the morning

    look_back()

    assert verdicts() == [SCANNER, SCANNER]
    exact.check()


def test_the_day_so_far_is_judged_every_quarter_of_an_hour():
    with time_machine.travel(NOON + 3 * HOUR, tick=False) as clock:
        slow_sweep(pause=HOUR)
        assert hindsight.look_back() is True
        assert verdicts() == [SCANNER, SCANNER]
        clock.shift(timedelta(minutes=14))
        assert hindsight.look_back() is False
        clock.shift(timedelta(minutes=2))
        assert hindsight.look_back() is True


def test_the_last_minutes_of_a_day_that_lasts_are_left_to_minutes():
    with time_machine.travel(NOON + HOUR + timedelta(minutes=10), tick=False):
        slow_sweep(pause=HOUR)
        hindsight.look_back()

        assert verdicts() == [SCANNER, HUMAN]
    look_back()

    assert verdicts() == [SCANNER, SCANNER]
    exact.check()


def test_where_too_much_comes_minutes_have_said_all(monkeypatch):
    slow_sweep(pause=HOUR)
    monkeypatch.setattr(judging, "LARGEST", 1)

    look_back()

    assert verdicts() == [HUMAN, HUMAN]
    assert not UnsettledDay.objects.exists()


def test_the_longer_a_look_takes_the_longer_the_next_is_waited_for(monkeypatch):
    with time_machine.travel(NOON + 3 * HOUR, tick=False) as clock:
        slow_sweep(pause=HOUR)
        judge = judging.judge_portion
        monkeypatch.setattr(
            judging, "judge_portion", lambda *a, **k: clock.shift(HOUR) or judge(*a, **k)
        )
        hindsight.look_back()

        [day] = UnsettledDay.objects.all()
        assert day.due_at == timezone.now() + 3 * HOUR


def test_just_after_midnight_there_is_nothing_to_look_at_yet():
    midnight = NOON - 12 * HOUR
    with time_machine.travel(midnight + timedelta(minutes=12), tick=False):
        makers.store([clicked(70, at=midnight + timedelta(minutes=1))])
        judging.settle()

        look_back()

    assert UnsettledDay.objects.count() == 2


@pytest.mark.parametrize(("hours", "is_over"), [(48.2, False), (48.4, True)])
def test_a_day_is_judged_for_good_a_day_after_its_end(hours, is_over):
    slow_sweep(pause=HOUR)

    with time_machine.travel(NOON - 12 * HOUR + hours * HOUR, tick=False):
        UnsettledDay.objects.update(due_at=timezone.now())
        look_back()

    assert verdicts() == [SCANNER, SCANNER]
    assert UnsettledDay.objects.exists() is not is_over


def test_a_hit_that_comes_late_puts_its_day_on_the_list_again():
    slow_sweep(pause=HOUR)
    look_back()
    makers.store([clicked(70, people(1)[0], at=NOON + timedelta(minutes=1))])

    judging.settle()
    assert verdicts() == [HUMAN, SCANNER, HUMAN]
    look_back()

    assert verdicts() == [SCANNER, SCANNER, HUMAN]
    exact.check()


def test_minutes_around_midnight_put_both_days_on_the_list():
    slow_sweep(start=NOON + 12 * HOUR, pause=timedelta(seconds=1))

    days = [day.isoformat() for day in UnsettledDay.objects.values_list("day", flat=True)]
    assert sorted(days) == ["2026-07-01", "2026-07-02"]


def test_a_day_with_too_many_hits_is_judged_in_portions(monkeypatch):
    chance = random.Random(9)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 800) for _ in range(300)])
    judging.settle()
    monkeypatch.setattr(judging, "LARGEST", 40)
    calls = 0

    while hindsight.look_back():
        calls += 1
        exact.check()

    assert calls > 5
    assert not UnsettledDay.objects.exists()


def test_one_that_is_told_to_end_ends_anywhere_and_goes_on_the_next_time(monkeypatch):
    chance = random.Random(4)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 300) for _ in range(100)])
    judging.settle()
    monkeypatch.setattr(pulse, "_EVERY", 5)
    ended = 0
    for moment in count(1):
        try:
            hindsight.look_back(makers.stopping_at(moment))
        except Stopped:
            ended += 1
            assert UnsettledDay.objects.exists()
            exact.check()
        else:
            break
    look_back()

    assert ended > 10
    assert not UnsettledDay.objects.exists()
    exact.check()


@pytest.mark.django_db(transaction=True)
def test_only_one_judges_at_a_time(stored):
    slow_sweep(pause=HOUR)

    with judging.alone(wait=True):
        assert makers.elsewhere(hindsight.look_back) is False

    assert hindsight.look_back() is True
