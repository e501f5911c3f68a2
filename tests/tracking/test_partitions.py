"""Events find the partition of their month, and never fail for the lack of one."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from tests.factories import make_subscriber
from tests.tracking import makers
from tests.tracking.makers import clicked, opened
from tracking import judging, partitions
from tracking.models import CampaignHour, CampaignTotal, Event, Reader
from tracking.portions import Span

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


class TestRetention:
    """Old months are dropped as a whole, and what they added to sums stays."""

    TODAY = datetime(2031, 11, 15, tzinfo=UTC)
    OLD, KEPT = datetime(2031, 8, 31, 23, tzinfo=UTC), datetime(2031, 9, 1, tzinfo=UTC)

    @pytest.fixture(autouse=True)
    def _months(self, simple_rules):
        partitions.make_ahead(datetime(2031, 7, 15, tzinfo=UTC))

    def test_months_before_those_to_keep_are_dropped(self):
        store(self.OLD, self.KEPT)

        dropped = partitions.drop_old(self.TODAY, keep=2)

        assert dropped == ["tracking_event_2031_07", "tracking_event_2031_08"]
        assert Event.objects.get().occurred_at == self.KEPT
        assert CampaignTotal.objects.get().opens == 2

    def test_it_is_done_once(self):
        partitions.drop_old(self.TODAY, keep=2)

        assert partitions.drop_old(self.TODAY, keep=2) == []

    @pytest.mark.django_db(transaction=True)
    def test_while_somebody_reads_them_they_stay(self, stored, monkeypatch):
        """What waits for a reader would hold up all hits that come."""
        monkeypatch.setattr(partitions, "_PATIENCE", 1)
        partitions.make_ahead(self.OLD)
        store(self.OLD)

        def drop():
            try:
                return partitions.drop_old(self.TODAY, keep=2)
            finally:
                connection.close()

        with ThreadPoolExecutor() as threads, transaction.atomic():
            assert Event.objects.count() == 1
            assert threads.submit(drop).result() == []

        assert CampaignTotal.objects.get().kept_from is None
        # A month later, so that no partition of this test is left to others.
        assert partitions.drop_old(self.TODAY + timedelta(days=31), keep=2) != []
        assert not Event.objects.exists()

    def test_the_months_to_keep_may_reach_into_last_year(self):
        store(datetime(2030, 9, 30, tzinfo=UTC), datetime(2030, 10, 1, tzinfo=UTC))

        partitions.drop_old(datetime(2031, 1, 31, tzinfo=UTC), keep=3)

        assert Event.objects.get().occurred_at == datetime(2030, 10, 1, tzinfo=UTC)

    def test_only_campaigns_that_lost_events_are_marked(self):
        makers.store([opened(at=self.OLD), opened(at=self.KEPT), opened(0, 8, self.KEPT)])

        partitions.drop_old(self.TODAY, keep=2)

        marked = CampaignTotal.objects.order_by("campaign_id").values_list("kept_from", flat=True)
        assert list(marked) == [self.KEPT, None]

    def test_sums_that_lost_their_events_move_with_those_that_are_left(self, settings):
        """A first open that was dropped stays the first; what is judged again moves."""
        settings.TRACKING_DEFAULT = "individual"
        alice = make_subscriber().id
        later = self.KEPT + timedelta(hours=1)
        makers.store(
            [
                *(opened(alice, at=at) for at in (self.OLD, self.KEPT, later)),
                *(clicked(70, alice, at=at) for at in (self.OLD, self.KEPT)),
            ]
        )
        partitions.drop_old(self.TODAY, keep=2)
        makers.store([clicked(71, alice, at=self.KEPT + timedelta(seconds=1))])

        judging.judge_span(Span(self.KEPT, later))

        total = CampaignTotal.objects.get()
        assert (total.opens, total.unique_opens) == (3, 1)
        assert (total.clicks, total.unique_clicks, total.machine_clicks) == (1, 1, 2)
        reader = Reader.objects.get()
        assert (reader.first_click_at, reader.last_open_at) == (self.OLD, later)
        assert reader.last_click_at == self.KEPT
        hour = CampaignHour.objects.get(hour=self.OLD)
        assert (hour.unique_opens, hour.unique_clicks) == (1, 1)
