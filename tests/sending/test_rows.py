"""The servers of the rows, where something in one of them is wrong."""

import logging

import pytest
from django.conf import settings

from newsletter import places, vault
from newsletter.models import SendingServer
from newsletter.sending import live, rows
from tests.sending.conftest import numbers, send

pytestmark = pytest.mark.django_db


def test_a_server_whose_password_can_not_be_opened_stops_nobody_else(servers, started, caplog):
    good, _ = servers()
    bad, row = servers(username="news", password_sealed="nobody sealed this")
    campaign = started(5)

    with caplog.at_level(logging.ERROR, logger=rows.logger.name):
        send(campaign)
        rows.load()

    assert numbers(campaign) == {"sent": 5}
    assert (len(good.mails), bad.mails) == (5, [])
    (said,) = [record.getMessage() for record in caplog.records if row.name in record.getMessage()]
    assert "Enter it anew" in said


def test_it_is_not_replaced_by_smtp_url():
    SendingServer.objects.create(name="Relay", host="relay.example.org", password_sealed="odd")

    assert rows.load() == []


def test_its_state_says_why():
    sealed = vault.seal("correct horse", "another purpose")
    SendingServer.objects.create(name="Relay", host="relay.example.org", password_sealed=sealed)

    (place,) = places.servers(live.read(settings.REDIS_URL), [])

    assert place.words == "can’t be signed in to"
    assert "ENCRYPTION_KEYS" in place.because
