"""The report of a campaign: what came of it, refreshed while people read."""

from datetime import timedelta
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from newsletter.admin.figures import figures
from newsletter.admin.pages import page, permitted
from newsletter.models import Campaign
from newsletter.templatetags.broadsheet import percent
from tracking.reports import CampaignReport, campaign_report

EVERY = 4  # seconds between two looks at the numbers
SHORTEST = 6  # hours that the chart shows at least


@require_GET
def report(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the report."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    return page(
        request,
        "admin/newsletter/campaign/report.html",
        "Report",
        opts=Campaign._meta,
        original=campaign,
        campaign=campaign,
        part="report",
        every=EVERY * 1000,
        **_content(campaign),
    )


@require_GET
def report_json(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the same numbers, for the page to show without loading anew."""
    content = _content(get_object_or_404(Campaign, pk=campaign_id))
    cards = {card["key"]: card["value"] for card in content["cards"]}
    hints = {f"{card['key']}_hint": card["hint"] for card in content["cards"]}
    return JsonResponse({"text": cards | hints, "charts": {"time": content["chart"]}})


@require_GET
def report_links(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Answer with the table of links, for the page to fetch anew."""
    content = _content(get_object_or_404(Campaign, pk=campaign_id))
    return HttpResponse(
        render_to_string("admin/newsletter/campaign/report_links.html", content, request)
    )


def _content(campaign: Campaign) -> dict[str, Any]:
    sent = figures([campaign])[campaign.pk].sent
    found = campaign_report(campaign.pk, sent)
    return {
        "report": found,
        "cards": cards(found),
        "chart": time_chart(found),
        "links": links(found),
    }


def cards(found: CampaignReport) -> list[dict[str, str]]:
    """Return the cards at the top, each with its number and a line below it."""
    totals = found.totals
    return [
        {
            "key": "sent",
            "icon": "send",
            "label": "Sent",
            "value": intcomma(found.sent),
            "hint": "accepted by the mail server",
        },
        {
            "key": "opens",
            "icon": "drafts",
            "label": "Opened",
            "value": intcomma(totals.unique_opens),
            "hint": _people(found.open_rate, totals.opens, totals.machine_opens),
        },
        {
            "key": "clicks",
            "icon": "ads_click",
            "label": "Clicked",
            "value": intcomma(totals.unique_clicks),
            "hint": _people(found.click_rate, totals.clicks, totals.machine_clicks),
        },
        {
            "key": "unsubscribes",
            "icon": "logout",
            "label": "Unsubscribed",
            "value": intcomma(totals.unique_unsubscribes),
            "hint": _of_sent(found.unsubscribe_rate),
        },
    ]


def _people(rate: float, times: int, by_machines: int) -> str:
    hint = f"{_of_sent(rate)} · {intcomma(times)} in all"
    return f"{hint} · {intcomma(by_machines)} by machines" if by_machines else hint


def _of_sent(rate: float) -> str:
    return f"{percent(100 * rate)} of sent"


def time_chart(found: CampaignReport) -> dict[str, Any]:
    """Return opens, clicks and unsubscribes by hour: bars, as long as a line would be a dot."""
    first = found.timeline[0].at if found.timeline else now()
    hours = [hour.at for hour in found.timeline]
    to_come = [first + timedelta(hours=number) for number in range(len(hours), SHORTEST)]
    return {
        "type": "bar" if len(hours) <= SHORTEST else "line",
        "labels": [f"{hour:%d %b, %H:%M}" for hour in hours + to_come],
        "series": [
            {"label": "Opens", "colour": "open", "data": [h.opens for h in found.timeline]},
            {"label": "Clicks", "colour": "click", "data": [h.clicks for h in found.timeline]},
            {
                "label": "Unsubscribes",
                "colour": "leave",
                "data": [h.unsubscribes for h in found.timeline],
            },
        ],
    }


def links(found: CampaignReport) -> list[dict[str, Any]]:
    """Return the links, each with the length of its bar in per cent of the longest."""
    longest = max((link.clicks for link in found.links), default=0)
    return [
        {"link": link, "share": round(100 * link.clicks / longest, 1) if longest else 0.0}
        for link in found.links
    ]


def urls() -> list[URLPattern]:
    """Return the addresses of the report."""
    see, name = "newsletter.view_campaign", "newsletter_campaign_report"
    return [
        path("<int:campaign_id>/report/", permitted(report, see), name=name),
        path("<int:campaign_id>/report.json", permitted(report_json, see), name=f"{name}_json"),
        path("<int:campaign_id>/report/links/", permitted(report_links, see), name=f"{name}_links"),
    ]
