"""The buttons that move a campaign, and the page that shows it on its way.

Each button calls one function of newsletter.campaigns. What that refuses is said in its own words.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from newsletter import audience, campaigns, composing
from newsletter.admin.figures import Figures, figures
from newsletter.admin.pages import page, permitted
from newsletter.admin.preview import chosen_person
from newsletter.models import Campaign, Delivery
from subscribers import addresses
from subscribers.models import Organisation, Subscriber

PROBLEMS = 100  # rows of the list of what was not sent

DONE_WORDS = {
    "pause": "Paused. What is in hand is finished within seconds; nothing more is begun.",
    "resume": "Sending goes on.",
    "unschedule": "This is a draft again, and won’t be sent by itself.",
    "cancel": "Cancelled. Nobody else gets it.",
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
        return _to_progress(campaign_id)
    organisation = Organisation.current()
    problems = [str(problem) for problem in composing.check(campaign)]
    people = audience.count(campaign_id)
    return page(
        request,
        "admin/newsletter/campaign/start.html",
        "Review and send",
        opts=Campaign._meta,
        original=campaign,
        campaign=campaign,
        lists=campaign.lists.all(),
        people=people,
        organisation=organisation,
        problems=problems,
        sender=campaign.from_email or settings.DEFAULT_FROM_EMAIL,
        ready=people > 0 and not problems,
    )


def _start(request: HttpRequest, campaign: Campaign) -> HttpResponse:
    if "at" in request.POST:
        at = local_moment(request.POST["at"], request.POST.get("zone", ""))
        if at is None or at <= timezone.now():
            messages.error(request, "Choose a moment in the future.")
            return HttpResponseRedirect(request.path)
        done = _try(request, lambda: campaigns.schedule(campaign.pk, at))
        words = "Scheduled. Until then it can be taken back and changed."
    else:
        done = _try(request, lambda: campaigns.start(campaign.pk))
        words = "Sending has begun."
    if not done:
        return HttpResponseRedirect(request.path)
    messages.success(request, words)
    return _to_progress(campaign.pk)


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
    if _try(request, lambda: MOVES[action](campaign_id)):
        messages.success(request, DONE_WORDS[action])
    return _to_progress(campaign_id)


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
    if _try(request, lambda: campaigns.test_send(campaign.pk, address.email, person)):
        messages.success(
            request, f"The draft is saved, and a test is on its way to {address.email}."
        )


# --- on its way -------------------------------------------------------------------------


@require_GET
def progress(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the sum that always balances, and what went wrong."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if campaign.status == Campaign.Status.DRAFT:
        return HttpResponseRedirect(reverse("admin:newsletter_campaign_change", args=[campaign_id]))
    return page(
        request,
        "admin/newsletter/campaign/progress.html",
        "Sending",
        opts=Campaign._meta,
        original=campaign,
        campaign=campaign,
        part="progress",
        figures=figures([campaign])[campaign.pk],
        pace=_pace(campaign_id),
        may_send=request.user.has_perm("newsletter.change_campaign"),
        **_not_sent(request, campaign_id),
    )


@require_GET
def progress_json(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the same numbers, for the page to show without loading anew."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    numbers = figures([campaign])[campaign.pk]
    names = ("audience", "sent", "failed", "skipped", "in_doubt", "pending")
    going = campaign.status in (Campaign.Status.RUNNING, Campaign.Status.SCHEDULED)
    return JsonResponse(
        {
            "text": {
                **{name: intcomma(getattr(numbers, name)) for name in names},
                **_pace(campaign_id),
                "waiting": campaign.waiting_reason,
                "share": f"{_share_done(numbers)} %",
            },
            "width": numbers.shares,
            "show": {"waiting": bool(campaign.waiting_reason)},
            "done": not going or request.GET.get("as", campaign.status) != campaign.status,
        }
    )


@require_GET
def problems(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Answer with the list of what was not sent, for the page to fetch anew."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    return HttpResponse(
        render_to_string(
            "admin/newsletter/campaign/not_sent.html",
            {"campaign": campaign, **_not_sent(request, campaign_id)},
            request,
        )
    )


def _not_sent(request: HttpRequest, campaign_id: int) -> dict[str, Any]:
    status = request.GET.get("status", "")
    found = Delivery.objects.filter(campaign_id=campaign_id).exclude(status=Delivery.Status.SENT)
    if status in Delivery.Status.values:
        found = found.filter(status=status)
    rows = list(found.order_by("-id")[:PROBLEMS])
    emails = dict(
        Subscriber.objects.filter(id__in=[row.subscriber_id for row in rows]).values_list(
            "id", "email"
        )
    )
    return {
        "not_sent": [{"delivery": row, "email": emails.get(row.subscriber_id)} for row in rows],
        "not_sent_status": status,
        "not_sent_limit": PROBLEMS,
    }


def _pace(campaign_id: int) -> dict[str, str]:
    """Return the rate and the time left, in words."""
    going = campaigns.progress(campaign_id)
    if going.seconds_left is None:
        return {"rate": "–", "left": "–"}
    return {"rate": f"{going.per_second:,.0f} a second", "left": _duration(going.seconds_left)}


def _duration(seconds: float) -> str:
    if seconds < 60:
        return "less than a minute"
    if seconds < 3600:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def _share_done(numbers: Figures) -> int:
    done = numbers.audience - numbers.pending
    return int(100 * done / numbers.audience) if numbers.audience else 0


def _try(request: HttpRequest, act: Callable[[], Any]) -> bool:
    """Do it, or say why it can't be done."""
    try:
        act()
    except campaigns.Refused as error:
        messages.error(request, str(error))
        return False
    return True


def _to_progress(campaign_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:newsletter_campaign_progress", args=[campaign_id]))


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, send = "newsletter.view_campaign", "newsletter.change_campaign"
    name = "newsletter_campaign"
    return [
        path("<int:campaign_id>/start/", permitted(start, send), name=f"{name}_start"),
        path("<int:campaign_id>/duplicate/", permitted(duplicate, send), name=f"{name}_duplicate"),
        path("<int:campaign_id>/progress/", permitted(progress, see), name=f"{name}_progress"),
        path(
            "<int:campaign_id>/progress.json",
            permitted(progress_json, see),
            name=f"{name}_progress_json",
        ),
        path("<int:campaign_id>/problems/", permitted(problems, see), name=f"{name}_problems"),
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
