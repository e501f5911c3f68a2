"""Whether a campaign's readers may be named, for many at once: the same as for each alone."""

from itertools import product

import pytest
from django.utils import timezone

from newsletter import naming
from subscribers import recording
from subscribers.models import TrackingChoice
from tests.factories import make_campaign, make_list

pytestmark = pytest.mark.django_db
CHOICES = ["", *TrackingChoice.values]


@pytest.mark.parametrize("usual", TrackingChoice.values)
def test_many_are_what_each_is(settings, usual, django_assert_num_queries):
    settings.TRACKING_DEFAULT = usual
    lists = {choice: make_list(tracking=choice) for choice in CHOICES}
    campaigns = [
        make_campaign(lists=[lists[first], lists[second]]).pk
        for first, second in product(CHOICES, CHOICES)
    ]

    with django_assert_num_queries(1):
        found = naming.of_campaigns(campaigns)

    assert found == {campaign: recording.of_campaign(campaign) for campaign in campaigns}


def test_a_campaign_that_nobody_knows_follows_the_installation(settings):
    settings.TRACKING_DEFAULT = "individual"

    assert naming.of_campaigns([12345]) == {12345: TrackingChoice.INDIVIDUAL}


def test_without_ids_it_is_every_campaign_that_was_sent(settings):
    make_campaign()
    sent = make_campaign(status="finished", started_at=timezone.now())

    assert list(naming.of_campaigns()) == [sent.pk]
