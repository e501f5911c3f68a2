"""Makers of test data: `make_x(**differences)` saves a valid x.

A test names only the fields it is about.
"""

from datetime import datetime
from itertools import count
from typing import Any

from newsletter.models import Campaign, Template
from subscribers import addresses, suppression
from subscribers.models import ConsentRecord, MailingList, Subscriber, Subscription

_number = count(1)


def make_subscriber(*, lists: list[MailingList] | None = None, **fields: Any) -> Subscriber:
    """Make a person, with an active subscription to each of `lists`."""
    email = fields.pop("email", f"reader{next(_number)}@example.org")
    key = addresses.parse(email).key
    subscriber = Subscriber.objects.create(
        email=email, email_key=key, email_hash=suppression.email_hash(key), **fields
    )
    for mailing_list in lists or []:
        make_subscription(subscriber, mailing_list)
    return subscriber


def make_list(**fields: Any) -> MailingList:
    """Make a private list."""
    number = next(_number)
    return MailingList.objects.create(
        **{"name": f"List {number}", "slug": f"list-{number}", **fields}
    )


def make_subscription(
    subscriber: Subscriber, mailing_list: MailingList, **fields: Any
) -> Subscription:
    """Put a person on a list, actively, without a line in the ledger."""
    return Subscription.objects.create(
        subscriber=subscriber,
        mailing_list=mailing_list,
        **{"status": Subscription.Status.ACTIVE, **fields},
    )


def make_leaving(subscriber_id: int, campaign_id: int, at: datetime) -> ConsentRecord:
    """Write the line of the ledger that somebody left by a campaign's mail."""
    return ConsentRecord.objects.create(
        subscriber_id=subscriber_id,
        action=ConsentRecord.Action.UNSUBSCRIBED,
        method=ConsentRecord.Method.PAGE,
        campaign_id=campaign_id,
        recorded_at=at,
    )


def make_template(**fields: Any) -> Template:
    """Make a frame with nothing but the content."""
    return Template.objects.create(
        **{
            "name": f"Frame {next(_number)}",
            "html": "<html><head><title>{{ subject }}</title></head>"
            "<body>{{ content }}{{ footer }}</body></html>",
            **fields,
        }
    )


def make_campaign(*, people: int = 0, **fields: Any) -> Campaign:
    """Make a draft to one new list with `people` active subscribers (or to `lists`)."""
    lists = fields.pop("lists", None) or [make_list()]
    defaults = {
        "subject": "June issue",
        "body": "Hello {{ subscriber.name }}, read [this](https://example.org/story).",
    }
    if "template" not in fields:
        fields["template"] = make_template()
    campaign = Campaign.objects.create(**{**defaults, **fields})
    campaign.lists.set(lists)
    for _ in range(people):
        make_subscriber(lists=lists)
    return campaign
