"""How far tracking is behind is known."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from tests.tracking import makers
from tests.tracking.makers import append, opened
from tracking import lag, stream

pytestmark = pytest.mark.django_db


def test_nothing_waits(events):
    assert lag.lag() == (0, 0.0, 0, 0.0, 0, 0.0)


def test_what_waits(events):
    append(opened())
    makers.store([opened(at=now() - timedelta(minutes=30)), opened(at=now())])

    found = lag.lag()

    assert (found.packs, found.minutes) == (1, 1)
    assert found.seconds >= 0.0
    assert found.judging_seconds > 1000


def test_the_command_shows_it(events):
    append(opened())
    output = StringIO()

    call_command("tracking_status", stdout=output)

    assert "to be stored: 1 packs" in output.getvalue()


def test_the_command_shows_it_to_programs(events):
    output = StringIO()

    call_command("tracking_status", "--json", stdout=output)

    assert json.loads(output.getvalue())["packs"] == 0


def test_a_redis_that_is_away_is_said(monkeypatch):
    def away():
        raise ConnectionError("refused")

    monkeypatch.setattr(stream, "backlog", away)

    with pytest.raises(CommandError, match="Redis does not answer: refused"):
        call_command("tracking_status")
