"""Every change to what a person agreed to: one function here, one line in the ledger.

The change and its line are committed together or not at all. Functions lock the person's row
first, so that two changes at once follow each other, and nobody who is being erased is added to a
list. Asking for what is already so is not an error: mail programs repeat one-click requests.

Nobody on the suppression list becomes active, and nobody who left comes back by what others do (a
form that anyone can fill in, an imported file): only by a link that was mailed to them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.module_loading import import_string

from subscribers import suppression
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)

Action, Method, Status = ConsentRecord.Action, ConsentRecord.Method, Subscription.Status
USER_AGENT_LIMIT = 300  # characters
BEFORE = "before"  # in the evidence of leaving: the state that was left


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a change came from: kept in the ledger as proof."""

    method: ConsentRecord.Method
    ip: str | None = None
    user_agent: str = ""
    campaign_id: int = 0  # whose mail carried the link; 0 when there was none
    staff_id: int | None = None
    evidence: dict[str, Any] = field(default_factory=dict)


def subscribe(
    subscriber_id: int, mailing_list: MailingList, *, origin: Origin, verified: bool = False
) -> Subscription.Status | None:
    """Put a person on a list. Returns the state they have then, or None when it can't be.

    `verified` says that the person followed a link from their own mailbox, or that a member of
    staff vouches for them. Otherwise the person has to confirm (PENDING) when the list asks for
    it, and also when they had left: else anyone could bring them back. None means suppressed, or
    erased meanwhile.
    """
    with transaction.atomic():
        subscriber = _lock(subscriber_id)
        if subscriber is None or is_suppressed(subscriber):
            return None
        subscription, new = Subscription.objects.get_or_create(
            subscriber=subscriber,
            mailing_list=mailing_list,
            defaults={"status": Status.UNSUBSCRIBED},
        )
        direct = verified or (new and mailing_list.opt_in == MailingList.OptIn.SINGLE)
        target = Status.ACTIVE if direct else Status.PENDING
        if subscription.status in (Status.ACTIVE, target):
            return Status(subscription.status)
        _move(subscription.pk, target)
        action = Action.SUBSCRIBED if direct else Action.REQUESTED
        _record(subscriber_id, action, origin, mailing_list=mailing_list)
        return target


def confirm(
    subscriber_id: int, mailing_list_ids: Iterable[int], *, origin: Origin
) -> list[MailingList]:
    """Make a person's waiting subscriptions to these lists active. Returns the lists joined."""
    with transaction.atomic():
        subscriber = _lock(subscriber_id)
        if subscriber is None or is_suppressed(subscriber):
            return []
        waiting = _subscriptions(subscriber_id, mailing_list_ids).filter(status=Status.PENDING)
        return [
            _change(subscription, Status.ACTIVE, Action.CONFIRMED, origin)
            for subscription in waiting
        ]


def unsubscribe(
    subscriber_id: int, mailing_list_ids: Iterable[int] | None = None, *, origin: Origin
) -> list[MailingList]:
    """Stop mail to a person at once: from these lists, or from all. Returns the lists left.

    A request that still waits for confirmation ends as well. An empty answer means that there was
    nothing to leave.
    """
    with transaction.atomic():
        if _lock(subscriber_id) is None:
            return []
        on = _subscriptions(subscriber_id, mailing_list_ids).exclude(status=Status.UNSUBSCRIBED)
        return [
            _change(subscription, Status.UNSUBSCRIBED, Action.UNSUBSCRIBED, origin)
            for subscription in on
        ]


def unsubscribe_campaign(subscriber_id: int, *, origin: Origin) -> list[MailingList]:
    """Stop mail from every list that `origin.campaign_id` went to. Returns the lists left.

    When nobody knows that campaign any more, the person leaves every list: stopping too much can
    be put right, going on can't.
    """
    return unsubscribe(subscriber_id, campaign_list_ids(origin.campaign_id) or None, origin=origin)


def campaign_list_ids(campaign_id: int) -> list[int]:
    """Return the lists that a campaign went to, [] when it is unknown."""
    return lists_of_campaigns([campaign_id])[campaign_id]


def lists_of_campaigns(campaign_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return `campaign_list_ids` of each, at the cost of one (settings.CAMPAIGN_LISTS)."""
    list_ids: dict[int, list[int]] = import_string(settings.CAMPAIGN_LISTS)(campaign_ids)
    return list_ids


def resubscribe(subscriber_id: int, *, origin: Origin) -> list[MailingList]:
    """Undo the leaving that came of `origin.campaign_id`'s mail. Returns the lists joined again.

    For the person who holds that mail and pressed the wrong button. Lists that were left in
    another way stay left, and a list that was never confirmed does not become active.
    """
    with transaction.atomic():
        subscriber = _lock(subscriber_id)
        if subscriber is None or is_suppressed(subscriber):
            return []
        left = left_by_campaign(subscriber_id, origin.campaign_id)
        return [
            _change(subscription, Status.ACTIVE, Action.SUBSCRIBED, origin)
            for subscription in _subscriptions(subscriber_id, [each.pk for each in left])
        ]


def left_by_campaign(subscriber_id: int, campaign_id: int) -> list[MailingList]:
    """Return the lists that a person got, and left by the link in this campaign's mail."""
    last: dict[int | None, ConsentRecord] = {}
    for line in ConsentRecord.objects.filter(subscriber_id=subscriber_id).order_by("id"):
        last[line.mailing_list_id] = line
    ids = [
        list_id
        for list_id, line in last.items()
        if list_id
        and line.action == Action.UNSUBSCRIBED
        and line.campaign_id == campaign_id
        # Campaign 0 is in the ledger for every way that has no campaign.
        and line.method in (Method.ONE_CLICK, Method.PAGE)
        and line.evidence.get(BEFORE) == Status.ACTIVE
    ]
    left = _subscriptions(subscriber_id, ids).filter(status=Status.UNSUBSCRIBED)
    return [subscription.mailing_list for subscription in left]


def suppress(email_key: str, reason: Suppression.Reason, *, origin: Origin) -> bool:
    """Never write to this address again. Returns False when it is on the list already.

    `email_key` is `addresses.Address.key`; the person need not be known. Their subscriptions end.
    """
    digest = suppression.email_hash(email_key)
    with transaction.atomic():
        subscriber = Subscriber.objects.select_for_update().filter(email_key=email_key).first()
        _, new = Suppression.objects.get_or_create(
            email_hash=digest, defaults={"key_id": suppression.key_id(), "reason": reason}
        )
        if subscriber is not None:
            unsubscribe(subscriber.pk, origin=origin)
            if new:
                _record(subscriber.pk, Action.SUPPRESSED, origin)
    return new


def unsuppress(email_key: str, *, origin: Origin) -> bool:
    """Allow mail to this address again. Returns False when it was not suppressed.

    Whoever was suppressed by hand has left all lists; after a bounce they are on theirs again.
    """
    with transaction.atomic():
        subscriber = Subscriber.objects.select_for_update().filter(email_key=email_key).first()
        digest = suppression.email_hash(email_key)
        gone, _ = Suppression.objects.filter(email_hash=digest).delete()
        if gone and subscriber is not None:
            _record(subscriber.pk, Action.UNSUPPRESSED, origin)
    return bool(gone)


def choose_tracking(subscriber_id: int, choice: TrackingChoice, *, origin: Origin) -> bool:
    """Set what may be recorded of a person's reading. Returns False when it was so already."""
    with transaction.atomic():
        changed = (
            Subscriber.objects.filter(pk=subscriber_id)
            .exclude(tracking=choice)
            .update(tracking=choice)
        )
        if changed:
            _record(subscriber_id, Action.TRACKING, origin, choice=choice.value)
            announce_choices([subscriber_id])
    return bool(changed)


def announce_choices(subscriber_ids: Collection[int]) -> None:
    """Have what was made before some people chose follow their choice (CHOICE_FOLLOWERS)."""
    for path in settings.CHOICE_FOLLOWERS if subscriber_ids else ():
        import_string(path)(subscriber_ids)


def is_suppressed(subscriber: Subscriber) -> bool:
    """Say whether this person is never written to."""
    return Suppression.objects.filter(email_hash=bytes(subscriber.email_hash)).exists()


def _lock(subscriber_id: int) -> Subscriber | None:
    return Subscriber.objects.select_for_update().filter(pk=subscriber_id).first()


def _subscriptions(
    subscriber_id: int, mailing_list_ids: Iterable[int] | None
) -> QuerySet[Subscription]:
    found = Subscription.objects.filter(subscriber_id=subscriber_id)
    if mailing_list_ids is not None:
        found = found.filter(mailing_list_id__in=list(mailing_list_ids))
    return found.select_related("mailing_list").order_by("mailing_list__name")


def _change(
    subscription: Subscription, status: Subscription.Status, action: str, origin: Origin
) -> MailingList:
    """Move a subscription whose person is locked, and write it down."""
    _move(subscription.pk, status)
    mailing_list = subscription.mailing_list
    evidence = {BEFORE: subscription.status} if action == Action.UNSUBSCRIBED else {}
    _record(subscription.subscriber_id, action, origin, mailing_list=mailing_list, **evidence)
    return mailing_list


def _move(subscription_id: int, status: Subscription.Status) -> None:
    Subscription.objects.filter(pk=subscription_id).update(status=status, changed_at=Now())


def _record(
    subscriber_id: int,
    action: str,
    origin: Origin,
    *,
    mailing_list: MailingList | None = None,
    **evidence: Any,
) -> None:
    agreed = mailing_list is not None and action != Action.UNSUBSCRIBED
    ConsentRecord.objects.create(
        subscriber_id=subscriber_id,
        mailing_list=mailing_list,
        action=action,
        method=origin.method,
        wording=wording(mailing_list) if mailing_list is not None and agreed else "",
        evidence={**origin.evidence, **evidence},
        ip=origin.ip,
        user_agent=origin.user_agent[:USER_AGENT_LIMIT],
        campaign_id=origin.campaign_id,
        staff_id=origin.staff_id,
    )


def wording(mailing_list: MailingList) -> str:
    """Return the words that a person agrees to when they join."""
    return mailing_list.consent_wording.strip() or (
        f"I would like to receive “{mailing_list.name}” by e-mail. "
        "I can leave at any time with the link in each mail."
    )
