"""A campaign that readers forward, and a mail server that takes the copies."""

import pytest
from django.test import Client

from newsletter import campaigns
from newsletter.models import Template
from subscribers.models import Organisation
from tests.factories import make_campaign, make_list, make_subscriber
from tests.sending.sink import Sink


@pytest.fixture
def sink(settings):
    """A mail server on this machine, to which SMTP_URL points."""
    server = Sink().start()
    settings.SMTP_URL = server.url
    settings.JOIN_SECONDS = 0
    yield server
    server.stop()


@pytest.fixture
def browser() -> Client:
    """A browser that shows when a page would need a CSRF cookie."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def news():
    """A public list, and an organisation to name."""
    organisation = Organisation.current()
    organisation.name, organisation.postal_address = "Harbour Weekly", "12 Quay Street\nLeith"
    organisation.save()
    return make_list(name="Harbour News", slug="harbour", visibility="public")


@pytest.fixture
def campaign(news):
    """A campaign that was started, in which much is personal."""
    made = make_campaign(
        lists=[news],
        subject="June{{ ' for ' ~ subscriber.name if subscriber.name }}",
        body="Dear {{ subscriber.name | default('reader') }} in {{ subscriber.attributes.city }} "
        "<{{ subscriber.email }}>, [read](https://example.org/story) or "
        "[yours](https://example.org/you?m={{ subscriber.email }}), "
        "[leave]({{ unsubscribe_url }}).",
        template=Template.objects.get(name="Broadsheet"),
        from_email="The Harbour <harbour@example.org>",
        reply_to="desk@example.org",
    )
    make_subscriber(lists=[news])
    campaigns.start(made.pk)
    return made


@pytest.fixture
def ada(news):
    """A reader who forwards."""
    return make_subscriber(
        email="ada@example.org",
        name="Ada Lovelace",
        attributes={"city": "Marylebone"},
        lists=[news],
    )
