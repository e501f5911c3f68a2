"""How the people of each list read: counted now and then, with what is known of its campaigns."""

from collections import defaultdict
from datetime import datetime

from newsletter.models import Campaign
from subscribers import recording
from subscribers.models import MailingList
from tracking import bands


def count_due(now: datetime) -> bool:
    """Count all lists anew if the last count is old enough. Says whether it was done."""
    return bands.is_due(now) and count(now)


def count(now: datetime) -> bool:
    """Count all lists anew, unless somebody else is at it. Says whether it was done."""
    sent = Campaign.objects.filter(started_at__isnull=False).values_list("id", flat=True)
    return bands.count(known(), recording.of_campaigns(sent), now)


def known(mailing_list_id: int | None = None) -> list[bands.List]:
    """Return what bands are told by, of all lists or of one (two queries)."""
    sent = Campaign.lists.through.objects.filter(campaign__started_at__isnull=False)
    wanted = MailingList.objects.all()
    if mailing_list_id is not None:
        sent = sent.filter(mailinglist_id=mailing_list_id)
        wanted = wanted.filter(pk=mailing_list_id)
    campaigns: dict[int, dict[int, datetime]] = defaultdict(dict)
    columns = ("mailinglist_id", "campaign_id", "campaign__started_at")
    for list_id, campaign_id, started_at in sent.values_list(*columns):
        campaigns[list_id][campaign_id] = started_at
    return [
        bands.List(
            each.pk,
            recording.of_list(each),
            list(campaigns[each.pk]),
            max(campaigns[each.pk].values(), default=None),
        )
        for each in wanted
    ]
