"""The connections of a run, where one can't be opened for a reason that nobody foresaw."""

from newsletter.sending import connection
from tests.sending.conftest import numbers, send


def test_a_campaign_says_what_nobody_foresaw(sink, started, monkeypatch, caplog):
    async def stumble(*args):
        raise ValueError("no such thing")

    monkeypatch.setattr(connection, "connect", stumble)
    campaign = started(3)

    send(campaign)

    assert "no connection can be opened: ValueError" in campaign.waiting_reason
    assert numbers(campaign) == {"pending": 3}
    assert "no such thing" in caplog.text
