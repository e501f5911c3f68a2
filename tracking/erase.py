"""Takes names out of what happened to mail, or all of what happened to a campaign's."""

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
    """Forget who read and clicked. The sums stay: they name no one.

    Call in the transaction that deletes the subscriber: until it ends, no hits are stored, so none
    can bring the name back. Later ones are counted without it.
    """
    with transaction.atomic():
        rollups.lock_out_ingest()
        everywhere = CampaignTotal.objects.values("campaign_id")
        readers = Reader.objects.filter(campaign_id__in=everywhere, subscriber_id=subscriber_id)
        campaigns = list(readers.values_list("campaign_id", flat=True))
        links = LinkTotal.objects.filter(campaign_id__in=campaigns).values("link_id")
        ReaderLink.objects.filter(link_id__in=links, subscriber_id=subscriber_id).delete()
        Event.objects.filter(campaign_id__in=campaigns, subscriber_id=subscriber_id).update(
            subscriber_id=0
        )
        readers.delete()


def erase_campaign(campaign_id: int) -> None:
    """Remove a campaign's links, events and sums. Hits that come later are counted anew."""
    with transaction.atomic():
        rollups.lock_out_ingest()
        links = Link.objects.filter(campaign_id=campaign_id)
        ReaderLink.objects.filter(link_id__in=links.values("id")).delete()
        links.delete()
        for model in (Event, Reader, LinkTotal, CampaignHour, CampaignTotal):
            model.objects.filter(campaign_id=campaign_id).delete()
