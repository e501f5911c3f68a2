"""Events find the partition of their month, and never fail for the lack of one."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from tests.tracking import makers
from tests.tracking.makers import opened
from tracking import partitions
from tracking.models import Event

pytestmark = pytest.mark.django_db


def where():
    """Return the partition of each event, by time."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT occurred_at, tableoid::regclass::text FROM tracking_event ORDER BY occurred_at"
        )
        return [(at.astimezone(UTC).isoformat(), name) for at, name in cursor.fetchall()]


def store(*moments):
    makers.store([opened(at=moment) for moment in moments])


def test_months_are_made_ahead_once():
    today = datetime(2031, 11, 15, tzinfo=UTC)

    made = partitions.make_ahead(today)

    assert made == [
        "tracking_event_2031_11",
        "tracking_event_2031_12",
        "tracking_event_2032_01",
    ]
    assert partitions.make_ahead(today) == []


def test_the_last_and_the_first_moment_of_a_month_are_in_different_partitions():
    partitions.make_ahead(datetime(2031, 11, 15, tzinfo=UTC))

    store(
        datetime(2031, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC), datetime(2031, 12, 1, tzinfo=UTC)
    )

    assert where() == [
        ("2031-11-30T23:59:59.999000+00:00", "tracking_event_2031_11"),
        ("2031-12-01T00:00:00+00:00", "tracking_event_2031_12"),
    ]


def test_an_event_of_a_month_without_partition_moves_when_it_is_made():
    store(datetime(2041, 5, 31, 23, tzinfo=UTC), datetime(2041, 6, 1, tzinfo=UTC))
    assert {name for _, name in where()} == {"tracking_event_other"}

    partitions.make_ahead(datetime(2041, 6, 1, tzinfo=UTC))

    assert [name for _, name in where()] == ["tracking_event_other", "tracking_event_2041_06"]
    assert Event.objects.count() == 2


def test_ids_go_on_in_new_partitions():
    store(datetime(2041, 6, 1, tzinfo=UTC))
    partitions.make_ahead(datetime(2041, 6, 1, tzinfo=UTC))

    store(datetime(2041, 6, 2, tzinfo=UTC))

    assert len(set(Event.objects.values_list("id", flat=True))) == 2
