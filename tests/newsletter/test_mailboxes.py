"""What came of a campaign's mails at each mailbox provider."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter import mailboxes
from newsletter.models import Campaign, Delivery, MailboxCount, MailboxTotal, MailDomain, Provider
from subscribers import consent
from subscribers.models import ConsentRecord
from tests.factories import make_campaign, make_list, make_subscriber
from tests.plans import planned
from tracking.models import CampaignTotal, Reader

pytestmark = pytest.mark.django_db

NOW = now()
MINUTE = timedelta(minutes=1)
SENT, FAILED = Delivery.Status.SENT, Delivery.Status.FAILED


def sent_campaign(age=timedelta(days=1)):
    started = NOW - age
    return make_campaign(
        status=Campaign.Status.FINISHED, started_at=started, finished_at=started, audience_size=9
    )


def mailed(campaign, domain, people=1, status=SENT, lists=()):
    """Return the ids of new people with addresses of a domain, to whom a campaign was mailed."""
    ids = [
        make_subscriber(email=f"{status}{number}@{domain}", lists=lists).pk
        for number in range(people)
    ]
    Delivery.objects.bulk_create(
        Delivery(campaign=campaign, subscriber_id=pk, status=status, at=NOW) for pk in ids
    )
    return ids


def read(campaign, subscriber_id, **hits):
    Reader.objects.create(campaign_id=campaign.pk, subscriber_id=subscriber_id, **hits)
    total, _ = CampaignTotal.objects.get_or_create(campaign_id=campaign.pk)
    for name, times in hits.items():
        setattr(total, name, getattr(total, name) + times)
    total.save()


def rows(campaign, *columns):
    found = mailboxes.report(campaign.pk)
    return {row.name: tuple(getattr(row, name) for name in columns) for row in found.rows}


def test_people_are_counted_by_the_provider_of_their_domain():
    news = make_list()
    campaign = sent_campaign()
    opener, clicker, scanned = mailed(campaign, "gmail.com", 3, lists=[news])
    mailed(campaign, "googlemail.com", 2, FAILED)
    mailed(campaign, "web.de")
    read(campaign, opener, opens=4)
    read(campaign, clicker, opens=1, clicks=2, machine_opens=1)
    read(campaign, scanned, machine_opens=1, machine_clicks=7)
    origin = consent.Origin(method=ConsentRecord.Method.PAGE, campaign_id=campaign.pk)
    consent.unsubscribe(opener, None, origin=origin)

    mailboxes.count(campaign.pk, NOW)

    columns = ("sent", "refused", "opened", "clicked", "leavers")
    assert rows(campaign, *columns) == {
        "Gmail": (3, 2, 2, 1, 1),
        "GMX, WEB.DE and mail.com": (1, 0, 0, 0, 0),
    }
    columns = ("machine_opened", "machine_clicked", "any_opened", "any_clicked")
    assert rows(campaign, *columns)["Gmail"] == (2, 1, 3, 2)
    assert mailboxes.report(campaign.pk).counted_at == NOW


def test_a_domain_of_few_people_has_no_line_of_its_own():
    """It would say what these few did."""
    campaign = sent_campaign()
    mailed(campaign, "family.example", mailboxes.FEWEST - 1)
    mailed(campaign, "company.example", mailboxes.FEWEST)
    mailed(campaign, "other.example", 2, FAILED)

    mailboxes.count(campaign.pk, NOW)

    assert rows(campaign, "sent", "refused") == {"company.example": (10, 0), "": (9, 2)}


def test_domains_whose_mail_one_server_takes_are_one_provider():
    Provider.objects.create(slug="acme", name="Acme Mail", mx=["mx.acme.example"])
    campaign = sent_campaign()
    for domain in ("one.example", "two.example", "three.example"):
        MailDomain.objects.create(domain=domain, provider="acme", looked_up_at=NOW)
        mailed(campaign, domain)

    mailboxes.count(campaign.pk, NOW)

    assert rows(campaign, "sent") == {"Acme Mail": (3,)}


def test_who_was_erased_is_among_the_others():
    campaign = sent_campaign()
    Delivery.objects.create(campaign=campaign, subscriber_id=-5, status=SENT, at=NOW)

    mailboxes.count(campaign.pk, NOW)

    assert rows(campaign, "sent") == {"": (1,)}


def test_only_the_largest_stand_by_their_names(monkeypatch):
    monkeypatch.setattr(mailboxes, "MOST", 2)
    campaign = sent_campaign()
    mailed(campaign, "web.de")
    mailed(campaign, "yahoo.com", 2)
    mailed(campaign, "gmail.com", 3)

    mailboxes.count(campaign.pk, NOW)

    assert list(rows(campaign, "sent").items()) == [
        ("Gmail", (3,)),
        ("Yahoo and AOL", (2,)),
        ("", (1,)),
    ]


def test_campaigns_are_counted_again_when_something_happened():
    campaign = sent_campaign()
    (reader,) = mailed(campaign, "gmail.com")
    first = mailboxes.count_due(NOW)
    at_once = mailboxes.count_due(NOW + MINUTE)
    nothing_new = mailboxes.count_due(NOW + 6 * MINUTE)
    read(campaign, reader, opens=1)
    too_early = mailboxes.count_due(NOW + 10 * MINUTE)

    later = mailboxes.count_due(NOW + 12 * MINUTE)

    assert (first, at_once, nothing_new, too_early, later) == (1, 0, 0, 0, 1)
    assert rows(campaign, "opened") == {"Gmail": (1,)}
    assert mailboxes.report(campaign.pk).counted_at == NOW + 12 * MINUTE


def test_what_takes_long_is_counted_less_often():
    campaign = sent_campaign()
    (reader,) = mailed(campaign, "gmail.com")
    mailboxes.count_due(NOW)
    MailboxCount.objects.update(seconds=60)
    read(campaign, reader, opens=1)

    assert mailboxes.count_due(NOW + 19 * MINUTE) == 0
    assert mailboxes.count_due(NOW + 21 * MINUTE) == 1


def test_old_campaigns_are_looked_at_once_a_day():
    campaign = sent_campaign(age=timedelta(days=90))
    (reader,) = mailed(campaign, "gmail.com")
    mailboxes.count_due(NOW)
    read(campaign, reader, opens=1)

    assert mailboxes.count_due(NOW + timedelta(hours=23)) == 0
    assert mailboxes.count_due(NOW + timedelta(hours=25)) == 1


def test_a_campaign_that_was_not_sent_is_not_counted():
    make_campaign()

    assert mailboxes.count_due(NOW) == 0


def test_counts_go_with_their_campaign():
    campaign = sent_campaign()
    mailed(campaign, "gmail.com")
    mailboxes.count_due(NOW)

    campaign.delete()

    assert not MailboxCount.objects.exists()
    assert not MailboxTotal.objects.exists()


def test_a_report_takes_two_look_ups(django_assert_num_queries):
    campaign = sent_campaign()
    mailed(campaign, "gmail.com")
    mailboxes.count_due(NOW)

    with django_assert_num_queries(2):
        mailboxes.report(campaign.pk)


def test_a_campaign_that_statistics_do_not_know_costs_no_more():
    """Else each mail is compared with all readers: at a million that took hours."""
    campaign = sent_campaign()

    with planned() as plans:
        mailboxes.count(campaign.pk, now())

    [plan] = [plan for plan in plans if "tracking_reader" in plan]
    assert "subscriber_id = newsletter_delivery.subscriber_id" in plan
    assert "Join Filter" not in plan
