"""Takes names out of what happened to mail, or all of what happened to a campaign's."""

import secrets

from django.db import connection, transaction

from subscribers.models import LeavingSum
from tracking import rollups
from tracking.models import (
    Breakdown,
    CampaignHour,
    CampaignMoment,
    CampaignTotal,
    Event,
    Forward,
    ForwardTotal,
    Link,
    LinkTotal,
    PossibleForwards,
    Reader,
    ReaderLink,
    VerdictTotal,
)

_SUMS = (
    Reader,
    LinkTotal,
    ForwardTotal,
    VerdictTotal,
    Breakdown,
    CampaignMoment,
    CampaignHour,
    CampaignTotal,
    Forward,
    PossibleForwards,
    LeavingSum,
)

# A number for each campaign, drawn at random and written nowhere else: counts of people stay what
# they were, and nobody can say whose they are. Verdicts stay; what they were given by goes.
_FORGET = """
UPDATE tracking_event event
SET subscriber_id = nobody.number, network = NULL, user_agent = '', marks = '{}', since_sent = NULL
FROM unnest(%s::bigint[], %s::bigint[]) nobody (campaign_id, number)
WHERE event.campaign_id = nobody.campaign_id AND event.subscriber_id = %s
"""


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
        numbers = [-1 - secrets.randbits(62) for _ in campaigns]
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, [campaigns, numbers, subscriber_id])
        readers.delete()


def erase_campaign(campaign_id: int) -> None:
    """Remove a campaign's links, events, forwards and sums. Later hits are counted anew."""
    with transaction.atomic():
        rollups.lock_out_ingest()
        links = Link.objects.filter(campaign_id=campaign_id)
        ReaderLink.objects.filter(link_id__in=links.values("id")).delete()
        links.delete()
        for model in (Event, *_SUMS):
            model.objects.filter(campaign_id=campaign_id).delete()
