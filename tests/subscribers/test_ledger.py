"""The ledger is append-only for everyone who can write SQL, but for the erasure of a person."""

import pytest
from django.db import DatabaseError, connection, transaction

from subscribers import consent, erase
from subscribers.models import ConsentRecord, Subscriber, Suppression
from tests.factories import make_list, make_subscriber

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subscribers_consentrecord SET action = 'unsubscribed'",
        "UPDATE subscribers_consentrecord SET id = id",
        "DELETE FROM subscribers_consentrecord",
        "SET LOCAL broadsheet.erasing = '0'; DELETE FROM subscribers_consentrecord",
        "SET LOCAL broadsheet.truncate_ledger = 'off'; TRUNCATE subscribers_consentrecord",
    ],
)
def test_sql_cannot_change_it(origin, statement):
    consent.subscribe(make_subscriber().pk, make_list(), origin=origin)

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert ConsentRecord.objects.get().action == "requested"


def test_the_orm_cannot_change_it(origin):
    consent.subscribe(make_subscriber().pk, make_list(), origin=origin)
    line = ConsentRecord.objects.get()

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        line.save()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        line.delete()


def test_deleting_a_list_leaves_its_lines(origin):
    news = make_list()
    consent.subscribe(make_subscriber().pk, news, origin=origin)

    news.delete()

    assert ConsentRecord.objects.count() == 1


def test_erasing_takes_one_person_and_nobody_else(origin):
    news = make_list()
    gone, stays = make_subscriber(), make_subscriber()
    for person in (gone, stays):
        consent.subscribe(person.pk, news, origin=origin)

    erase.erase(gone.pk)

    assert list(Subscriber.objects.all()) == [stays]
    assert [line.subscriber_id for line in ConsentRecord.objects.all()] == [stays.pk]


def test_after_erasing_the_ledger_is_closed_again(origin):
    person, news = make_subscriber(), make_list()
    erase.erase(person.pk)
    consent.subscribe(make_subscriber().pk, news, origin=origin)

    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        ConsentRecord.objects.all().delete()


def test_a_suppression_outlives_the_person(origin):
    person = make_subscriber(email="gone@example.org")
    consent.suppress(person.email_key, Suppression.Reason.OBJECTION, origin=origin)

    erase.erase(person.pk)

    assert Suppression.objects.count() == 1
    assert consent.is_suppressed(make_subscriber(email="Gone@example.org"))


def test_erasing_is_all_or_nothing(settings, origin):
    settings.SUBSCRIBER_ERASERS = ["tests.subscribers.test_ledger.fail"]
    person, news = make_subscriber(), make_list()
    consent.subscribe(person.pk, news, origin=origin)

    with pytest.raises(RuntimeError):
        erase.erase(person.pk)

    assert Subscriber.objects.filter(pk=person.pk).exists()
    assert ConsentRecord.objects.count() == 1


def fail(subscriber_id: int) -> None:
    """Play an eraser that can't."""
    raise RuntimeError
