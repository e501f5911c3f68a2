"""What is usual is said of enough campaigns like this one, and of no others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from newsletter import comparing
from newsletter.models import Batch, Campaign
from subscribers.models import TrackingChoice
from tests.factories import make_campaign, make_list
from tracking.models import CampaignTotal

pytestmark = pytest.mark.django_db


def sent(opened: int, days: int = 10, **fields) -> Campaign:
    """Make a campaign of a thousand mails that so many people opened."""
    campaign = make_campaign(
        **{
            "status": Campaign.Status.FINISHED,
            "started_at": timezone.now() - timedelta(days=days),
            "audience_size": 1000,
            **fields,
        }
    )
    Batch.objects.create(campaign=campaign, subscriber_ids=[], size=1000, sent=1000)
    CampaignTotal.objects.create(campaign_id=campaign.pk, opens=opened, unique_opens=opened)
    return campaign


def usual(**fields) -> comparing.Usual:
    return comparing.usual(sent(900, days=0, **fields), timezone.now())


def test_middle_of_earlier_campaigns():
    for opened in (100, 200, 600):
        sent(opened)

    assert usual() == comparing.Usual(3, opened=0.2, clicked=0.0, left=0.0)


def test_too_few_say_nothing():
    sent(100)
    sent(200)

    assert usual() == comparing.Usual(2)


@pytest.mark.parametrize(
    "different",
    [
        {"from_email": "others@example.org"},
        {"audience_size": 99},
        {"audience_size": 10_000},
        {"days": 1},
        {"status": Campaign.Status.CANCELLED},
    ],
    ids=str,
)
def test_only_campaigns_like_it(different):
    sent(100)
    sent(200)
    sent(300, **different)

    assert usual().opened is None


def test_campaigns_that_name_nobody_say_nothing_of_people():
    campaigns = [sent(100), sent(200), sent(300)]
    CampaignTotal.objects.filter(campaign_id=campaigns[0].pk).update(unique_opens=0)

    found = usual()

    assert found.opened is None
    assert found.left == 0.0


@pytest.mark.parametrize("choice", [TrackingChoice.OFF, TrackingChoice.AGGREGATE])
def test_campaigns_that_record_less_are_left_out(choice):
    named = [make_list(tracking=TrackingChoice.INDIVIDUAL)]
    for opened in (100, 200, 300):
        sent(opened, lists=named)
        sent(0, lists=[*named, make_list(tracking=choice)])

    found = usual(lists=named)

    assert found == comparing.Usual(6, opened=0.2, clicked=0.0, left=0.0)


def test_nothing_is_usual_where_nothing_is_recorded():
    silent = [make_list(tracking=TrackingChoice.OFF)]
    for _ in range(3):
        sent(0, lists=silent)

    assert usual(lists=silent) == comparing.Usual(3, left=0.0)


def test_only_the_newest_count():
    for number in range(comparing.NEWEST + 4):
        sent(100, days=10 + number)

    assert usual().campaigns == comparing.NEWEST


@pytest.mark.parametrize(
    ("size", "limits"),
    [(0, (0, 100)), (99, (0, 100)), (100, (100, 1000)), (12_345, (10_000, 100_000))],
)
def test_sizes(size, limits):
    assert comparing.size_class(size) == limits
