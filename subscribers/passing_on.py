"""Whether readers may have us send a mail on to friends: up to the lists that it went to."""

from subscribers import consent
from subscribers.models import MailingList


def is_allowed(campaign_id: int) -> bool:
    """Say whether a campaign's mail may be forwarded and shared: when all of its lists allow it."""
    list_ids = consent.campaign_list_ids(campaign_id)
    return not MailingList.objects.filter(pk__in=list_ids, forwarding=False).exists()
