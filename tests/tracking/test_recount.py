"""A recount applies the present rules to old events, and leaves sums that are exact."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from tests.factories import make_subscriber
from tests.tracking import exact, makers, rules
from tests.tracking.makers import NOON, clicked, opened
from tests.tracking.servers import wait_for
from tracking import erase, judging, rebuilding, recounting
from tracking.classify import Judgement, Verdict
from tracking.models import CampaignTotal, Event, Reader, Recount, VerdictTotal
from tracking.recounting import Outcome

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]


@pytest.fixture(autouse=True)
def _individual(settings, _empty_events):
    settings.TRACKING_DEFAULT = "individual"


def people(count):
    return [make_subscriber().id for _ in range(count)]


def store_anything(seed=1, hits=150, spread=200):
    chance = random.Random(seed)
    readers = [*people(5), 0]
    for _ in range(3):
        makers.store([makers.anything(chance, readers, spread) for _ in range(hits // 3)])
    return readers


def new_rules(monkeypatch):
    """Every second program is a scanner now."""

    def judge(hits, *_):
        return [
            Judgement(Verdict.SCANNER if len(hit.user_agent) % 2 else Verdict.HUMAN, "length")
            for hit in hits
        ]

    monkeypatch.setattr("tracking.classify.judge", judge)


def test_new_rules_apply_to_old_events(monkeypatch):
    store_anything()
    new_rules(monkeypatch)

    outcome = recounting.recount()

    assert outcome == Outcome(hits=150, changed=150, campaigns=2, kept=0)
    assert set(Event.objects.values_list("reason", flat=True)) == {"length"}
    exact.check()


def test_the_same_rules_change_nothing():
    store_anything()
    judging.settle()

    assert recounting.recount().changed == 0

    exact.check()


def test_sums_that_were_damaged_are_mended():
    store_anything()
    CampaignTotal.objects.update(opens=5, unique_clicks=99)
    Reader.objects.filter(campaign_id=7).delete()
    VerdictTotal.objects.update(hits=0)

    recounting.recount()

    exact.check()


def test_one_campaign_only(monkeypatch):
    store_anything()
    new_rules(monkeypatch)

    outcome = recounting.recount(campaign_id=8)

    assert outcome.campaigns == 1
    assert not Event.objects.filter(campaign_id=7, reason="length").exists()
    assert not Event.objects.filter(campaign_id=8).exclude(reason="length").exists()
    exact.check()


def test_hits_since_a_day_only(monkeypatch):
    makers.store([opened(), opened(at=NOON - timedelta(days=2))])
    new_rules(monkeypatch)

    outcome = recounting.recount(since=NOON - timedelta(days=1))

    assert (outcome.hits, outcome.changed) == (1, 1)
    exact.check()


def test_days_are_judged_as_a_whole(monkeypatch):
    monkeypatch.setattr(rules, "BURST", 3600.0)
    [alice] = people(1)
    for n in range(2):
        makers.store([clicked(70 + n, alice, at=NOON + n * timedelta(minutes=40))])
    judging.settle()

    assert recounting.recount().changed == 2

    assert set(Event.objects.values_list("verdict", flat=True)) == {Verdict.SCANNER}
    exact.check()


def test_nothing_to_count():
    assert recounting.recount() == Outcome(0, 0, 0, 0)


def test_after_a_person_was_erased_the_sums_stay(monkeypatch):
    readers = store_anything()
    judging.settle()
    before = list(CampaignTotal.objects.order_by("campaign_id").values())
    erase.erase_subscriber(readers[0])

    recounting.recount()

    assert list(CampaignTotal.objects.order_by("campaign_id").values()) == before
    exact.check()


def test_a_recount_that_was_stopped_goes_on_where_it_was(monkeypatch):
    store_anything()
    monkeypatch.setattr(judging, "LARGEST", 20)
    new_rules(monkeypatch)
    calls = []

    def stop(progress):
        calls.append(progress)
        if progress.done > 70:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recounting.recount(report=stop)

    outcome = recounting.recount()

    assert calls[-1].done + outcome.hits == 150
    assert set(Event.objects.values_list("reason", flat=True)) == {"length"}
    assert Recount.objects.get().finished_at
    exact.check()


def test_a_recount_stopped_among_the_campaigns_counts_only_the_others():
    store_anything()

    def stop(progress):
        if progress.stage == "campaigns":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recounting.recount(report=stop)

    assert recounting.recount() == Outcome(hits=0, changed=0, campaigns=1, kept=0)


def test_a_campaign_that_lost_events_keeps_its_sums():
    store_anything()
    CampaignTotal.objects.filter(campaign_id=7).update(opens=1_000, kept_from=NOON)

    outcome = recounting.recount()

    assert (outcome.campaigns, outcome.kept) == (1, 1)
    assert CampaignTotal.objects.get(campaign_id=7).opens == 1_000


def test_a_campaign_without_sums_is_not_rebuilt():
    assert rebuilding.rebuild(99) is False


@pytest.mark.django_db(transaction=True)
def test_hits_that_come_meanwhile_are_in_the_sums_once(stored, monkeypatch):
    """Ingest and a recount with other rules, in the same campaigns at the same time."""
    readers = store_anything()
    chance = random.Random(2)
    batches = [[makers.anything(chance, readers, 3) for _ in range(20)] for _ in range(80)]
    new_rules(monkeypatch)

    for _ in makers.while_storing(batches):
        recounting.recount()
        for campaign_id in (7, 8):
            rebuilding.rebuild(campaign_id)

    assert Event.objects.count() == 150 + 1600
    exact.check()


@pytest.mark.django_db(transaction=True)
def test_an_erasure_while_sums_are_counted_leaves_no_name(stored):
    """The worst moment: the erasure has seen the readers' old rows, and there are new ones."""
    alice, bob = people(2)
    makers.store([opened(alice), opened(bob)])

    def forget():
        try:
            erase.erase_subscriber(alice)
        finally:
            connection.close()

    def somebody_waits():
        with connection.cursor() as cursor:
            # Not pg_stat_activity, which shows a transaction the same all the time.
            cursor.execute(
                "SELECT FROM pg_locks JOIN pg_database ON pg_database.oid = database"
                " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
            )
            return cursor.rowcount > 0

    with ThreadPoolExecutor() as threads:
        with transaction.atomic():
            rebuilding.rebuild(7)
            erasing = threads.submit(forget)
            wait_for(somebody_waits)
        erasing.result()

    assert list(Reader.objects.values_list("subscriber_id", flat=True)) == [bob]
    exact.check()


def test_the_command_says_what_it_did():
    makers.store([opened()])
    output = StringIO()

    call_command("recount_events", "--campaign", "7", "--since", "2026-01-01", stdout=output)

    assert "1 hits judged, 0 of them otherwise than before" in output.getvalue()
    assert Recount.objects.get().since == datetime(2026, 1, 1, tzinfo=UTC)


def test_the_command_says_whose_sums_stay():
    makers.store([opened()])
    CampaignTotal.objects.update(kept_from=NOON)
    output = StringIO()

    call_command("recount_events", stdout=output)

    assert "1 keep theirs" in output.getvalue()


def test_the_command_refuses_what_is_no_day():
    with pytest.raises(CommandError, match="--since"):
        call_command("recount_events", "--since", "yesterday")
