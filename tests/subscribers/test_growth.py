"""What joins and leaves a list is counted, in whatever way it comes, and is never lost."""

import random
import threading
from datetime import date
from importlib import import_module

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction

from subscribers import consent, growth
from subscribers.erase import erase
from subscribers.growth import Day, Grain, History
from subscribers.models import (
    ConsentRecord,
    ListChange,
    ListDay,
    MailingList,
    Subscription,
    Suppression,
)
from tests.factories import make_list, make_subscriber, make_subscription

FORM = consent.Origin(method=ConsentRecord.Method.FORM)
STAFF = consent.Origin(method=ConsentRecord.Method.ADMIN)
LONG_AGO = date(2000, 1, 1)


def sums(mailing_list: MailingList) -> tuple[int, int, int]:
    """Return how many joined, went and bounced."""
    found = growth.history(mailing_list.pk, LONG_AGO)
    assert found.before == 0
    return (
        sum(day.joined for day in found.days),
        sum(day.gone for day in found.days),
        sum(day.bounced for day in found.days),
    )


def active(mailing_list: MailingList) -> int:
    return mailing_list.subscriptions.filter(status=Subscription.Status.ACTIVE).count()


@pytest.mark.django_db
def test_asking_is_not_joining_and_confirming_is():
    mailing_list, person = make_list(), make_subscriber()

    consent.subscribe(person.pk, mailing_list, origin=FORM)
    asked = sums(mailing_list)
    consent.confirm(person.pk, [mailing_list.pk], origin=FORM)

    assert (asked, sums(mailing_list)) == ((0, 0, 0), (1, 0, 0))


@pytest.mark.django_db
def test_leaving_without_having_confirmed_is_no_loss():
    mailing_list, person = make_list(), make_subscriber()
    consent.subscribe(person.pk, mailing_list, origin=FORM)

    consent.unsubscribe(person.pk, origin=FORM)

    assert sums(mailing_list) == (0, 0, 0)


@pytest.mark.django_db
def test_somebody_who_comes_back_is_counted_again():
    mailing_list, person = make_list(), make_subscriber()
    consent.subscribe(person.pk, mailing_list, origin=STAFF, verified=True)
    consent.unsubscribe(person.pk, origin=FORM)

    consent.subscribe(person.pk, mailing_list, origin=STAFF, verified=True)

    assert sums(mailing_list) == (2, 1, 0)


@pytest.mark.django_db
def test_staff_who_suppress_take_off():
    mailing_list, person = make_list(), make_subscriber()
    make_subscription(person, mailing_list)

    consent.suppress(person.email_key, Suppression.Reason.MANUAL, origin=STAFF)

    assert sums(mailing_list) == (1, 1, 0)


@pytest.mark.django_db
def test_a_wrong_address_is_counted_on_each_list_that_its_person_is_on():
    first, second, left = make_list(), make_list(), make_list()
    person = make_subscriber(lists=[first, second])
    make_subscription(person, left, status=Subscription.Status.UNSUBSCRIBED)

    ConsentRecord.objects.create(
        subscriber_id=person.pk,
        action=ConsentRecord.Action.SUPPRESSED,
        method=ConsentRecord.Method.BOUNCE,
    )

    assert [sums(each) for each in (first, second, left)] == [(1, 0, 1), (1, 0, 1), (0, 0, 0)]


@pytest.mark.django_db
def test_an_erased_person_stays_a_number():
    mailing_list = make_list()
    person = make_subscriber(lists=[mailing_list])
    growth.fold()

    erase(person.pk)

    assert sums(mailing_list) == (1, 1, 0)
    assert active(mailing_list) == 0


@pytest.mark.django_db
def test_a_file_is_one_change_for_each_chunk(tmp_path):
    mailing_list = make_list()
    file = tmp_path / "people.csv"
    file.write_text("email\n" + "".join(f"p{number}@example.org\n" for number in range(50)))

    call_command("import_subscribers", str(file), list=mailing_list.slug)

    assert sums(mailing_list) == (50, 0, 0)
    assert ListChange.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(3))
def test_joined_minus_gone_is_how_many_are_active(seed):
    chance = random.Random(seed)
    lists = [make_list(opt_in=opt_in) for opt_in in MailingList.OptIn.values]
    people = [make_subscriber() for _ in range(8)]

    for _ in range(150):
        person, mailing_list = chance.choice(people), chance.choice(lists)
        what = chance.choice(["subscribe", "confirm", "verified", "leave", "leave all", "fold"])
        if what in ("subscribe", "verified"):
            is_verified = what == "verified"
            consent.subscribe(person.pk, mailing_list, origin=FORM, verified=is_verified)
        elif what == "confirm":
            consent.confirm(person.pk, [mailing_list.pk], origin=FORM)
        elif what == "fold":
            growth.fold()
        else:
            ids = [mailing_list.pk] if what == "leave" else None
            consent.unsubscribe(person.pk, ids, origin=FORM)
        if chance.random() < 0.03:
            erase(people.pop(chance.randrange(len(people))).pk)
            people.append(make_subscriber())

    for mailing_list in lists:
        joined, gone, _ = sums(mailing_list)
        assert joined - gone == active(mailing_list)
        assert joined > 0


@pytest.mark.django_db
def test_folding_changes_no_number():
    mailing_list = make_list()
    for _ in range(3):
        make_subscriber(lists=[mailing_list])
    before = sums(mailing_list)

    folded = [growth.fold(), growth.fold()]

    assert folded == [3, 0]
    assert sums(mailing_list) == before == (3, 0, 0)
    assert ListDay.objects.get().joined == 3


@pytest.mark.django_db
def test_a_list_that_is_gone_is_forgotten():
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list])
    growth.fold()
    make_subscriber(lists=[mailing_list])

    mailing_list.delete()
    growth.fold()

    assert not ListDay.objects.exists()
    assert not ListChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_who_join_at_once_do_not_wait_for_each_other():
    """A row that both had to raise would keep the second until the first one ends."""
    mailing_list = make_list()
    first, second = make_subscriber(), make_subscriber()
    joined = threading.Event()

    def join():
        try:
            consent.subscribe(second.pk, mailing_list, origin=STAFF, verified=True)
            joined.set()
        finally:
            connection.close()

    with transaction.atomic():
        consent.subscribe(first.pk, mailing_list, origin=STAFF, verified=True)
        thread = threading.Thread(target=join)
        thread.start()
        was_free = joined.wait(120)
        growth.fold()
    thread.join()

    assert was_free
    assert sums(mailing_list) == (2, 0, 0)


def test_days_weeks_and_months_have_no_gaps():
    today = date(2026, 3, 4)  # a Wednesday
    found = History(
        10, [Day(date(2026, 1, 31), 3), Day(date(2026, 3, 1), 2, 1), Day(date(2026, 3, 3), 0, 4, 1)]
    )

    months = growth.periods(found, today, Grain.MONTH, 3)
    weeks = growth.periods(found, today, Grain.WEEK, 2)
    days = growth.periods(found, today, Grain.DAY, 2)

    assert [(each.start, each.at_start, each.at_end) for each in months] == [
        (date(2026, 1, 1), 10, 13),
        (date(2026, 2, 1), 13, 13),
        (date(2026, 3, 1), 13, 10),
    ]
    assert [(each.start, each.at_start, each.net) for each in weeks] == [
        (date(2026, 2, 23), 13, 1),
        (date(2026, 3, 2), 14, -4),
    ]
    assert [(each.start, each.gone) for each in days] == [
        (date(2026, 3, 3), 4),
        (date(2026, 3, 4), 0),
    ]


def test_months_reach_over_the_new_year():
    assert growth.first(date(2026, 2, 28), Grain.MONTH, 14) == date(2025, 1, 1)
    assert growth.first(date(2026, 12, 31), Grain.MONTH, 1) == date(2026, 12, 1)


def test_churn_is_what_was_lost_of_those_who_were_there():
    history = History(200, [Day(date(2026, 3, 3), 50, 8, 2)])

    [month] = growth.periods(history, date(2026, 3, 31), Grain.MONTH, 1)

    assert month.churn == 0.05


def test_there_is_no_churn_where_nobody_was():
    [month] = growth.periods(History(0, []), date(2026, 3, 31), Grain.MONTH, 1)

    assert month.churn is None


@pytest.mark.django_db
def test_the_past_is_counted_from_the_ledger():
    mailing_list = make_list()
    back, gone, asked, waiting = (make_subscriber() for _ in range(4))
    for person in (back, gone):
        consent.subscribe(person.pk, mailing_list, origin=STAFF, verified=True)
        consent.unsubscribe(person.pk, origin=FORM)
    consent.subscribe(back.pk, mailing_list, origin=STAFF, verified=True)
    for person in (asked, waiting):
        consent.subscribe(person.pk, mailing_list, origin=FORM)
    consent.unsubscribe(asked.pk, origin=FORM)
    make_subscriber(lists=[mailing_list])  # without a line
    counted = sums(mailing_list)
    ListChange.objects.all().delete()

    migration = import_module("subscribers.migrations.0006_growth")
    with connection.schema_editor() as editor:
        migration.fill(apps, editor)

    assert sums(mailing_list) == counted == (4, 2, 0)
