"""The buttons that start, stop and move a campaign, and the page that asks before the start.

Each button calls one function of newsletter.campaigns. What that refuses is said in its own words.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from newsletter import audience, campaigns, composing, wording
from newsletter.admin.pages import campaign_page, permitted
from newsletter.admin.preview import chosen_person
from newsletter.models import Campaign
from newsletter.recorded import forecast
from subscribers import addresses
from subscribers.models import Organisation, TrackingChoice

DONE_WORDS = {
    "pause": "Paused. What is in hand is finished within seconds; nothing more is begun.",
    "resume": "Sending goes on.",
    "unschedule": "This is a draft again, and won’t be sent by itself.",
    "cancel": "Cancelled. Nobody else gets it.",
}
RECORD_WORDS = {
    TrackingChoice.INDIVIDUAL: "recorded for each person",
    TrackingChoice.AGGREGATE: "counted without names",
    TrackingChoice.OFF: "not recorded",
}
MOVES: dict[str, Callable[[int], None]] = {
    "pause": campaigns.pause,
    "resume": campaigns.resume,
    "unschedule": campaigns.unschedule,
    "cancel": campaigns.cancel,
}


# --- starting ---------------------------------------------------------------------------


def start(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Ask before the start: who gets it, from whom, and what is missing. POST starts."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if request.method == "POST":
        return _start(request, campaign)
    if campaign.status not in (Campaign.Status.DRAFT, Campaign.Status.SCHEDULED):
        return to_progress(campaign_id)
    organisation = Organisation.current()
    problems = [str(problem) for problem in composing.check(campaign)]
    by_choice = audience.by_choice(campaign_id)
    people = sum(by_choice.values())
    recorded = forecast(campaign_id, by_choice)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/start.html",
        "Review and send",
        lists=campaign.lists.all(),
        people=people,
        recorded=recorded,
        record_lines=[
            (RECORD_WORDS[choice], count) for choice, count in recorded.people.items() if count
        ],
        usual_words=RECORD_WORDS[recorded.usual],
        organisation=organisation,
        problems=problems,
        pace=wording.pace(campaign),
        sender=campaign.from_email or settings.DEFAULT_FROM_EMAIL,
        ready=people > 0 and not problems,
    )


def _start(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    if "at" in request.POST:
        at = local_moment(request.POST["at"], request.POST.get("zone", ""))
        if at is None or at <= timezone.now():
            messages.error(request, "Choose a moment in the future.")
            return HttpResponseRedirect(request.path)
        done = attempt(request, lambda: campaigns.schedule(campaign.pk, at, request.user.pk))
        words = "Scheduled. Until then it can be taken back and changed."
    else:
        done = attempt(request, lambda: campaigns.start(campaign.pk, request.user.pk))
        words = "Sending has begun."
    if not done:
        return HttpResponseRedirect(request.path)
    messages.success(request, words)
    return to_progress(campaign.pk)


def local_moment(text: str, zone: str) -> datetime | None:
    """Read the value of a datetime-local field in `zone`; None when it is none.

    An unknown zone (no script in the browser) means the installation's own.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return moment.replace(tzinfo=ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return timezone.make_aware(moment.replace(tzinfo=None))


@require_POST
def move(request: HttpRequest, campaign_id: int, action: str) -> HttpResponse:
    """Pause, resume, cancel, or take a schedule back."""
    if attempt(request, lambda: MOVES[action](campaign_id)):
        messages.success(request, DONE_WORDS[action])
    return to_progress(campaign_id)


@require_POST
def duplicate(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Make a new draft with the same content and lists."""
    original = get_object_or_404(Campaign, pk=campaign_id)
    copy = campaigns.duplicate(original.pk, request.user.pk)
    messages.success(request, "This is a new draft with the same content and lists.")
    return HttpResponseRedirect(reverse("admin:newsletter_campaign_change", args=[copy]))


def send_test(request: HttpRequest, campaign: Campaign) -> None:
    """Send the stored draft to the one address of the form, and say how that went."""
    try:
        address = addresses.parse(request.POST.get("_test_address", ""))
    except addresses.BadAddress as error:
        messages.error(request, f"No test was sent: {error}.")
        return
    person = chosen_person(request)
    if attempt(request, lambda: campaigns.test_send(campaign.pk, address.email, person)):
        messages.success(
            request, f"The draft is saved, and a test is on its way to {address.email}."
        )


# --- details ----------------------------------------------------------------------------


def attempt(request: HttpRequest, act: Callable[[], Any]) -> bool:
    """Do it, or say why it can't be done. Returns whether it was done."""
    try:
        act()
    except campaigns.Refused as error:
        messages.error(request, str(error))
        return False
    return True


def to_progress(campaign_id: int) -> HttpResponse:
    """Go to the page that shows a campaign on its way."""
    return HttpResponseRedirect(reverse("admin:newsletter_campaign_progress", args=[campaign_id]))


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    send = "newsletter.change_campaign"
    name = "newsletter_campaign"
    return [
        path("<int:campaign_id>/start/", permitted(start, send), name=f"{name}_start"),
        path("<int:campaign_id>/duplicate/", permitted(duplicate, send), name=f"{name}_duplicate"),
        *(
            path(
                f"<int:campaign_id>/{action}/",
                permitted(move, send),
                {"action": action},
                name=f"{name}_{action}",
            )
            for action in MOVES
        ),
    ]
