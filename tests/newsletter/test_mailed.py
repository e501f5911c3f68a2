"""Outcomes of mails: from the sums of a finished campaign, else from its batches."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter.mailed import Outcomes, outcomes
from newsletter.models import Batch, Campaign, CampaignSum
from tests.factories import make_campaign

pytestmark = pytest.mark.django_db


def make_sent(status: str = Campaign.Status.FINISHED) -> Campaign:
    """Make a campaign whose two batches and whose sums say different things."""
    finished = now() - timedelta(hours=1) if status == Campaign.Status.FINISHED else None
    campaign = make_campaign(status=status, finished_at=finished)
    for _ in range(2):
        Batch.objects.create(
            campaign=campaign, subscriber_ids=[], size=5, sent=2, failed=1, skipped=1, in_doubt=1
        )
    CampaignSum.objects.create(campaign=campaign, sent=40, failed=3, summed_at=now())
    return campaign


def test_a_finished_campaign_is_not_added_up_again():
    campaign = make_sent()

    found = outcomes([campaign.pk])

    assert found == {campaign.pk: Outcomes(sent=40, failed=3)}


def test_a_campaign_that_is_being_sent_is_added_up():
    campaign = make_sent(Campaign.Status.RUNNING)

    found = outcomes([campaign.pk])

    assert found == {campaign.pk: Outcomes(sent=4, failed=2, skipped=2, in_doubt=2)}


def test_sums_from_before_it_was_finished_once_more_do_not_count():
    campaign = make_sent()
    CampaignSum.objects.update(summed_at=now() - timedelta(hours=2))

    found = outcomes([campaign.pk])

    assert found[campaign.pk].sent == 4


def test_some_of_each_and_what_nobody_knows():
    sent, running = make_sent(), make_sent(Campaign.Status.RUNNING)

    found = outcomes([sent.pk, running.pk, 0])

    assert [found[pk].sent for pk in (sent.pk, running.pk, 0)] == [40, 4, 0]
    assert outcomes([]) == {}
