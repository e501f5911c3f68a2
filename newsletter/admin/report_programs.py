"""By what, where and at which mailbox providers a campaign was read: a page of its report."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.timezone import get_current_timezone_name
from django.views.decorators.http import require_GET

from newsletter import mailboxes
from newsletter.admin.pages import campaign_page, permitted
from newsletter.admin.report_asked import Shown, asked, choices
from newsletter.admin.report_mailboxes import mailbox_chart, mailbox_rows
from newsletter.comparing import is_unnamed
from newsletter.models import Campaign
from tracking import breakdown_reports, countries
from tracking.breakdown_reports import Part, is_known
from tracking.counted import Counted, clicks, opens
from tracking.countries import HIDDEN
from tracking.reports import overview

EVERY = 10  # seconds between two looks at the numbers
BARS = 8  # of a chart; a legend for more would be longer than the chart
ROWS = 20  # of a table
_COLOURS = {
    Counted.PEOPLE: ("open", "click"),
    Counted.ALL: ("open", "click"),
    Counted.MACHINES: ("machine-open", "machine-click"),
}


class Row(NamedTuple):
    """A line of a table."""

    name: str
    opens: int
    clicks: int
    others: int  # requests of those who are not counted now: of machines, or of people
    share: float  # of all opens, in per cent
    width: float  # of its bar, in per cent of the longest


@require_GET
def programs(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the page."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    shown = asked(request)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/report_programs.html",
        "Programs and places",
        part="report",
        page="programs",
        every=EVERY * 1000,
        may_see_people=request.user.has_perm("subscribers.view_subscriber"),
        zone=get_current_timezone_name(),
        shown=shown,
        query=shown.query(),
        choices={"counted": choices(shown)["counted"]},
        **_content(campaign, shown),
    )


@require_GET
def programs_json(request: HttpRequest, campaign_id: int) -> JsonResponse:
    """Answer with the same numbers, for the page to show without loading anew."""
    content = _content(get_object_or_404(Campaign, pk=campaign_id), asked(request))
    parts = {name: _table(part, request) for name, part in content["parts"].items()}
    boxes = render_to_string("admin/newsletter/campaign/report_mailboxes.html", content, request)
    charts = {name: part["chart"] for name, part in content["parts"].items()}
    return JsonResponse(
        {
            "html": {**parts, "mailboxes": boxes},
            "charts": {**charts, "mailboxes": content["mailbox_chart"]},
            # What the page has no place for yet makes it load anew.
            "done": request.GET.get("seen", content["shape"]) != content["shape"],
        }
    )


def _content(campaign: Campaign, shown: Shown) -> dict[str, Any]:
    found = breakdown_reports.report(campaign.pk)
    totals = overview([campaign.pk])[campaign.pk]
    boxes = mailboxes.report(campaign.pk)
    hides_people = is_unnamed(totals) and shown.counted == Counted.PEOPLE
    parts = {
        "clients": _part(found.clients, shown.counted),
        "devices": _part(found.devices, shown.counted),
        "countries": _part(found.countries, shown.counted),
    }
    has_countries = countries.is_installed() or any(part.value > HIDDEN for part in found.countries)
    return {
        "parts": parts,
        "has_countries": has_countries,
        "shape": _shape(
            *(part[key] for part in parts.values() for key in ("rows", "is_known")),
            *(has_countries, boxes.rows),
        ),
        "counted": shown.counted,
        "counted_at": boxes.counted_at,
        "mailboxes": mailbox_rows(boxes.rows, shown.counted, hides_people),
        "mailbox_chart": mailbox_chart(boxes.rows, shown.counted, hides_people),
        "hides_people": hides_people,
    }


def _shape(*sections: object) -> str:
    """Return which sections of the page have something to show, a digit for each."""
    return "".join(str(int(bool(section))) for section in sections)


def _part(parts: Sequence[Part], counted: Counted) -> dict[str, Any]:
    """Return the chart and the table of one dimension."""
    rows = _rows(parts, counted)
    return {
        "is_known": is_known(parts),
        "rows": rows,
        "chart": _chart(rows, counted),
        "other": "By people" if counted == Counted.MACHINES else "By machines",
    }


def _rows(parts: Sequence[Part], counted: Counted) -> list[Row]:
    """Return the largest parts, the last of them all others together."""
    known = [part for part in parts if opens(part, counted) or clicks(part, counted)]
    known.sort(key=lambda part: (-opens(part, counted), -clicks(part, counted), part.name))
    if len(known) > ROWS:
        known[ROWS - 1 :] = [_together(known[ROWS - 1 :])]
    whole = sum(opens(part, counted) for part in known)
    longest = max((opens(part, counted) for part in known), default=0)
    other = Counted.PEOPLE if counted == Counted.MACHINES else Counted.MACHINES
    return [
        Row(
            part.name,
            opens(part, counted),
            clicks(part, counted),
            opens(part, other) + clicks(part, other),
            _per_cent(opens(part, counted), whole),
            _per_cent(opens(part, counted), longest),
        )
        for part in known
    ]


def _together(parts: Sequence[Part]) -> Part:
    names = ("opens", "clicks", "machine_opens", "machine_clicks")
    sums = {name: sum(getattr(part, name) for part in parts) for name in names}
    return Part(-1, f"{len(parts)} others", **sums)


def _chart(rows: Sequence[Row], counted: Counted) -> dict[str, Any]:
    """Return bars that lie, because names are long."""
    shown = rows[:BARS]
    colours = _COLOURS[counted]
    whose = " by machines" if counted == Counted.MACHINES else ""
    return {
        "type": "bar",
        "is_lying": True,
        "labels": [row.name for row in shown],
        "series": [
            {
                "label": f"Opens{whose}",
                "colour": colours[0],
                "data": [row.opens for row in shown],
            },
            {
                "label": f"Clicks{whose}",
                "colour": colours[1],
                "data": [row.clicks for row in shown],
            },
        ],
    }


def _table(part: dict[str, Any], request: HttpRequest) -> str:
    return render_to_string("admin/newsletter/campaign/report_parts.html", {"part": part}, request)


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def urls() -> list[URLPattern]:
    """Return the addresses of the page."""
    see, name = "newsletter.view_campaign", "newsletter_campaign_report_programs"
    start = "<int:campaign_id>/report/programs"
    return [
        path(f"{start}/", permitted(programs, see), name=name),
        path(f"{start}.json", permitted(programs_json, see), name=f"{name}_json"),
    ]
