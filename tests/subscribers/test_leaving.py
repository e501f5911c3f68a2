"""The sums of who left by a campaign's mail are what the ledger says, and name no one."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from importlib import import_module
from random import Random

import pytest
from django.db import connection

from subscribers import consent, erase
from subscribers.models import ConsentRecord, LeavingSum
from tests.factories import make_leaving, make_list, make_subscriber

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
START = datetime(2000, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def leave(subscriber_id: int, at: datetime = NOON, campaign: int = 7) -> None:
    make_leaving(subscriber_id, campaign, at)


def kept() -> dict[tuple[int, int, datetime], tuple[int, int]]:
    """Return people and times by campaign, length and beginning."""
    return {(row.campaign_id, row.seconds, row.at): (row.people, row.times) for row in _rows()}


def _rows():
    return LeavingSum.objects.all()


def counted() -> dict[tuple[int, int, datetime], tuple[int, int]]:
    """Return the same, counted from the ledger."""
    people, times = defaultdict(set), defaultdict(set)
    lines = ConsentRecord.objects.filter(action=ConsentRecord.Action.UNSUBSCRIBED)
    for line in lines.exclude(campaign_id=0):
        hour = line.recorded_at.replace(minute=0, second=0, microsecond=0)
        moment = hour + timedelta(minutes=line.recorded_at.minute // 5 * 5)
        for seconds, at in ((0, START), (300, moment), (3600, hour)):
            key = (line.campaign_id, seconds, at)
            people[key].add(line.subscriber_id)
            times[key].add((line.subscriber_id, line.recorded_at))
    return {key: (len(people[key]), len(times[key])) for key in people}


def test_a_person_counts_once_in_each_time():
    leave(1)
    leave(1)  # two lists with one press of the button
    leave(1, NOON + 3 * MINUTE)
    leave(1, NOON + 7 * MINUTE)
    leave(2, NOON + 61 * MINUTE)
    leave(2, campaign=8)

    assert kept() == counted()
    assert kept()[7, LeavingSum.ALL, START] == (2, 4)
    assert kept()[7, LeavingSum.HOUR, NOON] == (1, 3)
    assert kept()[7, LeavingSum.MOMENT, NOON] == (1, 2)


def test_what_is_no_leaving_by_a_mail_is_not_counted():
    leave(1, campaign=0)
    ConsentRecord.objects.create(
        subscriber_id=1,
        action=ConsentRecord.Action.SUBSCRIBED,
        method=ConsentRecord.Method.FORM,
        campaign_id=7,
    )

    assert kept() == {}


def test_the_button_in_the_mail_is_counted():
    person, news = make_subscriber(), make_list()
    mail = consent.Origin(method=ConsentRecord.Method.ONE_CLICK, campaign_id=7)
    consent.subscribe(person.pk, news, origin=mail, verified=True)

    consent.unsubscribe(person.pk, origin=mail)
    consent.unsubscribe(person.pk, origin=mail)

    assert kept()[7, LeavingSum.ALL, START] == (1, 1)


def test_who_is_erased_stays_in_the_sums():
    person = make_subscriber()
    leave(person.pk)

    erase.erase(person.pk)

    assert kept()[7, LeavingSum.ALL, START] == (1, 1)


def test_what_was_there_before_is_counted_from_the_ledger():
    chance = Random(5)
    for _ in range(200):
        at = NOON + chance.randint(0, 300) * MINUTE
        leave(chance.randint(1, 30), at, campaign=chance.choice([7, 8]))
    by_trigger = kept()
    LeavingSum.objects.all().delete()

    with connection.cursor() as cursor:
        cursor.execute(import_module("subscribers.migrations.0008_leaving").FILL)

    assert kept() == by_trigger == counted()
