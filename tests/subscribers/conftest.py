"""What the tests of people share: no waiting, and a limiter of their own."""

import os

import pytest
import redis

from subscribers import visitors
from subscribers.consent import Origin
from subscribers.models import ConsentRecord, MailingList
from tests.factories import make_list


@pytest.fixture(autouse=True)
def _at_once(settings) -> None:
    settings.JOIN_SECONDS = 0


@pytest.fixture(autouse=True)
def _own_counters(settings, monkeypatch):
    """Count sign-ups apart from the installation's and from other tests'."""
    monkeypatch.setattr(visitors, "PREFIX", f"test:{os.getpid()}:")
    client = redis.Redis.from_url(settings.REDIS_URL)
    # As patient as a busy machine asks for; visitors' own gives up quickly.
    monkeypatch.setattr(visitors, "_client", lambda: client)
    yield
    for key in client.scan_iter(f"test:{os.getpid()}:*"):
        client.delete(key)
    client.close()


@pytest.fixture
def origin() -> Origin:
    return Origin(method=ConsentRecord.Method.FORM, ip="203.0.113.7", user_agent="Browser")


@pytest.fixture
def news() -> MailingList:
    return make_list(slug="news")
