"""The first page: how things stand, and what to do next. Cheap at a million subscribers."""

from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import Truncator

from newsletter.admin.alerting import banners
from newsletter.admin.figures import Figures, figures
from newsletter.admin.paginator import bounded_count
from newsletter.models import Campaign
from subscribers import recording
from subscribers.models import MailingList, Organisation, Subscriber, Subscription

RECENT = 8  # campaigns in the table and the chart
GOING = {Campaign.Status.RUNNING, Campaign.Status.PAUSED, Campaign.Status.SCHEDULED}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add what the dashboard shows to the page's context (named in settings.UNFOLD)."""
    people = _people() if request.user.has_perm("subscribers.view_subscriber") else {}
    sent = _campaigns() if request.user.has_perm("newsletter.view_campaign") else {}
    steps = []
    if people and sent and request.user.has_perm("newsletter.add_campaign"):
        steps = first_steps(bool(people["subscribers"][0]), sent["last"] is not None)
    return {
        **context,
        "title": "Dashboard",
        "alerts": banners(request),
        **people,
        **sent,
        "steps": steps if not all(step["done"] for step in steps) else [],
    }


def _people() -> dict[str, Any]:
    """Return how many there are (four queries)."""
    return {
        "subscribers": bounded_count(Subscriber.objects.all()),
        "active": bounded_count(Subscription.objects.filter(status=Subscription.Status.ACTIVE)),
        "lists": MailingList.objects.count(),
    }


def _campaigns() -> dict[str, Any]:
    """Return what is going on and what was sent lately (four queries)."""
    recent = list(Campaign.objects.order_by("-id")[:RECENT])
    numbers = figures(recent)
    rows = [Row(campaign, numbers[campaign.pk]) for campaign in recent]
    started = [row for row in rows if row.campaign.started_at]
    return {
        "sent_campaigns": Campaign.objects.filter(status=Campaign.Status.FINISHED).count(),
        "last": started[0] if started else None,
        "funnel": funnel(started[0].figures) if started else [],
        "going": [row for row in rows if row.campaign.status in GOING],
        "recent": rows,
        "shows_campaigns": True,
        "chart": rates_chart(started),
    }


def funnel(numbers: Figures) -> list[dict[str, Any]]:
    """Return what became of the last campaign, each step with its share of what was sent."""
    steps = (("Sent", numbers.sent), ("Opened", numbers.opened), ("Clicked", numbers.clicked))
    return [
        {"label": label, "count": count, "share": 100 * count / numbers.sent if numbers.sent else 0}
        for label, count in steps
    ]


class Row(NamedTuple):
    """A campaign with its figures."""

    campaign: Campaign
    figures: Figures


def first_steps(people: bool, started: bool) -> list[dict[str, Any]]:
    """Return what a new installation needs, in order, each with whether it is done."""
    organisation = Organisation.objects.filter(id=1).first()
    lists = MailingList.objects.exists()
    return [
        {
            "title": "Say who writes",
            "text": "Name, postal address and contact stand in the footer of every mail.",
            "done": bool(organisation and organisation.postal_address),
            "url": reverse("admin:subscribers_organisation_changelist"),
            "button": "Organisation",
        },
        {
            "title": "Make a list",
            "text": "People join it on its own page, or are imported into it.",
            "done": lists,
            "url": reverse("admin:subscribers_mailinglist_add"),
            "button": "New list",
        },
        {
            "title": "Bring your people",
            "text": "A CSV file with addresses and whatever else you know.",
            "done": people,
            "url": reverse("admin:subscribers_import_add"),
            "button": "Import",
        },
        {
            "title": "Write and send a campaign",
            "text": "With a preview, a test to yourself, and a report that fills as people read.",
            "done": started,
            "url": reverse("admin:newsletter_campaign_add"),
            "button": "New campaign",
        },
    ]


def rates_chart(rows: list[Row]) -> dict[str, Any] | None:
    """Return the chart of open and click rates, oldest first; None below two campaigns."""
    if len(rows) < 2 or not recording.is_anywhere():
        return None
    ordered = rows[::-1]
    return {
        "type": "bar",
        "labels": [Truncator(row.campaign.subject).chars(24) for row in ordered],
        "unit": "%",
        "series": [
            {
                "label": "Opened",
                "colour": "open",
                "data": [row.figures.open_rate for row in ordered],
            },
            {
                "label": "Clicked",
                "colour": "click",
                "data": [row.figures.click_rate for row in ordered],
            },
        ],
    }
