"""Makes the demonstration, and removes it without a trace."""

import time
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils.timezone import now

from newsletter import campaigns, list_readings, mailboxes, outbox, summing
from newsletter.demo import issues, past, people
from newsletter.demo.issues import HARBOUR, KITCHEN, MARK, PRESENT, Newsletter
from newsletter.demo.people import WORDING
from newsletter.models import Campaign, SendingServer, Template
from subscribers import erase, growth
from subscribers.models import MailingList, Organisation
from tracking.erase import erase_campaign

PEOPLE = 1_000
SUBJECT = f"{PRESENT.subject} {MARK}"  # of the issue that is really sent
IDENTITY = (f"Harbour House {MARK}", "1 Quay Street, Exampleton EX1 1EX")


class NotADemo(Exception):
    """Demonstrations are for the private servers of `make run` only."""


def seed() -> Campaign:
    """Make the lists, people and issues, start the newest and return it; or what is there already.

    Raises NotADemo.
    """
    if not (settings.EMBEDDED and _mail_is_caught()):
        raise NotADemo(
            "The demonstration is made on the private servers of `make run` only, "
            "and only while its mail catcher takes all mail."
        )
    campaign = newest() or _make_all()
    if campaign.status == Campaign.Status.DRAFT:  # also one that was interrupted before its start
        campaigns.start(campaign.pk)
    return campaign


def marker() -> Path:
    """Return the file that says that there was a demonstration, which need not come again."""
    return Path(settings.RUN_DIR / "demo-was-made")


def newest() -> Campaign | None:
    """Return the issue that is really sent; None when there is no demonstration."""
    return Campaign.objects.filter(lists__is_demo=True, subject=SUBJECT).order_by("id").first()


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

    People who have meanwhile joined a list of yours stay, and so does what went to a list of yours
    as well.
    """
    lists = list(MailingList.objects.filter(is_demo=True))
    went_here_only = Campaign.objects.filter(lists__in=lists).exclude(lists__is_demo=False)
    for campaign in went_here_only.distinct():
        _remove_campaign(campaign)
    gone = people.everybody().exclude(subscriptions__mailing_list__is_demo=False)
    ids = list(gone.values_list("id", flat=True))
    for subscriber_id in ids:
        erase.erase(subscriber_id)
    for mailing_list in lists:
        mailing_list.delete()
    # Unless somebody has made it theirs: nobody's mail shall carry an address that is invented.
    name, postal_address = IDENTITY
    Organisation.objects.filter(name=name, postal_address=postal_address).delete()
    return len(ids)


def _mail_is_caught() -> bool:
    """Say whether no mail can leave: rows of servers take it in place of SMTP_URL."""
    return outbox.is_in_use() and not SendingServer.objects.exists()


def _make_all() -> Campaign:
    """Make all of it or nothing; the newest issue is not started."""
    at = now()
    past.make_room(at)
    with transaction.atomic():
        campaign = _make(at)
    _sum_up(at)
    return campaign


def _make(at: datetime) -> Campaign:
    _describe_organisation()
    harbour, kitchen = _make_list(HARBOUR), _make_list(KITCHEN)
    known = people.make(PEOPLE, at)
    memberships = people.join(known, [(harbour, HARBOUR.share), (kitchen, KITCHEN.share)])
    sent = past.plan(harbour, kitchen, at)
    for each in sent:
        past.write(each, memberships, at)
    people.store(memberships)
    campaign = Campaign.objects.create(
        subject=SUBJECT,
        preheader=issues.PRESENT.preheader,
        body=issues.PRESENT.body(),
        template=Template.objects.filter(is_default=True).first(),
    )
    campaign.lists.set([harbour, kitchen])
    return campaign


def _sum_up(at: datetime) -> None:
    """Do what the product's tasks do every few minutes, so that no page has to wait for it."""
    growth.fold()
    summing.sum_due(at)
    mailboxes.count_due(at)
    list_readings.count(at)


def _describe_organisation() -> None:
    organisation = Organisation.current()
    if not organisation.postal_address:
        organisation.name, organisation.postal_address = IDENTITY
        organisation.save()


def _make_list(newsletter: Newsletter) -> MailingList:
    return MailingList.objects.create(
        slug=newsletter.slug,
        name=newsletter.name,
        description=newsletter.description,
        visibility=MailingList.Visibility.PUBLIC,
        consent_wording=WORDING,
        is_demo=True,
    )


def _remove_campaign(campaign: Campaign) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        erase_campaign(campaign.pk)
        cursor.execute("DELETE FROM newsletter_edition WHERE campaign_id = %s", [campaign.pk])
        campaign.delete()
