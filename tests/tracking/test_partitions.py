"""Months of events: made once, ahead of their time."""

from datetime import UTC, datetime

import pytest

from tracking import partitions

pytestmark = pytest.mark.django_db


def test_months_are_made_once():
    """Ingest asks at every start."""
    today = datetime(2031, 11, 22, tzinfo=UTC)

    made = partitions.make_ahead(today)

    assert made == [f"tracking_event_{month}" for month in ("2031_11", "2031_12", "2032_01")]
    assert partitions.make_ahead(today) == []
