"""The demonstration's people, and since when they have been on its lists."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Final

from django.db.models import Q, QuerySet

from newsletter.demo.readers import SEED, reader
from subscribers import addresses, suppression
from subscribers.consent import BEFORE
from subscribers.models import (
    ConsentRecord,
    ListChange,
    MailingList,
    Subscriber,
    Subscription,
)

DOMAIN: Final = "demo.example"  # reserved (RFC 2606): no mail can ever reach it
# Before it: who takes the mail of those who read with a program that says so, and of others.
_SERVICES: Final = {"gmail": "letters.", "outlook": "office."}
_OTHERS: Final = ("letters.", "post.", "")
WORDING: Final = "I would like to receive this newsletter by e-mail."
_FIRST = ("Ada", "Chidi", "Dana", "Farah", "Goran", "Hana", "Jonas", "Kofi", "Lea", "Mei", "Noor")
_LAST = ("Adeyemi", "Berg", "Costa", "Fischer", "Garcia", "Hansen", "Ito", "Khan", "Lind", "Moreau")
_LONGEST = timedelta(days=420)  # that somebody has been on a list


@dataclass(slots=True)
class Membership:
    """A person on a list, until they left by a campaign's mail."""

    number: int  # of the person, from 0
    person: Subscriber
    mailing_list: MailingList
    left_at: datetime | None = None
    left_by: int = 0  # campaign

    def is_active(self, at: datetime) -> bool:
        """Say whether mail goes to them at a time."""
        return self.person.created_at <= at and (self.left_at is None or at < self.left_at)


def everybody() -> QuerySet[Subscriber]:
    """Return all of our people who are there, and nobody else."""
    return Subscriber.objects.filter(
        Q(email_key__endswith=f"@{DOMAIN}") | Q(email_key__endswith=f".{DOMAIN}")
    )


def number_of(email: str) -> int:
    """Return the number of one of our people by their address."""
    return int(email.partition("@")[0].rpartition(".")[2])


def make(count: int, now: datetime) -> list[Subscriber]:
    """Make people, the same on every machine; since when we know them depends on `now`."""
    chance = Random(SEED)  # noqa: S311  (a demonstration, not a secret)
    people = [_person(number, chance, now) for number in range(count)]
    made = Subscriber.objects.bulk_create(people)
    # A column that the database fills can be given a past only afterwards.
    Subscriber.objects.bulk_update(made, ["created_at"], batch_size=500)
    return made


def join(
    people: Sequence[Subscriber], lists: Iterable[tuple[MailingList, float]]
) -> list[Membership]:
    """Return who is on which list; each list has some share of all people."""
    chance = Random(SEED)  # noqa: S311  (likewise)
    return [
        Membership(number, person, mailing_list)
        for mailing_list, share in lists
        for number, person in enumerate(people)
        if chance.random() < share
    ]


def store(memberships: Sequence[Membership]) -> None:
    """Store subscriptions, their lines in the ledger, and how the lists grew.

    Call in the transaction that makes the lists.
    """
    status = Subscription.Status
    Subscription.objects.bulk_create(
        Subscription(
            subscriber=each.person,
            mailing_list=each.mailing_list,
            status=status.UNSUBSCRIBED if each.left_at else status.ACTIVE,
            created_at=each.person.created_at,
            changed_at=each.left_at or each.person.created_at,
        )
        for each in memberships
    )
    lines = [line for each in memberships for line in _lines(each)]
    ConsentRecord.objects.bulk_create(sorted(lines, key=lambda line: line.recorded_at))
    # The triggers have noted that all joined at this moment.
    ListChange.objects.filter(mailing_list_id__in={m.mailing_list.pk for m in memberships}).delete()
    ListChange.objects.bulk_create(
        ListChange(mailing_list_id=each.mailing_list.pk, at=at, joined=joined, gone=1 - joined)
        for each in memberships
        for at, joined in ((each.person.created_at, 1), (each.left_at, 0))
        if at
    )


def _person(number: int, chance: Random, now: datetime) -> Subscriber:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    service = _SERVICES.get(reader(number).opener, _OTHERS[number % len(_OTHERS)])
    address = addresses.parse(f"{first}.{last}.{number}@{service}{DOMAIN}".lower())
    return Subscriber(
        email=address.email,
        email_key=address.key,
        email_hash=suppression.email_hash(address.key),
        name=f"{first} {last}",
        language=chance.choice(["en-GB", "en-GB", "de-DE", "fr-FR"]),
        attributes={"harbour": chance.choice(["north", "south"]), "boats": chance.randint(0, 3)},
        created_at=now - _LONGEST * chance.random() ** 1.5,
    )


def _lines(each: Membership) -> list[ConsentRecord]:
    action, method = ConsentRecord.Action, ConsentRecord.Method
    who = {"subscriber_id": each.person.pk, "mailing_list": each.mailing_list}
    joined = ConsentRecord(
        **who,
        action=action.CONFIRMED,
        method=method.DEMO,
        wording=WORDING,
        recorded_at=each.person.created_at,
    )
    if each.left_at is None:
        return [joined]
    left = ConsentRecord(
        **who,
        action=action.UNSUBSCRIBED,
        method=method.ONE_CLICK,
        evidence={BEFORE: Subscription.Status.ACTIVE},
        campaign_id=each.left_by,
        recorded_at=each.left_at,
    )
    return [joined, left]
