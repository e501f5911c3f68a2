"""Asking people by mail whether it was they who asked to join.

Nobody's mailbox can be flooded through our forms: an address gets one such mail in 24 hours,
whatever the number of lists, until its owner answers (and one that says that they are on the list
already, which can't be answered); and no more than CONFIRMATION_LIMIT of them
leave in an hour. The layer above sends them: `claim_due`, `render_mail`, then `mark_sent` or
`mark_failed`. A sender that dies in between is followed by another after CLAIM, so a mail may, in
a crash, come twice, but never not at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils.timezone import now

from subscribers import consent, erase, tokens
from subscribers.consent import Origin
from subscribers.models import (
    Confirmation,
    MailingList,
    Organisation,
    Subscriber,
    Subscription,
    TrackingChoice,
)

QUIET = timedelta(hours=24)  # between two mails to one address that did not answer
VALID = timedelta(days=7)  # a confirmation
CLAIM = timedelta(minutes=5)  # a sender without a sign of life
ATTEMPTS = 8  # then the mail is given up; the person can ask again
BACKOFF = timedelta(minutes=1)  # after the first failure; doubled each time


class Expired(Exception):
    """The confirmation is too old. The person can ask to join again."""


@dataclass(frozen=True, slots=True)
class DueConfirmation:
    """A mail to send now. `waiting` are the lists to confirm; none: they are on all of `lists`."""

    id: int
    email: str
    name: str  # of people we write to already; empty when a stranger may have typed it
    subscriber_id: int
    lists: tuple[str, ...]  # names of what was asked for and may be said
    waiting: tuple[str, ...]
    language: str
    requested_at: datetime

    @property
    def confirm_url(self) -> str:
        """Where the person confirms."""
        return tokens.confirm_url(self.id)

    @property
    def preferences_url(self) -> str:
        """Where the person sees what they are on."""
        return tokens.preferences_url(self.subscriber_id)

    @property
    def unsubscribe_url(self) -> str:
        """What stands in List-Unsubscribe: it ends the request, and every subscription."""
        return tokens.unsubscribe_url(self.subscriber_id, 0)


def request(
    subscriber_id: int,
    mailing_list_ids: Iterable[int],
    *,
    tracking: TrackingChoice | None,
    origin: Origin,
) -> None:
    """Have a mail sent to this person, or add to the one of the last 24 hours."""
    with transaction.atomic():
        if not Subscriber.objects.select_for_update().filter(pk=subscriber_id).exists():
            return
        asked = sorted(set(mailing_list_ids))
        recent = _recent(subscriber_id, asked)
        if recent is not None:
            _add(recent, asked, tracking)
            return
        Confirmation.objects.create(
            subscriber_id=subscriber_id,
            mailing_list_ids=asked,
            expires_at=now() + VALID,
            mail_due_at=now(),
            tracking=tracking or "",
            ip=origin.ip,
            user_agent=origin.user_agent[: consent.USER_AGENT_LIMIT],
        )


def waiting_lists(confirmation: Confirmation) -> list[MailingList]:
    """Return the lists that this confirmation would make active."""
    return list(
        MailingList.objects.filter(
            pk__in=confirmation.mailing_list_ids,
            subscriptions__subscriber_id=confirmation.subscriber_id,
            subscriptions__status=Subscription.Status.PENDING,
        )
    )


def tracking_choice(confirmation: Confirmation) -> TrackingChoice | None:
    """Return the choice that confirming makes: none for who has chosen already.

    A stranger may have ticked the box, so it never changes what the person said themselves.
    """
    undecided = Subscriber.objects.filter(pk=confirmation.subscriber_id, tracking="").exists()
    return TrackingChoice(confirmation.tracking) if undecided and confirmation.tracking else None


def is_expired(confirmation: Confirmation) -> bool:
    """Say whether it is too late to confirm."""
    return confirmation.expires_at < now()


def confirm(
    confirmation_id: int, mailing_list_ids: Iterable[int], *, origin: Origin
) -> list[MailingList]:
    """Make active what the person saw and agreed to. Returns the lists joined.

    Raises Confirmation.DoesNotExist (erased meanwhile) and Expired.
    """
    with transaction.atomic():
        confirmation = _lock(confirmation_id)
        if is_expired(confirmation):
            raise Expired
        shown = set(mailing_list_ids) & set(confirmation.mailing_list_ids)
        joined = consent.confirm(confirmation.subscriber_id, shown, origin=origin)
        choice = tracking_choice(confirmation)
        if joined and choice:
            consent.choose_tracking(confirmation.subscriber_id, choice, origin=origin)
        _close(confirmation)
        return joined


def refuse(confirmation_id: int, *, origin: Origin) -> list[MailingList]:
    """End a request that somebody else made. Raises Confirmation.DoesNotExist."""
    with transaction.atomic():
        confirmation = _lock(confirmation_id)
        waiting = [mailing_list.pk for mailing_list in waiting_lists(confirmation)]
        # Not closed: for the rest of the 24 hours no further mail is sent.
        return consent.unsubscribe(confirmation.subscriber_id, waiting, origin=origin)


def claim_due(limit: int) -> list[DueConfirmation]:
    """Take up to `limit` mails to send now. Two senders never get the same one."""
    with transaction.atomic():
        due = list(
            Confirmation.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(mail_due_at__lte=now(), expires_at__gt=now())
            .select_related("subscriber")
            .order_by("mail_due_at")[: min(limit, _allowance())]
        )
        Confirmation.objects.filter(pk__in=[each.pk for each in due]).update(
            mail_due_at=now() + CLAIM, mail_attempts=F("mail_attempts") + 1
        )
        mails = [_describe(each) for each in due]
        return [mail for mail in mails if mail is not None]


def mark_sent(confirmation_id: int) -> None:
    """Say that the mail server took the mail."""
    Confirmation.objects.filter(pk=confirmation_id).update(mail_due_at=None, mail_sent_at=now())


def mark_failed(confirmation_id: int, *, permanent: bool = False) -> None:
    """Say that the mail was not taken: it is tried again later, or never when `permanent`."""
    for confirmation in Confirmation.objects.filter(pk=confirmation_id):
        attempts = confirmation.mail_attempts
        give_up = permanent or attempts >= ATTEMPTS
        confirmation.mail_due_at = None if give_up else now() + BACKOFF * 2 ** (attempts - 1)
        confirmation.save(update_fields=["mail_due_at"])


def render_mail(due: DueConfirmation) -> tuple[str, str, str]:
    """Return subject, text and HTML. There is no advertising in it, and nothing of the form's text.

    A stranger may have filled in the form: a name would let them write to the person through us.
    """
    organisation = Organisation.current()
    context = {"due": due, "organisation": organisation}
    kind = "confirm" if due.waiting else "already"
    subject = render_to_string(f"email/{kind}.subject.txt", context, using="jinja2")
    text = render_to_string(f"email/{kind}.txt", context, using="jinja2")
    html = render_to_string(f"email/{kind}.html", context, using="jinja2")
    return " ".join(subject.split()), text, html


def tidy(*, keep: timedelta = timedelta(days=30)) -> int:
    """Forget requests that nobody answered, and people who never joined. Returns how many people.

    The lines of the ledger go with the person: an address that was only typed in by somebody is
    not ours to keep.
    """
    limit = now() - keep
    old = Confirmation.objects.filter(expires_at__lt=limit)
    fresh = Confirmation.objects.filter(expires_at__gte=limit)
    never = (
        Subscriber.objects.filter(pk__in=old.values("subscriber_id"))
        .exclude(
            subscriptions__status__in=[Subscription.Status.ACTIVE, Subscription.Status.UNSUBSCRIBED]
        )
        .exclude(pk__in=fresh.values("subscriber_id"))
    )
    forgotten = 0
    for subscriber_id in list(never.values_list("pk", flat=True)):
        with transaction.atomic():
            # Locked before the second look: they may be asking again at this moment.
            Subscriber.objects.select_for_update().filter(pk=subscriber_id).first()
            if never.filter(pk=subscriber_id).exists():
                erase.erase(subscriber_id)
                forgotten += 1
    old.delete()
    return forgotten


def _recent(subscriber_id: int, mailing_list_ids: list[int]) -> Confirmation | None:
    """Return the request of the last 24 hours whose mail serves these lists as well.

    A mail that says "you are on the list already" has no link, so it can't serve a list that
    waits to be confirmed.
    """
    found = Confirmation.objects.filter(
        subscriber_id=subscriber_id, confirmed_at__isnull=True, requested_at__gt=now() - QUIET
    )
    waiting = Subscription.objects.filter(
        subscriber_id=subscriber_id,
        mailing_list_id__in=mailing_list_ids,
        status=Subscription.Status.PENDING,
    )
    if waiting.exists():
        found = found.filter(mail_asks=True)
    return found.select_for_update().order_by("id").last()


def _add(recent: Confirmation, mailing_list_ids: list[int], tracking: str | None) -> None:
    """Let a request stand for more lists: its page names all that wait, so the mail need not."""
    recent.mailing_list_ids = sorted({*recent.mailing_list_ids, *mailing_list_ids})
    recent.tracking = _lesser(recent.tracking, tracking or "")
    if recent.mail_due_at is None and recent.mail_sent_at is None:
        # The mail was given up, so the person has no link. They ask again: try again.
        recent.requested_at = recent.mail_due_at = now()
        recent.expires_at = now() + VALID
        recent.mail_attempts = 0
    recent.save()


def _lesser(one: str, other: str) -> str:
    """Return the choice that records less: two forms may have been filled in by two people."""
    order = [TrackingChoice.OFF, TrackingChoice.AGGREGATE, TrackingChoice.INDIVIDUAL]
    return min(
        sorted((one, other)),  # no choice comes first
        key=lambda choice: order.index(TrackingChoice(choice or settings.TRACKING_DEFAULT)),
    )


def _lock(confirmation_id: int) -> Confirmation:
    """Lock a request after its person, in the order that `request` does it."""
    confirmation = Confirmation.objects.get(pk=confirmation_id)
    Subscriber.objects.select_for_update().filter(pk=confirmation.subscriber_id).first()
    return Confirmation.objects.select_for_update().get(pk=confirmation_id)


def _allowance() -> int:
    """Return how many mails may still leave in this hour."""
    hour = now() - timedelta(hours=1)
    sent = Confirmation.objects.filter(mail_sent_at__gt=hour).count()
    return max(0, int(settings.CONFIRMATION_LIMIT) - sent)


def _close(confirmation: Confirmation) -> None:
    Confirmation.objects.filter(pk=confirmation.pk, confirmed_at__isnull=True).update(
        confirmed_at=now(), mail_due_at=None
    )


def _describe(confirmation: Confirmation) -> DueConfirmation | None:
    """Look at the request as it stands now; nothing is left to say when the person left again."""
    subscriber = confirmation.subscriber
    states = dict(
        subscriber.subscriptions.filter(
            mailing_list_id__in=confirmation.mailing_list_ids
        ).values_list("mailing_list__name", "status")
    )
    waiting = [name for name, state in states.items() if state == Subscription.Status.PENDING]
    active = [name for name, state in states.items() if state == Subscription.Status.ACTIVE]
    if not (waiting or active) or consent.is_suppressed(subscriber):
        Confirmation.objects.filter(pk=confirmation.pk).update(mail_due_at=None)
        return None
    Confirmation.objects.filter(pk=confirmation.pk).update(mail_asks=bool(waiting))
    return DueConfirmation(
        id=confirmation.pk,
        email=subscriber.email,
        name=subscriber.name if active else "",
        subscriber_id=subscriber.pk,
        lists=tuple(sorted(waiting + active)),
        waiting=tuple(sorted(waiting)),
        language=subscriber.language,
        requested_at=confirmation.requested_at,
    )
