"""The sums of campaigns are those of batches, ledger and forwards, and are made anew in time."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter import summing
from newsletter.models import Batch, Campaign, CampaignSum
from subscribers import consent
from subscribers.models import ConsentRecord
from tests.factories import make_campaign, make_list, make_subscriber
from tracking.models import Forward

pytestmark = pytest.mark.django_db

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def sent(age: timedelta = DAY, **fields) -> Campaign:
    """Make a campaign of two batches that began so long ago."""
    started = now() - age
    campaign = make_campaign(
        **{
            "status": Campaign.Status.FINISHED,
            "started_at": started,
            "finished_at": started,
            "audience_size": 20,
            **fields,
        }
    )
    for _ in range(2):
        Batch.objects.create(
            campaign=campaign, subscriber_ids=[], size=10, sent=4, failed=3, skipped=2, in_doubt=1
        )
    return campaign


def test_sums_are_those_of_the_rows():
    news, tips = make_list(), make_list()
    campaign = sent(lists=[news, tips])
    sent()
    leaver = make_subscriber(lists=[news, tips])
    origin = consent.Origin(method=ConsentRecord.Method.PAGE, campaign_id=campaign.pk)
    consent.unsubscribe(leaver.pk, None, origin=origin)
    for number, kind in enumerate([1, 1, 2, 3]):
        Forward.objects.create(
            campaign_id=campaign.pk, subscriber_id=number + 1, kind=kind, state="made"
        )

    summing.sum_due(now())

    sums = CampaignSum.objects.get(pk=campaign.pk)
    assert (sums.sent, sums.failed, sums.skipped, sums.in_doubt) == (8, 6, 4, 2)
    assert (sums.leavers, sums.forwards, sums.shares) == (1, 2, 1)


def test_sums_again_are_the_same():
    campaign = sent()
    summing.sum_due(now())

    summing.sum_campaigns([campaign.pk], now())

    assert CampaignSum.objects.get().sent == 8


def test_an_unfinished_campaign_has_none():
    sent(status=Campaign.Status.RUNNING)

    assert summing.sum_due(now()) == 0


@pytest.mark.parametrize(
    ("age", "old", "is_due"),
    [
        (DAY, 4 * MINUTE, False),
        (DAY, 6 * MINUTE, True),
        (61 * DAY, 6 * MINUTE, False),
        (61 * DAY, DAY + MINUTE, True),
    ],
)
def test_young_campaigns_are_summed_more_often(age, old, is_due):
    campaign = sent(age)
    summing.sum_campaigns([campaign.pk], now() - old)

    assert summing.sum_due(now()) == is_due


def test_who_was_sent_to_once_more_is_summed_at_once():
    campaign = sent(61 * DAY, finished_at=now())
    summing.sum_campaigns([campaign.pk], now() - MINUTE)

    assert summing.sum_due(now()) == 1


def test_a_campaign_that_was_deleted_meanwhile_leaves_nothing_that_is_shown():
    campaign = sent()
    summing.sum_due(now())

    campaign.delete()

    assert not CampaignSum.objects.exists()
