"""Takes a person's name out of what happened to mail. The sums stay: they name no one."""

from django.db import transaction

from tracking import rollups
from tracking.models import (
    CampaignHour,
    CampaignTotal,
    Event,
    Link,
    LinkTotal,
    Reader,
    ReaderLink,
)


def erase_subscriber(subscriber_id: int) -> None:
    """Forget who read and clicked. Hits that arrive from now on are counted without a name.

    Call in the transaction that deletes the subscriber: until it ends, no hits are stored, so none
    can bring the name back.
    """
    with transaction.atomic():
        rollups.lock_out_ingest()
        Reader.objects.filter(subscriber_id=subscriber_id).delete()
        ReaderLink.objects.filter(subscriber_id=subscriber_id).delete()
        Event.objects.filter(subscriber_id=subscriber_id).update(subscriber_id=0)


def erase_campaign(campaign_id: int) -> None:
    """Remove everything that was recorded of a campaign, for a campaign that is itself removed."""
    links = Link.objects.filter(campaign_id=campaign_id)
    ReaderLink.objects.filter(link_id__in=links.values("id")).delete()
    for model in (Event, CampaignTotal, CampaignHour, LinkTotal, Reader):
        model._base_manager.filter(campaign_id=campaign_id).delete()
    links.delete()
