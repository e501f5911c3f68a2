"""The page that shows a campaign on its way: the sum, who sends and who takes, what waits and why.

It asks for its numbers once a second, as JSON; newsletter.situation knows them.
"""

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET

from newsletter import wording
from newsletter.admin import pace, problems
from newsletter.admin.alerting import banners
from newsletter.admin.pages import campaign_page, permitted
from newsletter.models import Campaign
from newsletter.situation import DEFERRED_LIMIT, Situation, situation

PARTS = ("sent", "failed", "skipped", "in_doubt")
MOVING = (Campaign.Status.RUNNING, Campaign.Status.SCHEDULED)
PACED = (*MOVING, Campaign.Status.PAUSED)


@require_GET
def progress(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the sum that always balances, and all that bears on it."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if campaign.status == Campaign.Status.DRAFT:
        return HttpResponseRedirect(reverse("admin:newsletter_campaign_change", args=[campaign_id]))
    now = situation(campaign_id)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/progress.html",
        "Sending",
        part="progress",
        figures=now.progress,
        now=now,
        numbers=_text(now),
        pace=wording.pace(campaign),
        pace_form=pace.PaceForm.of(campaign) if campaign.status in PACED else None,
        alerts=banners(request, campaigns=False),
        may_send=request.user.has_perm("newsletter.change_campaign"),
        **problems.newest(campaign_id),
    )


@require_GET
def progress_json(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the same, for the page to show without loading anew."""
    try:
        now = situation(campaign_id)
    except Campaign.DoesNotExist as error:
        raise Http404 from error
    state = now.progress.state
    return JsonResponse(
        {
            "text": _text(now),
            "width": now.progress.shares,
            "html": {"now": _now(now)},
            "show": {"now": bool(now.servers or now.notes)},
            "done": state not in MOVING or request.GET.get("as", state) != state,
        }
    )


def _text(now: Situation) -> dict[str, str]:
    """Return the numbers as they are shown."""
    numbers = now.progress
    done = numbers.audience - numbers.pending
    many = f"{DEFERRED_LIMIT:,}+" if now.deferred > DEFERRED_LIMIT else f"{now.deferred:,}"
    return {
        **{name: intcomma(getattr(numbers, name)) for name in ("audience", *PARTS, "pending")},
        "rate": wording.rate(numbers.per_second),
        "left": wording.duration(numbers.seconds_left),
        "workers": str(now.runs) if now.runs else "–",
        "deferred": many,
        "share": f"{int(100 * done / numbers.audience) if numbers.audience else 0} %",
    }


def _now(now: Situation) -> str:
    context: dict[str, Any] = {"now": now}
    return render_to_string("admin/newsletter/campaign/now.html", context)


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, send = "newsletter.view_campaign", "newsletter.change_campaign"
    name = "newsletter_campaign"
    return [
        path("<int:campaign_id>/progress/", permitted(progress, see), name=f"{name}_progress"),
        path(
            "<int:campaign_id>/progress.json",
            permitted(progress_json, see),
            name=f"{name}_progress_json",
        ),
        path("<int:campaign_id>/pace/", permitted(pace.change, send), name=f"{name}_pace"),
        *problems.urls(),
    ]
