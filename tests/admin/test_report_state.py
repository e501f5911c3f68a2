"""What a report says where its numbers say nothing yet: why, and where to go on."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.models import Batch, Campaign, CampaignSum
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign, make_list
from tracking.models import CampaignTotal

pytestmark = pytest.mark.django_db

Status = Campaign.Status


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def started(hours: float = 1, sent: int = 300, **fields) -> Campaign:
    """Make a campaign to a thousand people that began so long ago."""
    campaign = make_campaign(
        **{
            "status": Status.FINISHED,
            "started_at": timezone.now() - timedelta(hours=hours),
            "audience_size": 1000,
            **fields,
        }
    )
    Batch.objects.create(campaign=campaign, subscriber_ids=[], size=1000, sent=sent)
    return campaign


def show(client, campaign, page: str = "report"):
    response = client.get(reverse(f"admin:newsletter_campaign_{page}", args=[campaign.pk]))
    if page == "report":
        assert_clean(response)
    return response


@pytest.mark.parametrize(
    ("fields", "words", "leads_to"),
    [
        ({"status": Status.DRAFT}, "Nothing has been sent yet", "start"),
        (
            {"status": Status.SCHEDULED, "scheduled_at": timezone.now() + timedelta(days=1)},
            "It goes out",
            "progress",
        ),
        ({"status": Status.CANCELLED}, "Cancelled before its first mail", "change"),
    ],
)
def test_before_the_start(admin_client, fields, words, leads_to):
    campaign = make_campaign(**fields)

    page = show(admin_client, campaign).content.decode()

    assert words in page
    assert reverse(f"admin:newsletter_campaign_{leads_to}", args=[campaign.pk]) in page
    assert "data-live-url" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "Nobody has opened or clicked yet"),
        ({"hours": 50}, "Nobody opened or clicked"),
        ({"sent": 0, "status": Status.RUNNING}, "No mail has left yet"),
    ],
    ids=str,
)
def test_before_anybody_reads(admin_client, fields, words):
    response = show(admin_client, started(**fields))

    page = response.content.decode()
    assert words in page
    assert "Hours of the week" not in page
    assert "awaits=1" in page


def test_lists_that_record_nothing_say_so_and_no_zero(admin_client):
    campaign = started(hours=50, lists=[make_list(tracking="off")])

    response = show(admin_client, campaign)

    page = response.content.decode()
    assert "Opens and clicks are not recorded" in page
    values = {card["key"]: card["value"] for card in response.context["cards"]}
    assert values == {"sent": "300", "opens": "–", "clicks": "–", "unsubscribes": "0"}


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.RUNNING, "Being sent: 300 of 1,000"),
        (Status.PAUSED, "Paused after 300 of 1,000"),
        (Status.CANCELLED, "Cancelled after 300 of 1,000"),
    ],
)
def test_numbers_that_are_not_about_everybody_say_so(admin_client, status, words):
    campaign = started(status=status)

    assert words in show(admin_client, campaign).content.decode()
    assert words in show(admin_client, campaign, "report_json").json()["text"]["going"]


def test_an_empty_page_is_loaded_anew_when_something_came(admin_client):
    campaign = started()
    url = reverse("admin:newsletter_campaign_report_json", args=[campaign.pk])

    before = admin_client.get(url, {"awaits": "1"}).json()["done"]
    CampaignTotal.objects.create(campaign_id=campaign.pk, machine_opens=1)
    after = admin_client.get(url, {"awaits": "1"}).json()["done"]

    assert (before, after) == (False, True)
    assert not admin_client.get(url).json()["done"]


@pytest.mark.parametrize(
    ("hours", "opened", "marker"),
    [
        (1, 100, "usual in the end: 20 %"),
        (1, 900, "▲ 70.0 points above the usual 20 %"),
        (50, 100, "▼ 10.0 points below the usual 20 %"),
    ],
)
def test_less_than_usual_is_no_news_while_a_campaign_is_young(admin_client, hours, opened, marker):
    for days in (10, 20, 30):
        earlier = started(24 * days, sent=1000)
        CampaignTotal.objects.create(campaign_id=earlier.pk, opens=200, unique_opens=200)
    campaign = started(hours, sent=1000)
    CampaignTotal.objects.create(campaign_id=campaign.pk, opens=opened, unique_opens=opened)

    cards = show(admin_client, campaign).context["cards"]

    assert {card["key"]: card["marker"] for card in cards}["opens"] == marker
    assert not CampaignSum.objects.exists()


def test_report_says_when_to_whom_and_from_whom(admin_client):
    campaign = started(lists=[make_list(name="Harbour Weekly")], from_email="Us <us@example.org>")

    page = show(admin_client, campaign).content.decode()

    assert "to Harbour Weekly" in page
    assert "from Us &lt;us@example.org&gt;" in page


def test_clicks_are_a_share_of_opens_as_well(admin_client):
    campaign = started(sent=1000)
    CampaignTotal.objects.create(
        campaign_id=campaign.pk, opens=200, unique_opens=200, clicks=60, unique_clicks=50
    )

    cards = show(admin_client, campaign).context["cards"]

    assert "25 % of who opened" in {card["key"]: card["hint"] for card in cards}["clicks"]
