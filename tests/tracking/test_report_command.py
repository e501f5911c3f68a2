"""`manage.py report`: the numbers of a campaign, for people and for programs."""

import json

import pytest
from django.core.management import CommandError, call_command

from newsletter.models import Batch
from tests.factories import make_campaign, make_subscriber
from tests.tracking import makers
from tests.tracking.makers import clicked, opened
from tracking import links

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]


@pytest.fixture
def campaign(settings):
    """A campaign that was sent to four people in two batches, and read by one of them."""
    settings.TRACKING_DEFAULT = "individual"
    campaign = make_campaign(subject="June issue")
    for sent in (3, 1):
        Batch.objects.create(campaign=campaign, subscriber_ids=[1] * 3, size=3, sent=sent)
    [link] = links.ensure(campaign.id, ["https://example.org/story"]).values()
    alice = make_subscriber().id
    makers.store(
        [
            *(opened(alice, campaign.id), opened(0, campaign.id)),
            opened(alice, campaign.id, user_agent="SCANNER"),
            *(clicked(link, alice, campaign.id), clicked(link, alice, campaign.id)),
        ]
    )
    return campaign


def test_json(campaign, capsys):
    call_command("report", campaign.id, "--json")

    assert json.loads(capsys.readouterr().out) == {
        "campaign": campaign.id,
        "sent": 4,
        "opens": {"unique": 1, "total": 2},
        "clicks": {"unique": 1, "total": 2},
        "machines": {
            "opens": {"unique": 1, "total": 1},
            "clicks": {"unique": 0, "total": 0},
        },
        "unsubscribes": {"unique": 0, "total": 0},
        "links": [{"url": "https://example.org/story", "unique": 1, "total": 2}],
    }


def test_text(campaign, capsys):
    call_command("report", campaign.id)

    shown = capsys.readouterr().out
    assert "June issue" in shown
    assert "1 people (25.0% of sent), 2 times" in shown
    assert "1 opens and 0 clicks, not counted above" in shown
    assert "https://example.org/story" in shown


def test_a_campaign_that_is_not_there():
    with pytest.raises(CommandError, match="no campaign 404") as error:
        call_command("report", 404)

    assert error.value.returncode == 1
