"""A demonstration that is real: people, lists, a campaign that was sent and mail that was read.

Nothing is invented in the tables that reports read. The campaign goes through the workers to the
mail catcher; a small simulated audience then takes its mail from there and asks the edge for
pictures and links, as mail programs do. Only on the private servers of `make run`.
"""

import logging
import random
import time
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from newsletter import campaigns, outbox
from newsletter.models import Campaign, Template
from subscribers import addresses, erase, suppression
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Organisation,
    Subscriber,
    Subscription,
)
from tracking.erase import erase_campaign

logger = logging.getLogger(__name__)

PEOPLE = 1_000
DOMAIN = "demo.example"  # reserved (RFC 2606): no mail can ever reach it
SEED = 20  # the same people on every machine
LISTS = {
    "demo-harbour-weekly": ("Harbour Weekly (demo)", "Every Friday: boats, tides and people.", 0.8),
    "demo-kitchen-notes": ("Kitchen Notes (demo)", "A recipe for the weekend, once a month.", 0.5),
}
IDENTITY = ("Harbour House (demo)", "1 Quay Street, Exampleton EX1 1EX")
WORDING = "I would like to receive this newsletter by e-mail."
FIRST = ("Ada", "Chidi", "Dana", "Farah", "Goran", "Hana", "Jonas", "Kofi", "Lea", "Mei", "Noor")
LAST = ("Adeyemi", "Berg", "Costa", "Fischer", "Garcia", "Hansen", "Ito", "Khan", "Lind", "Moreau")
SUBJECT = "The harbour in June (demo)"
BODY = """\
# Good morning{% if subscriber.first_name %}, {{ subscriber.first_name }}{% endif %}

The **Marigold** is back in the water after nine years on the slip, and half the town came to
watch. We took pictures, and a flask of tea.

[See the pictures](https://example.com/marigold){.button}

## Also this week

- [Tide tables for June](https://example.com/tides), now with sunrise and sunset
- [The fish market opens late](https://example.com/market) on Tuesdays
- A [map of quiet moorings](https://example.com/moorings), drawn by readers

Fair winds, and until next Friday.
"""


class NotADemo(Exception):
    """Demonstrations are for the private servers of `make run` only."""


def seed() -> Campaign:
    """Make the lists, people and the campaign, start it and return it; or what is there already."""
    if not (settings.EMBEDDED and outbox.is_in_use()):
        raise NotADemo(
            "The demonstration is made on the private servers of `make run` only, "
            "and only while its mail catcher takes the mail."
        )
    with transaction.atomic():
        existing = Campaign.objects.filter(lists__is_demo=True).order_by("id").first()
        if existing:
            return existing
        _describe_organisation()
        lists = [_make_list(slug) for slug in LISTS]
        _make_people(lists)
        campaign = _make_campaign(lists)
    campaigns.start(campaign.pk)
    return campaign


def wait_until_sent(campaign: Campaign, timeout: float = 120) -> bool:
    """Wait for the workers, at most `timeout` seconds. Returns whether the campaign is sent."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        campaign.refresh_from_db()
        if campaign.status == Campaign.Status.FINISHED:
            return True
        time.sleep(0.5)
    return False


def remove() -> int:
    """Remove everything that `seed` made. Returns how many people went.

    People who have meanwhile joined a list of yours stay.
    """
    lists = list(MailingList.objects.filter(is_demo=True))
    for campaign in Campaign.objects.filter(lists__in=lists).distinct():
        _remove_campaign(campaign)
    people = Subscriber.objects.filter(email_key__endswith=f"@{DOMAIN}").exclude(
        subscriptions__mailing_list__is_demo=False
    )
    ids = list(people.values_list("id", flat=True))
    for subscriber_id in ids:
        erase.erase(subscriber_id)
    for mailing_list in lists:
        mailing_list.delete()
    # Unless somebody has made it theirs: nobody's mail shall carry an address that is invented.
    name, postal_address = IDENTITY
    Organisation.objects.filter(name=name, postal_address=postal_address).delete()
    return len(ids)


def _describe_organisation() -> None:
    organisation = Organisation.current()
    if not organisation.postal_address:
        organisation.name, organisation.postal_address = IDENTITY
        organisation.save()


def _make_list(slug: str) -> MailingList:
    name, description, _ = LISTS[slug]
    return MailingList.objects.create(
        slug=slug,
        name=name,
        description=description,
        visibility=MailingList.Visibility.PUBLIC,
        consent_wording=WORDING,
        is_demo=True,
    )


def _make_people(lists: list[MailingList]) -> None:
    chance = random.Random(SEED)  # noqa: S311  (a demonstration, not a secret)
    people = [_person(number, chance) for number in range(PEOPLE)]
    people = Subscriber.objects.bulk_create(people)
    # A column that the database fills can be given a past only afterwards.
    Subscriber.objects.bulk_update(people, ["created_at"], batch_size=500)
    pairs = [
        (person, mailing_list)
        for mailing_list in lists
        for person in people
        if chance.random() < LISTS[mailing_list.slug][2]
    ]
    Subscription.objects.bulk_create(
        Subscription(
            subscriber=person,
            mailing_list=mailing_list,
            status=Subscription.Status.ACTIVE,
            created_at=person.created_at,
            changed_at=person.created_at,
        )
        for person, mailing_list in pairs
    )
    ConsentRecord.objects.bulk_create(
        ConsentRecord(
            subscriber_id=person.pk,
            mailing_list=mailing_list,
            action=ConsentRecord.Action.CONFIRMED,
            method=ConsentRecord.Method.DEMO,
            wording=WORDING,
        )
        for person, mailing_list in pairs
    )


def _person(number: int, chance: random.Random) -> Subscriber:
    first, last = chance.choice(FIRST), chance.choice(LAST)
    address = addresses.parse(f"{first}.{last}.{number}@{DOMAIN}".lower())
    return Subscriber(
        email=address.email,
        email_key=address.key,
        email_hash=suppression.email_hash(address.key),
        name=f"{first} {last}",
        language=chance.choice(["en-GB", "en-GB", "de-DE", "fr-FR"]),
        attributes={"harbour": chance.choice(["north", "south"]), "boats": chance.randint(0, 3)},
        created_at=now() - timedelta(days=120 * chance.random() ** 2),
    )


def _make_campaign(lists: list[MailingList]) -> Campaign:
    campaign = Campaign.objects.create(
        subject=SUBJECT,
        preheader="The Marigold is back in the water.",
        body=BODY,
        template=Template.objects.filter(is_default=True).first(),
    )
    campaign.lists.set(lists)
    return campaign


def _remove_campaign(campaign: Campaign) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        erase_campaign(campaign.pk)
        cursor.execute("DELETE FROM newsletter_edition WHERE campaign_id = %s", [campaign.pk])
        campaign.delete()
