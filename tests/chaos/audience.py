"""People, and a campaign to them. Needs Django to be set up; imported after that only."""

from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

from newsletter import campaigns
from newsletter.models import Campaign, Delivery
from newsletter.progress import progress
from subscribers import addresses, suppression
from subscribers.models import MailingList, Organisation
from tests.chaos.stage import wait_until

T = TypeVar("T")
DOMAINS = 40
BODY = """\
# Hello {{ subscriber.first_name }}

{% for n in range(8) %}The tide comes in twice a day, and so does the fish, wherever
{{ subscriber.email }} may be reading. [Story {{ n }}](https://example.org/story/{{ n }})

{% endfor %}"""
_SUBSCRIBE = """
    INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, status)
    SELECT id, %s, 'active' FROM subscribers_subscriber WHERE email_key LIKE %s
"""
_OUTCOMES = """
    SELECT s.email_key, d.status, d.reason
    FROM newsletter_delivery d
    LEFT JOIN subscribers_subscriber s ON s.id = d.subscriber_id
    WHERE d.campaign_id = %s
"""


def make(name: str, people: int) -> int:
    """Make a list of `people` and a campaign to them. Returns its id; start it when you like."""
    organisation = Organisation.current()
    organisation.postal_address = "12 Quay Street\nExampletown"
    organisation.save()
    mailing_list = MailingList.objects.create(name=name, slug=name)
    with connection.cursor() as cursor:
        columns = "email, email_key, email_hash, name, attributes, language, timezone, tracking"
        with cursor.copy(f"COPY subscribers_subscriber ({columns}) FROM STDIN") as copy:
            for number in range(people):
                copy.write_row(_person(address(name, number), number))
        cursor.execute(_SUBSCRIBE, [mailing_list.pk, f"{name}-%"])
        cursor.execute("ANALYZE")
    campaign = campaigns.create(lists=[mailing_list], subject="June issue", body=BODY)
    return int(campaign.pk)


def address(name: str, number: int) -> str:
    """Return the address of one of the people."""
    return f"{name}-{number}@d{number % DOMAINS}.example"


def _person(email: str, number: int) -> tuple[object, ...]:
    key = addresses.parse(email).key
    digest = suppression.email_hash(key)
    return (email, key, b"\\x" + digest.hex().encode(), f"Ann {number}", "{}", "", "", "")


def again(work: Callable[[], T]) -> T:
    """Do something with the database, again when the connection has broken."""
    result: list[T] = []

    def tried() -> bool:
        try:
            result.append(work())
        except (OperationalError, InterfaceError):
            connection.close()
            return False
        return True

    wait_until(tried, 60, "the database")
    return result[0]


def status(campaign_id: int) -> str:
    """Return the campaign's status."""
    return again(lambda: Campaign.objects.values_list("status", flat=True).get(id=campaign_id))


def waiting_reason(campaign_id: int) -> str:
    """Return why it waits."""
    reason = Campaign.objects.values_list("waiting_reason", flat=True)
    return again(lambda: reason.get(id=campaign_id))


def outcomes(campaign_id: int) -> dict[str, tuple[str, str]]:
    """Return what the tables say: address -> (status, reason)."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [campaign_id])
        return {email: (status, reason) for email, status, reason in cursor.fetchall()}


def balance(campaign_id: int) -> dict[str, int]:
    """Return the campaign's sum as its page shows it, after comparing it with the deliveries."""
    now = progress(campaign_id)
    names = ("audience", "sent", "failed", "skipped", "in_doubt", "pending")
    parts = {name: int(getattr(now, name)) for name in names}
    for status in Delivery.Status:
        counted = Delivery.objects.filter(campaign_id=campaign_id, status=status).count()
        parts[f"{status.value} rows"] = counted
    return parts
