"""Whether readers may have us send a mail on to friends: up to the lists that it went to."""

from collections.abc import Collection

from subscribers import consent
from subscribers.models import MailingList


def is_allowed(campaign_id: int) -> bool:
    """Say whether a campaign's mail may be forwarded and shared: when all of its lists allow it."""
    return do_allow(consent.campaign_list_ids(campaign_id))


def do_allow(list_ids: Collection[int]) -> bool:
    """Say whether all of these lists let their mail be forwarded and shared."""
    return not MailingList.objects.filter(pk__in=list_ids, forwarding=False).exists()
