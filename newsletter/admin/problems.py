"""Who has not got a campaign, and why; as a list, as CSV, and with buttons to send to them again.

newsletter.problems finds them, newsletter.outcomes sends again.
"""

from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter import outcomes
from newsletter.admin.addresses import number
from newsletter.admin.alerting import banners
from newsletter.admin.pages import campaign_page, permitted
from newsletter.admin.sending import attempt, to_progress
from newsletter.models import Campaign, Delivery
from newsletter.problems import CAUSES, STATUSES, Filter, Place, csv_lines, ids
from newsletter.problems import page as find
from newsletter.progress import progress_of
from newsletter.sending.known_providers import KNOWN

FILTERS = ("status", "cause", "domain", "search")
NEWEST = 8  # shown beside the sum
RETRY, RESEND = "retry", "resend"
AGAIN = {RETRY: Delivery.Status.FAILED.value, RESEND: Delivery.Status.IN_DOUBT.value}


@require_GET
def problems(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show a page of the list, with its filters."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    if campaign.started_at is None:
        return to_progress(campaign_id)
    numbers = progress_of(campaign)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/problems.html",
        "Not sent",
        part="problems",
        figures=numbers,
        statuses=STATUSES,
        causes=CAUSES,
        providers=[known.name for known in KNOWN],
        alerts=banners(request, campaigns=False),
        may_send=request.user.has_perm("newsletter.change_campaign"),
        **_found(request, campaign_id),
    )


@require_GET
def rows(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Answer with the rows alone, for the page to fetch anew."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    context = {
        "campaign": campaign,
        "may_send": request.user.has_perm("newsletter.change_campaign"),
    }
    context |= newest(campaign_id) if "short" in request.GET else _found(request, campaign_id)
    template = "admin/newsletter/campaign/problem_rows.html"
    return HttpResponse(render_to_string(template, context, request))


@require_GET
def export(request: HttpRequest, campaign_id: int) -> StreamingHttpResponse:
    """Answer with all that the filter finds, as CSV, while it is being read."""
    get_object_or_404(Campaign, pk=campaign_id)
    answer = StreamingHttpResponse(
        csv_lines(chosen(request, campaign_id)), content_type="text/csv; charset=utf-8"
    )
    name = f"campaign-{campaign_id}-not-sent.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def again(request: HttpRequest, campaign_id: int, action: str) -> HttpResponse:
    """Ask before mail goes out again, saying what it means. POST does it."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    data = request.POST if request.method == "POST" else request.GET
    ticked = list(filter(None, map(number, data.getlist("ids"))))
    wanted = replace(chosen(request, campaign_id, data), status=AGAIN[action])
    if request.method == "POST":
        return _send_again(request, action, wanted, ticked)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/again.html",
        "Retry failed" if action == RETRY else "Resend in doubt",
        part="problems",
        action=action,
        ticked=ticked,
        count=len(ticked) or _count(campaign, wanted),
        wanted=wanted,
        query=_query(wanted),
        cause_words=CAUSES.get(wanted.cause, ""),
    )


def _send_again(
    request: HttpRequest, action: str, wanted: Filter, ticked: list[int]
) -> HttpResponse:
    campaign_id = wanted.campaign_id
    # All of a status, or of a cause, needs no list of people to be carried about.
    chosen_ids = ticked or None
    if not ticked and (not wanted.is_plain or (wanted.cause and action == RESEND)):
        chosen_ids = ids(wanted)
    count = 0

    def send() -> None:
        nonlocal count
        if action == RETRY:
            cause = wanted.cause if chosen_ids is None else ""
            count = outcomes.retry_failed(campaign_id, subscriber_ids=chosen_ids, cause=cause)
        else:
            count = outcomes.resend_in_doubt(campaign_id, subscriber_ids=chosen_ids)

    if attempt(request, send):
        who = "1 person is" if count == 1 else f"{count:,} people are"
        messages.success(request, f"{who} being sent to again.")
    return to_progress(campaign_id)


def _count(campaign: Campaign, wanted: Filter) -> int | None:
    """Return how many it would be; None when only reading them all would tell."""
    if not wanted.is_plain:
        return None
    found = Delivery.objects.filter(campaign=campaign, status=wanted.status)
    return (found.filter(cause=wanted.cause) if wanted.cause else found).count()


def newest(campaign_id: int) -> dict[str, Any]:
    """Return the last problems, for the page of the campaign on its way."""
    return {"found": find(Filter(campaign_id), size=NEWEST), "is_short": True}


def chosen(request: HttpRequest, campaign_id: int, data: Any = None) -> Filter:
    """Return the filter that a request names; what does not exist is left out."""
    data = request.GET if data is None else data
    texts = {name: data.get(name, "").strip()[:320] for name in FILTERS}
    if texts["status"] not in STATUSES:
        texts["status"] = ""
    if texts["cause"] not in CAUSES:
        texts["cause"] = ""
    return Filter(campaign_id, **{name: text.replace("\0", "") for name, text in texts.items()})


def _found(request: HttpRequest, campaign_id: int) -> dict[str, Any]:
    wanted = chosen(request, campaign_id)
    before = Place.read(request.GET.get("before", ""))
    found = find(wanted, before)
    return {
        "found": found,
        "wanted": wanted,
        "query": _query(wanted),
        "is_first": before is None,
        "is_filtered": bool(wanted.cause or wanted.domain or wanted.search),
        "may_retry": wanted.status in ("", AGAIN[RETRY]),
        "may_resend": wanted.status in ("", AGAIN[RESEND]),
    }


def _query(wanted: Filter) -> str:
    """Return the filter as a query string, without what is empty."""
    fields = asdict(wanted)
    return urlencode({name: fields[name] for name in FILTERS if fields[name]})


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, send = "newsletter.view_campaign", "newsletter.change_campaign"
    name, base = "newsletter_campaign", "<int:campaign_id>/problems"
    return [
        path(f"{base}/", permitted(problems, see), name=f"{name}_problems"),
        path(f"{base}/rows/", permitted(rows, see), name=f"{name}_problem_rows"),
        path(f"{base}.csv", permitted(export, see), name=f"{name}_problems_csv"),
        *(
            path(
                f"{base}/{action}/",
                permitted(again, send),
                {"action": action},
                name=f"{name}_{action}",
            )
            for action in AGAIN
        ),
    ]
