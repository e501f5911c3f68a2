"""An installation with one of everything, and people with fewer rights."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from newsletter import dkim_keys, outbox
from newsletter.models import (
    Batch,
    Campaign,
    Delivery,
    DkimKey,
    Pause,
    Provider,
    SendingServer,
    ServerUsage,
)
from subscribers import consent
from subscribers.models import ConsentRecord, Import, MailingList, Subscriber, Suppression
from tests.factories import make_campaign, make_list, make_subscriber, make_template
from tracking.models import CampaignHour, CampaignTotal, Link, LinkTotal

# What a stranger may write into every field that they reach, and what must never come of it.
PAYLOAD = "<script>alert('xss')</script><img src=x onerror=alert(1)>{{ 7*7 }}"
STAFF = consent.Origin(method=ConsentRecord.Method.ADMIN)


@pytest.fixture
def admin_user(db) -> User:
    """A superuser without a password: hashing one would be most of a test's time."""
    return User.objects.create_superuser("admin", "admin@example.org")


@pytest.fixture
def staff_client(db):
    """Return a maker of clients signed in as staff with just these permissions."""

    def make(*permissions: str) -> Client:
        user = User.objects.create_user(f"staff{User.objects.count()}", is_staff=True)
        for name in permissions:
            app, _, codename = name.partition(".")
            user.user_permissions.add(
                Permission.objects.get(content_type__app_label=app, codename=codename)
            )
        client = Client()
        client.force_login(user)
        return client

    return make


@pytest.fixture
def reader(db) -> Subscriber:
    """A subscriber whose every field is an attack."""
    return make_subscriber(name=PAYLOAD, attributes={"city": PAYLOAD})


@pytest.fixture
def sent_campaign(reader) -> Campaign:
    """A campaign that was sent and read, and did not reach everybody."""
    campaign = make_campaign(
        lists=[make_list(name=PAYLOAD[:90])],
        subject=PAYLOAD,
        status=Campaign.Status.FINISHED,
        audience_size=4,
        started_at=timezone.now(),
        waiting_reason=PAYLOAD,
    )
    Batch.objects.create(
        campaign=campaign, subscriber_ids=[], size=4, sent=1, failed=1, skipped=1, in_doubt=1
    )
    now = timezone.now()
    people = [reader, *(make_subscriber() for _ in range(3))]
    for person, status in zip(people, Delivery.Status.values, strict=True):
        Delivery.objects.create(
            campaign=campaign, subscriber_id=person.pk, status=status, reason=PAYLOAD, at=now
        )
    CampaignTotal.objects.create(campaign_id=campaign.pk, opens=3, unique_opens=1, clicks=2)
    CampaignHour.objects.create(
        campaign_id=campaign.pk,
        hour=now.replace(minute=0, second=0, microsecond=0),
        opens=3,
        clicks=2,
    )
    link = Link.objects.create(campaign_id=campaign.pk, url=f"https://example.org/?q={PAYLOAD}")
    LinkTotal.objects.create(link_id=link.pk, campaign_id=campaign.pk, clicks=2)
    return campaign


@pytest.fixture
def draft(reader) -> Campaign:
    """A draft that is ready to be sent to one person."""
    mailing_list = make_list()
    consent.subscribe(reader.pk, mailing_list, origin=STAFF, verified=True)
    return make_campaign(lists=[mailing_list])


@pytest.fixture
def everything(reader, sent_campaign, draft) -> None:
    """One row of every kind, beside the campaigns."""
    make_template(is_builtin=True)
    mailing_list = MailingList.objects.first()
    Import.objects.create(mailing_list=mailing_list, file_name=PAYLOAD, message=PAYLOAD, size=9)
    other = make_subscriber()
    consent.subscribe(
        other.pk,
        mailing_list,
        origin=consent.Origin(
            method=ConsentRecord.Method.FORM,
            user_agent=PAYLOAD,
            evidence={"note": PAYLOAD},
        ),
    )
    server = SendingServer.objects.create(
        name=PAYLOAD[:90], host="relay.example.org", username=PAYLOAD, password_sealed="1.sealed"
    )
    ServerUsage.objects.create(server_id=server.pk, hour=timezone.now(), accepted=5)
    Provider.objects.create(name=PAYLOAD[:90], slug="payload", domains=["example.org"])
    for pause in ((server.pk, ""), (server.pk, "payload")):
        Pause.objects.create(
            server_id=pause[0],
            provider=pause[1],
            cause="policy",
            reason=PAYLOAD,
            until=timezone.now() + timedelta(hours=1),
        )
    DkimKey.objects.create(
        domain="example.org", selector="s1", private_sealed="1.sealed", public="AAAA"
    )
    consent.suppress(other.email_key, Suppression.Reason.MANUAL, origin=STAFF)
    dkim_keys.make("example.org", ["ed25519"])


@pytest.fixture
def caught(settings) -> outbox.Summary:
    """A caught mail that is an attack from top to bottom."""
    raw = (
        f"From: {PAYLOAD} <a@example.org>\r\nTo: b@example.org\r\nSubject: {PAYLOAD}\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
        f"<p>Hello</p>{PAYLOAD}\r\n"
    )
    outbox.Keeper(settings.OUTBOX, 10).keep("a@example.org", ["b@example.org"], raw.encode())
    return outbox.list_mails().mails[0]
