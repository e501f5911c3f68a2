"""A scriptable mail server, and campaigns on their way to it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from newsletter import campaigns, due
from newsletter.models import Campaign, Delivery, SendingServer
from newsletter.progress import progress
from newsletter.sending import run
from tests.factories import make_campaign
from tests.sending.several import LONG, make_server
from tests.sending.sink import Sink


@pytest.fixture
def sink(settings) -> Iterator[Sink]:
    """A server on this machine, to which SMTP_URL points."""
    server = Sink().start()
    settings.SMTP_URL = server.url
    settings.SEND_CONNECTIONS = 4
    settings.SEND_BATCH_SIZE = 10
    yield server
    server.stop()


@pytest.fixture
def servers(transactional_db, settings) -> Iterator[Callable[..., tuple[Sink, SendingServer]]]:
    """Make servers on this machine, each with its row."""
    settings.SEND_CONNECTIONS = 4
    settings.SEND_BATCH_SIZE = 20
    made = []

    def make(**fields: Any) -> tuple[Sink, SendingServer]:
        made.append(Sink().start())
        return made[-1], make_server(made[-1], **fields)

    yield make
    for sink in made:
        sink.stop()


@pytest.fixture
def started(transactional_db) -> Callable[..., Campaign]:
    """Make and start a campaign to `people`."""

    def make(people: int, **fields: Any) -> Campaign:
        campaign = make_campaign(people=people, **fields)
        campaigns.start(campaign.pk)
        return campaign

    return make


@pytest.fixture
def worker(sink, settings):
    """Start workers as processes; they are gone at the end."""
    started = []

    def start(campaign: Campaign, *, lease: int = 20, batch_size: int = 30) -> subprocess.Popen:
        database = settings.DATABASES["default"]
        address = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format_map(
            {**database, "NAME": connection.settings_dict["NAME"]}
        )
        arguments = [str(campaign.pk), sink.url, str(lease), str(batch_size)]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sending.worker", *arguments],
            env={**os.environ, "DATABASE_URL": address},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def send(campaign: Campaign, seconds: float = LONG) -> run.Result:
    """Send what is due, and finish the campaign when it is complete."""
    result = run.send(campaign.pk, seconds=seconds)
    due.finish_complete()
    campaign.refresh_from_db()
    return result


def aside(act: Callable[[], Any]) -> Any:
    """Do something with the database while the mail server, or a run, is in the middle of a mail.

    Both are asynchronous, where Django's own connection must not be used.
    """

    def do() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(do).result()


def numbers(campaign: Campaign) -> dict[str, int]:
    """Return the parts of the sum that are not nought, after checking that all of it balances."""
    now = progress(campaign.pk)
    parts = {
        "sent": now.sent,
        "failed": now.failed,
        "skipped": now.skipped,
        "in_doubt": now.in_doubt,
    }
    for status, count in parts.items():
        assert campaign.deliveries.filter(status=status).count() == count
    assert now.audience == sum(parts.values()) + now.pending
    return {name: count for name, count in {**parts, "pending": now.pending}.items() if count}


def reasons(campaign: Campaign) -> set[str]:
    """Return why mails of a campaign were not sent."""
    return set(
        campaign.deliveries.exclude(status=Delivery.Status.SENT).values_list("reason", flat=True)
    )
