"""The report of a campaign: what came of it, refreshed while people read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.timezone import get_current_timezone_name, localtime, now
from django.views.decorators.http import require_GET

from newsletter.admin import (
    report_forwards,
    report_map,
    report_people,
    report_programs,
    report_state,
)
from newsletter.admin.figures import figures
from newsletter.admin.pages import campaign_page, permitted
from newsletter.admin.report_asked import Shown, asked, choices
from newsletter.admin.report_charts import heat_map, link_rows, time_chart
from newsletter.admin.report_parts import Numbers, as_live, cards, funnel, naming_note
from newsletter.comparing import SETTLED, usual
from newsletter.models import Campaign
from subscribers import recording
from tracking import curves, forward_reports
from tracking.reports import LinkReport, campaign_report, links_of

EVERY = 4  # seconds between two looks at the numbers


@require_GET
def report(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the report."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    shown = asked(request)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/report.html",
        "Report",
        part="report",
        page="numbers",
        every=EVERY * 1000,
        may_see_people=request.user.has_perm("subscribers.view_subscriber"),
        zone=get_current_timezone_name(),
        query=shown.query(),
        choices=choices(shown),
        **_content(campaign, shown),
    )


@require_GET
def report_json(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the same numbers, for the page to show without loading anew."""
    content = _content(get_object_or_404(Campaign, pk=campaign_id), asked(request))
    parts = {"funnel": "report_funnel", "points": "report_points", "heat": "report_heat"}
    return JsonResponse(
        {
            "done": "awaits" in request.GET and not content["is_empty"],
            "text": as_live(content["cards"]) | _live_state(content["going"]),
            "charts": {"time": content["chart"]},
            "html": {name: _part(file, content, request) for name, file in parts.items()},
        }
    )


@require_GET
def report_links(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Answer with the table of links, for the page to fetch anew."""
    campaign, shown = get_object_or_404(Campaign, pk=campaign_id), asked(request)
    content = {"campaign": campaign, "shown": shown, **_links(links_of(campaign_id), shown)}
    return HttpResponse(_part("report_links", content, request))


def _content(campaign: Campaign, shown: Shown) -> dict[str, Any]:
    moment = now()
    outcome = figures([campaign])[campaign.pk]
    found = campaign_report(campaign.pk, outcome.sent)
    numbers = Numbers(
        found,
        outcome,
        forward_reports.report(campaign.pk),
        usual(campaign, moment),
        shown.counted,
        recording.of_campaign(campaign.pk),
        moment - (campaign.started_at or moment) < SETTLED,
    )
    start = localtime(campaign.started_at or moment)
    range_ = shown.range or curves.usual(start, moment)
    curve = curves.curve(campaign.pk, range_, start, localtime(moment), found.hours)
    chart = time_chart(curve, shown.counted, shown.chart)
    is_empty = report_state.is_empty(found)
    return {
        "campaign": campaign,
        "is_empty": is_empty,
        "is_young": numbers.is_young,
        "state": _state(campaign, numbers, moment),
        "going": report_state.going(campaign, outcome),
        "facts": report_state.facts(campaign, campaign.from_email or settings.DEFAULT_FROM_EMAIL),
        "forwards": numbers.forwards,
        "usual": numbers.usual,
        "note": "" if is_empty else naming_note(found, numbers.choice),
        "shown": shown._replace(range=range_, chart=f"{chart['type']}s"),
        "cards": cards(numbers),
        "funnel": funnel(numbers),
        "chart": chart,
        "points": [point for point in curve.points if _is_something(point)],
        "is_daily": bool(curve.step.days),
        "heat": heat_map(found.hours, shown.counted, shown.heat),
        "hours": range(24),
        **_links(found.links, shown),
    }


def _links(found: Sequence[LinkReport], shown: Shown) -> dict[str, Any]:
    return {"links": link_rows(found, shown.counted), "links_in_all": len(found)}


def _state(campaign: Campaign, numbers: Numbers, moment: datetime) -> report_state.State:
    if not campaign.started_at:
        return report_state.before_start(campaign)
    return report_state.empty(campaign, numbers.choice, numbers.figures.sent, moment)


def _live_state(going: report_state.State | None) -> dict[str, str]:
    return {"going": going.text} if going else {}


def _is_something(point: Any) -> bool:
    names = ("opens", "clicks", "unsubscribes", "machine_opens", "machine_clicks")
    return any(getattr(point, name) for name in names)


def _part(name: str, content: dict[str, Any], request: HttpRequest) -> str:
    return render_to_string(f"admin/newsletter/campaign/{name}.html", content, request)


def urls() -> list[URLPattern]:
    """Return the addresses of the report."""
    see, name = "newsletter.view_campaign", "newsletter_campaign_report"
    return [
        path("<int:campaign_id>/report/", permitted(report, see), name=name),
        path("<int:campaign_id>/report.json", permitted(report_json, see), name=f"{name}_json"),
        path("<int:campaign_id>/report/links/", permitted(report_links, see), name=f"{name}_links"),
        *report_map.urls(),
        *report_people.urls(),
        *report_forwards.urls(),
        *report_programs.urls(),
    ]
