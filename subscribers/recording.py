"""What may be recorded of the reading of people who have chosen nothing themselves.

A person's own choice always wins, and is not looked at here. Without one it is up to the lists that
a campaign goes to: the strictest counts, for everybody whom the campaign reaches, so that nobody
has to ask who is on which of them. A list that says nothing follows the installation.
"""

from collections.abc import Iterable

from django.conf import settings

from subscribers import consent
from subscribers.models import MailingList, Subscription, TrackingChoice


def of_list(mailing_list: MailingList) -> TrackingChoice:
    """Return what may be recorded on one list."""
    return TrackingChoice(mailing_list.tracking or settings.TRACKING_DEFAULT)


def of_lists(list_ids: Iterable[int]) -> TrackingChoice:
    """Return the strictest of some lists; without any the installation's default."""
    mailing_lists = MailingList.objects.filter(id__in=list(list_ids))
    own = mailing_lists.values_list("tracking", flat=True)
    choices = [choice or settings.TRACKING_DEFAULT for choice in own]
    return TrackingChoice.strictest(choices or [settings.TRACKING_DEFAULT])


def of_campaign(campaign_id: int) -> TrackingChoice:
    """Return what may be recorded of a campaign; of an unknown one the installation's default."""
    return of_lists(consent.campaign_list_ids(campaign_id))


def of_campaigns(campaign_ids: Iterable[int]) -> dict[int, TrackingChoice]:
    """Return `of_campaign` for each: two queries, one where no list has a choice of its own."""
    usual = TrackingChoice(settings.TRACKING_DEFAULT)
    own = dict(MailingList.objects.exclude(tracking="").values_list("id", "tracking"))
    if not own:
        return dict.fromkeys(campaign_ids, usual)
    return {
        campaign_id: TrackingChoice.strictest(
            [own.get(each, usual) for each in list_ids] or [usual]
        )
        for campaign_id, list_ids in consent.lists_of_campaigns(campaign_ids).items()
    }


def of_person(subscriber_id: int) -> TrackingChoice | None:
    """Return what their lists say of a person who has chosen nothing; None when these differ."""
    on = MailingList.objects.filter(
        subscriptions__subscriber_id=subscriber_id,
        subscriptions__status=Subscription.Status.ACTIVE,
    )
    choices = {of_list(mailing_list) for mailing_list in on}
    if len(choices) > 1:
        return None
    return choices.pop() if choices else TrackingChoice(settings.TRACKING_DEFAULT)


def is_anywhere() -> bool:
    """Say whether anything is recorded of people who have chosen nothing, on any list."""
    if TrackingChoice(settings.TRACKING_DEFAULT) != TrackingChoice.OFF:
        return True
    return MailingList.objects.exclude(tracking__in=["", TrackingChoice.OFF]).exists()
