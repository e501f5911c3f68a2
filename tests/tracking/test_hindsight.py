"""Each day is judged again and again as a whole, and the sums follow exactly."""

import random
import threading
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
from tracking.ingest import Settler
from tracking.models import CampaignTotal, Event, UnsettledDay, UnsettledMinute
from tracking.portions import MINUTE
from tracking.working import Stopped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]

HOUR = timedelta(hours=1)
TODAY = NOON.date()
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


class OneRound(threading.Event):
    """Is set when somebody waits for it."""

    def wait(self, timeout=None):
        self.set()
        return True


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
        look_back()
        assert verdicts() == [SCANNER, SCANNER]
        clock.shift(timedelta(minutes=14))
        assert hindsight.look_back() is False
        clock.shift(timedelta(minutes=2))
        assert hindsight.look_back() is True


def test_the_last_minutes_of_a_day_that_lasts_are_left_to_minutes():
    with time_machine.travel(NOON + HOUR + timedelta(minutes=10), tick=False):
        slow_sweep(pause=HOUR)
        look_back()

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


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [
        (15, 10 * 60),  # ten times the hour that it worked
        (15 + 33, 16),  # but the look that is for good comes in its time
        (15 + 40, None),  # as this one was
    ],
)
def test_the_longer_a_look_takes_the_longer_is_the_pause(hours, minutes):
    with time_machine.travel(NOON - 12 * HOUR + hours * HOUR, tick=False):
        slow_sweep(pause=HOUR)
        UnsettledDay.objects.update(worked=3600.0)

        look_back()

        due = [day.due_at - timezone.now() for day in UnsettledDay.objects.filter(day=TODAY)]
        assert [each // MINUTE for each in due] == ([minutes] if minutes else [])


def test_what_is_waited_for_between_two_stints_is_no_work(monkeypatch):
    monkeypatch.setattr(hindsight, "STINT", 0.0)
    monkeypatch.setattr(judging, "LARGEST", 4)
    with time_machine.travel(NOON + 6 * HOUR, tick=False) as clock:
        for hour in range(-10, 4):
            makers.store([clicked(70, people(1)[0], at=NOON + hour * HOUR)])
        judging.settle()
        assert hindsight.look_back() is True
        clock.shift(5 * HOUR)

        look_back()

        assert UnsettledDay.objects.get(day=TODAY).due_at == timezone.now() + judging.LOOK_EVERY


def test_a_hit_that_comes_while_its_day_is_looked_at_is_not_passed_over(monkeypatch):
    monkeypatch.setattr(hindsight, "STINT", 0.0)
    monkeypatch.setattr(judging, "LARGEST", 4)
    [alice] = people(1)
    for hour in range(-11, 11):
        makers.store([clicked(70 + hour % 2, alice, at=NOON + hour * HOUR)])
    judging.settle()
    assert hindsight.look_back() is True
    [bob] = people(1)
    makers.store([clicked(70, bob, at=NOON - 11 * HOUR)])
    makers.store([clicked(71, bob, at=NOON - 10.5 * HOUR)])
    judging.settle()
    assert HUMAN in verdicts()

    look_back()
    UnsettledDay.objects.update(due_at=timezone.now())
    look_back()

    assert set(verdicts()) == {SCANNER}
    exact.check()


def test_the_day_before_is_looked_at_with_what_comes_days_later():
    slow_sweep(start=NOON + 11 * HOUR, pause=timedelta(minutes=1))
    look_back()
    assert not UnsettledDay.objects.exists()
    alice = Event.objects.values_list("subscriber_id", flat=True)[0]
    Event.objects.update(link_id=70)
    makers.store([clicked(71, alice, at=NOON + 18 * HOUR)])
    judging.settle()

    look_back()

    assert verdicts() == [SCANNER, SCANNER, SCANNER]


def test_rules_that_fail_leave_verdicts_as_they_are(monkeypatch, caplog):
    slow_sweep()
    monkeypatch.setattr("tracking.classify.judge", lambda *_: 1 / 0)

    look_back()

    assert verdicts() == [HUMAN, HUMAN]
    assert "the rules failed" in caplog.text
    exact.check()


def test_ingest_looks_back_when_it_has_settled():
    [alice] = people(1)
    for n in range(2):
        makers.store([clicked(70 + n, alice, at=NOON + n * HOUR)])

    Settler(OneRound()).work()

    assert verdicts() == [SCANNER, SCANNER]
    assert not UnsettledDay.objects.exists()


def test_just_after_midnight_there_is_nothing_to_look_at_yet():
    midnight = NOON - 12 * HOUR
    with time_machine.travel(midnight + timedelta(minutes=12), tick=False):
        makers.store([clicked(70, at=midnight + timedelta(minutes=1))])
        judging.settle()

        look_back()

    assert UnsettledDay.objects.filter(day=TODAY).exists()


@pytest.mark.parametrize(("hours", "is_over"), [(48.2, False), (48.4, True)])
def test_a_day_is_judged_for_good_a_day_after_its_end(hours, is_over):
    slow_sweep(pause=HOUR)

    with time_machine.travel(NOON - 12 * HOUR + hours * HOUR, tick=False):
        UnsettledDay.objects.update(due_at=timezone.now())
        look_back()

    assert verdicts() == [SCANNER, SCANNER]
    assert UnsettledDay.objects.filter(day=TODAY).exists() is not is_over


def test_a_hit_that_comes_late_puts_its_day_on_the_list_again():
    slow_sweep(pause=HOUR)
    look_back()
    makers.store([clicked(70, people(1)[0], at=NOON + timedelta(minutes=1))])

    judging.settle()
    assert verdicts() == [HUMAN, SCANNER, HUMAN]
    look_back()

    assert verdicts() == [SCANNER, SCANNER, HUMAN]
    exact.check()


@pytest.mark.parametrize(
    ("minutes", "days"),
    [
        (5, ["2026-07-01"]),  # midnight itself is of no day that was judged before it
        (4, ["2026-06-30", "2026-07-01"]),  # five minutes before a hit are judged with it
        (-2, ["2026-06-30"]),
    ],
)
def test_the_days_that_were_judged_are_listed(minutes, days):
    at = NOON - 12 * HOUR + minutes * MINUTE
    with time_machine.travel(at + 10 * MINUTE, tick=False):
        makers.store([clicked(70, at=at)])
        UnsettledMinute.objects.update(is_late=False)
        judging.settle()

    listed = UnsettledDay.objects.order_by("day").values_list("day", flat=True)
    assert [day.isoformat() for day in listed] == days


def test_late_hits_put_both_neighbours_on_the_list():
    slow_sweep(pause=timedelta(seconds=1))

    days = [day.isoformat() for day in UnsettledDay.objects.values_list("day", flat=True)]
    assert sorted(days) == ["2026-06-30", "2026-07-01", "2026-07-02"]


def test_a_day_with_too_many_hits_is_judged_in_portions(monkeypatch):
    chance = random.Random(9)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 800) for _ in range(300)])
    judging.settle()
    monkeypatch.setattr(judging, "LARGEST", 40)
    monkeypatch.setattr(hindsight, "STINT", 0.0)
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
    monkeypatch.setattr(judging, "LARGEST", 40)
    monkeypatch.setattr(pulse, "_EVERY", 5)
    ended = 0
    for moment in count(1):
        beat = makers.stopping_at(moment)
        try:
            while hindsight.look_back(beat):
                pass
            break
        except Stopped:
            ended += 1
            assert UnsettledDay.objects.exists()
            exact.check()

    assert ended > 10
    assert not UnsettledDay.objects.exists()
    exact.check()


@pytest.mark.django_db(transaction=True)
def test_only_one_judges_at_a_time(stored, monkeypatch):
    monkeypatch.setattr(judging, "PATIENCE", 0.1)
    slow_sweep(pause=HOUR)

    with judging.alone():
        assert makers.elsewhere(hindsight.look_back) is False

    assert hindsight.look_back() is True
