"""The page of trends: opens with whatever is asked for, and says what it leaves out."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter.models import Campaign, CampaignSum
from tests.admin.conftest import PAYLOAD
from tests.admin.test_guards import assert_clean
from tests.factories import make_campaign, make_list
from tracking.models import CampaignTotal

pytestmark = pytest.mark.django_db

URL = "/admin/trends/"


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def sent(days: int, opened: int = 0, **fields) -> Campaign:
    """Make a campaign to a thousand people, with its sums."""
    campaign = make_campaign(
        **{
            "status": Campaign.Status.FINISHED,
            "started_at": timezone.now() - timedelta(days=days),
            "audience_size": 1000,
            **fields,
        }
    )
    CampaignSum.objects.create(
        campaign=campaign, sent=campaign.audience_size, summed_at=timezone.now()
    )
    CampaignTotal.objects.create(
        campaign_id=campaign.pk, opens=2 * opened, unique_opens=opened, machine_opens=opened
    )
    return campaign


@pytest.fixture
def campaigns() -> list[Campaign]:
    """Four campaigns, the newest first."""
    return [
        sent(1, 900, subject="Fresh"),
        sent(5, 100, subject=PAYLOAD),
        sent(9, 300, subject="Good", from_email="Us <us@example.org>"),
        sent(12, 200, subject="Fair"),
    ]


def show(client, **asked):
    response = client.get(URL, asked)
    assert_clean(response)
    return response


def ranking(response) -> list[str]:
    return [line["row"].subject for line in response.context["ranking"]]


@pytest.mark.parametrize("counted", ["", "people", "times", "all", "machines", "nonsense"])
@pytest.mark.parametrize("sort", ["opened", "click_to_open", "unsubscribed", "nonsense"])
def test_every_choice_opens(admin_client, campaigns, counted, sort):
    show(admin_client, counted=counted, sort=sort, order="worst", p="7", least="1", to="9" * 30)


def test_ranking(admin_client, campaigns):
    assert ranking(show(admin_client)) == ["Fresh", "Good", "Fair", PAYLOAD]
    assert ranking(show(admin_client, order="worst"))[0] == PAYLOAD


def test_best_and_worst_are_marked_and_the_newest_is_neither(admin_client, campaigns):
    lines = show(admin_client).context["ranking"]

    marks = {
        line["row"].subject: (cell.is_best, cell.is_worst)
        for line in lines
        for cell in line["cells"]
        if cell.measure == "opened"
    }
    assert marks == {
        "Fresh": (False, False),
        "Good": (True, False),
        "Fair": (False, False),
        PAYLOAD: (False, True),
    }


def test_sender_is_chosen(admin_client, campaigns):
    assert ranking(show(admin_client, sender="Us <us@example.org>")) == ["Good"]
    assert "Good" not in ranking(show(admin_client, sender="-"))


def test_list_is_chosen(admin_client, campaigns):
    there = campaigns[3].lists.get()

    assert ranking(show(admin_client, to=there.pk)) == ["Fair"]


def test_pages_of_the_ranking(admin_client):
    for number in range(30):
        sent(number + 3, number)

    first = show(admin_client)
    second = show(admin_client, p=2)

    assert len(ranking(first)) == 25
    assert len(ranking(second)) == 5
    assert "1 to 25 of 30" in first.content.decode()


def test_small_campaigns_are_left_out_unless_asked_for(admin_client):
    sent(5, 3, audience_size=3)

    page = show(admin_client).content.decode()

    assert "1 campaign too small to compare" in page
    assert len(ranking(show(admin_client, least=1))) == 1


def test_unnamed_campaigns_are_shown_by_times(admin_client, campaigns, settings):
    settings.TRACKING_DEFAULT = "aggregate"

    response = show(admin_client)

    assert response.context["counting"] == "times"
    assert "count without names" in response.content.decode()


def test_without_tracking_the_rates_are_unknown(admin_client, settings):
    settings.TRACKING_DEFAULT = "off"
    sent(5)

    assert "record nothing of who reads" in show(admin_client, counted="times").content.decode()


def test_first_day_says_what_will_be_here(admin_client):
    assert "No campaign has been sent yet" in show(admin_client).content.decode()


def test_nothing_that_fits_says_where_to_look(admin_client):
    sent(500)

    assert "All campaigns, all time" in show(admin_client).content.decode()


def test_file_has_what_the_page_has(admin_client, campaigns):
    make_list()

    response = admin_client.get(reverse("admin:newsletter_trends_csv"), {"least": "100"})

    lines = b"".join(response).decode().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("campaign_id,subject")


def test_who_may_not_see_campaigns_sees_no_trends(staff_client):
    assert staff_client("newsletter.view_template").get(URL).status_code == 403
    assert staff_client("newsletter.view_campaign").get(URL).status_code == 200
