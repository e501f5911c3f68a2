"""Hits are judged again with all that came around them, and the sums follow exactly."""

import random
from datetime import timedelta
from itertools import count

import pytest
from django.utils.timezone import now

from newsletter.models import Delivery
from tests.factories import make_campaign, make_subscriber
from tests.tracking import exact, makers
from tests.tracking.makers import NOON, clicked, opened
from tracking import classify, erase, judging
from tracking.classify import Verdict, pulse
from tracking.models import CampaignTotal, Event, ForwardTotal, UnsettledMinute
from tracking.portions import MINUTE, Span
from tracking.working import Stopped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True)
def _individual(settings, _empty_events):
    settings.TRACKING_DEFAULT = "individual"


def people(count):
    return [make_subscriber().id for _ in range(count)]


def verdicts():
    return [
        Verdict(number) for number in Event.objects.order_by("id").values_list("verdict", flat=True)
    ]


def test_the_first_click_of_a_burst_is_demoted_with_the_rest():
    [alice] = people(1)
    makers.store([clicked(70, alice)])
    makers.store([clicked(71, alice, at=NOON + SECOND)])
    assert verdicts() == [Verdict.HUMAN, Verdict.HUMAN]

    judging.settle()

    assert verdicts() == [Verdict.SCANNER, Verdict.SCANNER]
    total = CampaignTotal.objects.get()
    assert (total.clicks, total.unique_clicks) == (0, 0)
    assert (total.machine_clicks, total.unique_machine_clicks) == (2, 1)
    exact.check()


def test_what_is_settled_is_off_the_list():
    makers.store([opened()])

    judging.settle()

    assert not UnsettledMinute.objects.exists()


def test_hits_of_a_minute_ago_wait():
    makers.store([opened(at=now() - MINUTE)])

    assert judging.settle() == 0

    assert UnsettledMinute.objects.get().is_late is False


def test_a_late_hit_changes_what_was_settled():
    """It lay in a spool while the rest of its burst was stored and settled."""
    [alice] = people(1)
    start = NOON.replace(minute=59, second=59)
    makers.store([clicked(70, alice, at=start)])
    judging.settle()
    assert verdicts() == [Verdict.HUMAN]
    makers.store([clicked(71, alice, at=start + SECOND)])

    judging.settle()

    assert verdicts() == [Verdict.SCANNER, Verdict.SCANNER]
    exact.check()


def test_a_hit_that_is_stored_while_others_are_judged_stays_on_the_list(monkeypatch):
    """The worst moment: after the hits were read, before their minute is taken off."""
    makers.store([opened()])
    judge = classify.judge

    def judge_slowly(*given):
        monkeypatch.setattr("tracking.classify.judge", judge)
        makers.store([opened()])
        return judge(*given)

    monkeypatch.setattr("tracking.classify.judge", judge_slowly)

    judging.settle()

    assert UnsettledMinute.objects.count() == 1


def test_a_verdict_that_changed_in_between_is_left_alone():
    [alice] = people(1)
    makers.store([opened(alice)])
    event = Event.objects.get()
    change = judging.Change(
        event.id, event.occurred_at, Verdict.SCANNER, Verdict.UNKNOWN, "x", None
    )

    judging.amending.amend([change], {7})

    assert verdicts() == [Verdict.HUMAN]
    exact.check()


def test_a_person_who_was_erased_while_their_hits_were_judged_does_not_come_back():
    [alice] = people(1)
    makers.store([opened(alice)])
    event = Event.objects.get()
    change = judging.Change(event.id, event.occurred_at, event.verdict, Verdict.SCANNER, "x", 1.0)
    erase.erase_subscriber(alice)

    judging.amending.amend([change], {7})

    event.refresh_from_db()
    assert event.since_sent is None
    exact.check()


def test_hits_of_erased_people_keep_their_verdicts(monkeypatch):
    [alice] = people(1)
    makers.store([opened(alice)])
    erase.erase_subscriber(alice)
    judged = []
    monkeypatch.setattr("tracking.classify.judge", lambda hits, *_: judged.extend(hits) or [])

    judging.settle()

    assert judged == []
    assert verdicts() == [Verdict.HUMAN]


def test_rules_that_fail_leave_hits_unknown_and_stored(monkeypatch, caplog):
    monkeypatch.setattr("tracking.classify.judge", lambda *_: 1 / 0)

    makers.store([opened()])

    assert verdicts() == [Verdict.UNKNOWN]
    assert "the rules failed" in caplog.text
    exact.check()


def test_the_hand_over_is_looked_up_again_when_it_was_not_known_at_first():
    """A scanner is often quicker than the worker's record of the hand-over."""
    campaign, alice = make_campaign(), make_subscriber()
    makers.store([opened(alice.id, campaign.id)])
    Delivery.objects.create(
        campaign=campaign, subscriber_id=alice.id, status="sent", at=NOON - 90 * SECOND
    )

    judging.settle()

    assert Event.objects.get().since_sent == 90


def test_seconds_since_the_hand_over_are_kept_but_not_of_hits_without_a_name():
    campaign, alice, bob = make_campaign(), make_subscriber(), make_subscriber(tracking="aggregate")
    for person in (alice, bob):
        Delivery.objects.create(
            campaign=campaign, subscriber_id=person.id, status="sent", at=NOON - 90 * SECOND
        )

    makers.store(
        [
            opened(alice.id, campaign.id),
            opened(bob.id, campaign.id),
            opened(alice.id, campaign.id, forward_id=3),
        ]
    )

    assert list(Event.objects.order_by("id").values_list("since_sent", flat=True)) == [
        90,
        None,
        None,
    ]


def test_a_forward_is_counted_apart_and_its_sums_move_too(monkeypatch):
    [alice] = people(1)
    makers.store(
        [
            opened(alice),
            opened(alice, forward_id=5, at=NOON + MINUTE),
            clicked(70, alice, forward_id=5, at=NOON + 2 * MINUTE),
            opened(0, kind=4, forward_id=5),
        ]
    )
    total = CampaignTotal.objects.get()
    assert (total.opens, total.clicks) == (1, 0)
    forward = ForwardTotal.objects.get()
    assert (forward.opens, forward.clicks, forward.visits) == (1, 1, 1)
    assert (forward.first_at, forward.last_at) == (NOON, NOON + 2 * MINUTE)
    makers.store([clicked(71, alice, forward_id=5, at=NOON + 2 * MINUTE + SECOND)])

    judging.settle()

    forward.refresh_from_db()
    assert (forward.clicks, forward.machine_clicks) == (0, 2)
    assert forward.last_at == NOON + MINUTE
    exact.check()


@pytest.mark.parametrize("seed", range(6))
def test_sums_are_exact_after_any_order_of_storing_judging_and_erasing(seed):
    chance = random.Random(seed)
    readers = [*people(6), 0, 0, 999_999]
    spread = chance.choice([3, 60, 6000])
    for _ in range(40):
        hits = [makers.anything(chance, readers, spread) for _ in range(chance.randint(1, 15))]
        makers.store(hits)
        if chance.random() < 0.3:
            judging.settle()
        if chance.random() < 0.05:
            erase.erase_subscriber(chance.choice(readers[:6]))
        exact.check()

    judging.settle()

    exact.check()
    assert CampaignTotal.objects.filter(machine_clicks__gt=0, unique_clicks__gt=0).exists()


def test_judging_again_changes_nothing():
    chance = random.Random(3)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 5) for _ in range(200)])
    judging.settle()

    changed = judging.judge_span(Span(NOON - timedelta(hours=1), NOON + timedelta(hours=1)))

    assert changed == 0


def test_a_span_with_too_many_hits_is_judged_in_portions(monkeypatch):
    chance = random.Random(5)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 5) for _ in range(200)])
    monkeypatch.setattr(judging, "LARGEST", 20)

    judging.settle()

    exact.check()


def test_judging_that_is_told_to_end_ends_anywhere_and_goes_on_the_next_time(monkeypatch):
    chance = random.Random(6)
    readers = people(4)
    makers.store([makers.anything(chance, readers, 5) for _ in range(60)])
    monkeypatch.setattr(judging, "LARGEST", 20)
    monkeypatch.setattr(pulse, "_EVERY", 5)
    ended = 0
    for moments in count(1):
        try:
            judging.settle(makers.stopping_at(moments))
        except Stopped:
            ended += 1
            exact.check()
            assert UnsettledMinute.objects.exists()
        else:
            break

    assert ended > 20
    assert not UnsettledMinute.objects.exists()
    exact.check()


@pytest.mark.django_db(transaction=True)
def test_only_one_judges_at_a_time(stored, monkeypatch):
    monkeypatch.setattr(judging, "PATIENCE", 0.1)
    makers.store([opened()])

    with judging.alone():
        assert makers.elsewhere(judging.settle) == 0

    assert judging.settle() == 1


@pytest.mark.django_db(transaction=True)
def test_storing_and_judging_at_once_keeps_sums_exact(stored):
    """Late hits all the time, into campaigns whose hits are judged at the same time."""
    chance = random.Random(8)
    readers = people(10)
    batches = [[makers.anything(chance, readers, 3) for _ in range(40)] for _ in range(60)]

    for _ in makers.while_storing(batches):
        judging.settle()

    judging.settle()

    assert Event.objects.count() > 2000
    exact.check()
