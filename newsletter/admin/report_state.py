"""What a report says where its numbers say nothing yet, or are not about everybody."""

from datetime import datetime
from typing import NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils.timezone import localtime

from newsletter import wording
from newsletter.admin.figures import Figures
from newsletter.comparing import SETTLED
from newsletter.models import Campaign
from subscribers.models import TrackingChoice
from tracking.reports import CampaignReport

Status = Campaign.Status


class State(NamedTuple):
    """An empty page, or a line above a full one: what it says, and where to go on."""

    icon: str
    title: str
    text: str
    label: str  # of the link
    url: str


def before_start(campaign: Campaign) -> State:
    """Return what stands in place of the report of a campaign that never began."""
    if campaign.status == Status.CANCELLED:
        return State(
            "cancel",
            "Cancelled before its first mail",
            "Nobody got it, so there is nothing to report. What it says can be the beginning of a "
            "new draft.",
            "What it says",
            _page("change", campaign),
        )
    if campaign.status == Status.SCHEDULED and campaign.scheduled_at:
        return State(
            "schedule_send",
            f"It goes out {wording.clock(campaign.scheduled_at)}",
            "The report begins with the first mail, and fills by itself while people read.",
            "Look it over",
            _page("progress", campaign),
        )
    return State(
        "monitoring",
        "Nothing has been sent yet",
        "The report begins with the first mail, and fills by itself while people read.",
        "Review and send",
        _page("start", campaign),
    )


def is_empty(found: CampaignReport) -> bool:
    """Say whether nothing at all came of a campaign yet, of people or machines."""
    totals = found.totals
    return not (
        totals.opens
        or totals.clicks
        or totals.machine_opens
        or totals.machine_clicks
        or totals.unsubscribes
    )


def empty(campaign: Campaign, choice: TrackingChoice, sent: int, now: datetime) -> State:
    """Return what stands in place of the charts while nothing came."""
    if choice is TrackingChoice.OFF:
        return State(
            "visibility_off",
            "Opens and clicks are not recorded",
            "So say the lists of this campaign. Only who chose to be counted all the same would be "
            "here. Mails, refusals, unsubscribes and forwards are counted for everybody.",
            "Settings of its lists",
            _lists(campaign),
        )
    if not sent:
        return State(
            "outgoing_mail",
            "No mail has left yet",
            "As soon as the first ones are with their readers, this page fills by itself.",
            "How sending goes",
            _page("progress", campaign),
        )
    if campaign.started_at and now - campaign.started_at < SETTLED:
        return State(
            "hourglass_top",
            "Nobody has opened or clicked yet",
            "Most of what will come comes within two days. This page looks for it by itself; there "
            "is nothing to do meanwhile.",
            "What was sent",
            _page("change", campaign),
        )
    return State(
        "search_off",
        "Nobody opened or clicked",
        "So long after the start hardly anybody still will. See whether servers refused the mail, "
        "or send a test to an inbox of your own: it may lie among spam, and pictures may be "
        "blocked.",
        "Who did not get it",
        _page("problems", campaign),
    )


def going(campaign: Campaign, outcome: Figures) -> State | None:
    """Return what is to be said above numbers that are not those of all recipients."""
    count = f"{intcomma(outcome.sent)} of {intcomma(outcome.audience)} people"
    url = _page("progress", campaign)
    if campaign.status == Status.RUNNING:
        text = f"Being sent: {count} so far. Rates are of these, and move for some days."
        return State("send", "", text, "How sending goes", url)
    if campaign.status == Status.PAUSED:
        text = f"Paused after {count}. The numbers are about these."
        return State("pause_circle", "", text, "Go on sending", url)
    if campaign.status == Status.CANCELLED:
        text = f"Cancelled after {count}. The numbers are about these; nobody else gets it."
        return State("cancel", "", text, "How it went", url)
    return None


def facts(campaign: Campaign, sender: str) -> str:
    """Return when a campaign went out, to which lists and from whom, as one line."""
    lists = ", ".join(campaign.lists.order_by("name").values_list("name", flat=True))
    start = campaign.started_at
    words = [f"Sent {localtime(start):%d %B %Y, %H:%M}" if start else ""]
    if start and campaign.finished_at and campaign.status == Status.FINISHED:
        words.append(f"took {wording.duration((campaign.finished_at - start).total_seconds())}")
    words += [f"to {lists}" if lists else "", f"from {sender}"]
    return " · ".join(filter(None, words))


def _page(name: str, campaign: Campaign) -> str:
    return reverse(f"admin:newsletter_campaign_{name}", args=[campaign.pk])


def _lists(campaign: Campaign) -> str:
    """Return the page of the campaign's list, or that of all where there are several."""
    found = list(campaign.lists.values_list("pk", flat=True)[:2])
    if len(found) == 1:
        return reverse("admin:subscribers_mailinglist_change", args=found)
    return reverse("admin:subscribers_mailinglist_changelist")
