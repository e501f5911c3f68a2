"""What the benchmark of reports makes up is whole: sums are what its events say, and pages open."""

import pytest
from django.db import connection

from benchmarks.tracking import pages, past, reports
from tests.tracking import exact
from tracking.models import Event

pytestmark = pytest.mark.django_db


def test_a_past_is_what_its_events_say():
    steps = list(past.make(3_000))

    assert past.is_made()
    assert Event.objects.count() == 3_000
    assert Event.objects.filter(campaign_id=past.campaign().pk).count() >= 1_800
    assert [step.share for step in steps] == sorted(step.share for step in steps)
    exact.check()


def test_pages_of_a_past_open(settings):
    settings.ALLOWED_HOSTS = ["*"]
    list(past.make(3_000))
    where = reports.look(connection)

    for address in (*where.report.values(), *where.others.values()):
        opened = pages.open_page(where.client, address)

        assert opened.queries
        assert opened.bytes
