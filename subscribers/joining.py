"""A person asks to join, on a public page.

What the page answers is the same for everyone, so that it tells nobody who is on a list: somebody
who is already there, somebody who left and somebody on the suppression list differ only in the
mail that they get, or don't get. Somebody else may be filling in the form: what is known about a
person is not changed by it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction

from subscribers import confirmation, consent, suppression
from subscribers.addresses import Address
from subscribers.consent import Origin
from subscribers.models import MailingList, Subscriber, Subscription, Suppression, TrackingChoice


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a sign-up form says."""

    address: Address
    name: str = ""
    language: str = ""
    tracking: TrackingChoice | None = None


def join(wish: Wish, lists: Iterable[MailingList], *, origin: Origin) -> None:
    """Put a person on `lists`, or ask them by mail, as the lists and the person's past demand."""
    email_hash = suppression.email_hash(wish.address.key)
    if Suppression.objects.filter(email_hash=email_hash).exists():
        return
    with transaction.atomic():
        subscriber, new = Subscriber.objects.get_or_create(
            email_key=wish.address.key,
            defaults={
                "email": wish.address.email,
                "email_hash": email_hash,
                "name": wish.name,
                "language": wish.language,
            },
        )
        asked = list(lists)
        before = set(
            Subscription.objects.filter(
                subscriber=subscriber, mailing_list__in=asked, status=Subscription.Status.ACTIVE
            ).values_list("mailing_list_id", flat=True)
        )
        joined = {
            mailing_list.pk
            for mailing_list in asked
            if consent.subscribe(subscriber.pk, mailing_list, origin=origin)
            == Subscription.Status.ACTIVE
        }
        if new and joined and wish.tracking:
            consent.choose_tracking(subscriber.pk, wish.tracking, origin=origin)
        # Who is on the list already is told so, by mail: the page can't say it.
        mailed = [each.pk for each in asked if each.pk in before or each.pk not in joined]
        if mailed:
            confirmation.request(subscriber.pk, mailed, tracking=wish.tracking, origin=origin)
