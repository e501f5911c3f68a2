"""What these tables hold of one person, for that person: plain values, nothing of anybody else."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django.db.models import F

from subscribers.models import (
    Confirmation,
    ConsentRecord,
    MailingList,
    Subscriber,
    Subscription,
    Suppression,
)

# Whole: its rows, or one row, or None where there is none.
Part = Iterable[Mapping[str, Any]] | Mapping[str, Any] | None
_AT_ONCE = 1000  # rows in memory


def parts(person: Subscriber) -> Iterator[tuple[str, Part]]:
    """Yield each part of what is held, by its name; rows are read while they are taken."""
    names = dict(MailingList.objects.values_list("id", "name"))
    yield "profile", _profile(person)
    yield "suppression", _suppression(person)
    yield "subscriptions", _subscriptions(person, names)
    yield "consent", _consent(person, names)
    yield "confirmations", _confirmations(person, names)


def _profile(person: Subscriber) -> dict[str, Any]:
    names = ("email", "name", "language", "timezone", "attributes", "tracking", "created_at")
    return {"number": person.pk, **_fields(person, names)}


def _suppression(person: Subscriber) -> Mapping[str, Any] | None:
    found = Suppression.objects.filter(email_hash=bytes(person.email_hash))
    return found.values("reason", since=F("created_at")).first()


def _subscriptions(person: Subscriber, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    for row in Subscription.objects.filter(subscriber=person).order_by("id"):
        shown = _fields(row, ("status", "created_at", "changed_at"))
        yield {"list": names.get(row.mailing_list_id), **shown}


def _consent(person: Subscriber, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    found = ConsentRecord.objects.filter(subscriber_id=person.pk).order_by("id")
    shown = (
        *("action", "method", "wording", "evidence", "ip", "user_agent"),
        *("campaign_id", "recorded_at"),
    )
    for row in found.iterator(_AT_ONCE):
        yield {"list": names.get(row.mailing_list_id or 0), **_fields(row, shown)}


def _confirmations(person: Subscriber, names: Mapping[int, str]) -> Iterator[dict[str, Any]]:
    shown = (
        *("requested_at", "expires_at", "mail_sent_at", "confirmed_at"),
        *("tracking", "ip", "user_agent"),
    )
    for row in Confirmation.objects.filter(subscriber=person).order_by("id"):
        lists = [names.get(each) for each in row.mailing_list_ids]
        yield {"lists": lists, **_fields(row, shown)}


def _fields(row: Any, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
