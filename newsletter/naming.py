"""Which campaigns' readers may be named: the choice of each one's lists, for many at once.

What subscribers/recording.py says of one campaign, in one query for any number of them.
"""

from collections import defaultdict
from collections.abc import Iterable

from django.conf import settings

from newsletter.models import Campaign
from subscribers.models import TrackingChoice


def of_campaigns(campaign_ids: Iterable[int] | None = None) -> dict[int, TrackingChoice]:
    """Return the strictest choice of each campaign's lists; without ids, of all that were sent.

    Of a campaign that is unknown, or has no list any more, it is the installation's default.
    """
    through = Campaign.lists.through.objects
    if campaign_ids is None:
        ids = list(Campaign.objects.filter(started_at__isnull=False).values_list("id", flat=True))
    else:
        ids = list(campaign_ids)
    own = defaultdict(list)
    pairs = through.filter(campaign_id__in=ids).values_list("campaign_id", "mailinglist__tracking")
    for campaign_id, choice in pairs:
        own[campaign_id].append(choice or settings.TRACKING_DEFAULT)
    usual = [settings.TRACKING_DEFAULT]
    return {each: TrackingChoice.strictest(own.get(each, usual)) for each in ids}
