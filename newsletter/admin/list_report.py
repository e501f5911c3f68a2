"""The report of a list: how it grows, whom it loses, who reads it, and at which hours."""

from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.utils.timezone import get_current_timezone_name, localdate
from django.views.decorators.http import require_GET

from newsletter import list_readings
from newsletter.admin.addresses import number
from newsletter.admin.list_bands import WORDS, best_hours, heat_rows, rows
from newsletter.admin.pages import page, permitted
from newsletter.templatetags.broadsheet import percent
from subscribers import growth
from subscribers.growth import Grain, History, Period
from subscribers.models import MailingList
from tracking import band_people, bands
from tracking.bands import Band

COUNTS = {Grain.DAY: 30, Grain.WEEK: 26, Grain.MONTH: 24}  # periods of a chart
GRAINS = {Grain.DAY: "Days", Grain.WEEK: "Weeks", Grain.MONTH: "Months"}
CHURN_MONTHS = 13  # the present one, and a year before it
HEATS = ("opens", "clicks")


class Asked(NamedTuple):
    """What of the report is asked for. Stands in its address."""

    grain: Grain
    heat: str


@require_GET
def report(request: HttpRequest, list_id: int) -> HttpResponse:
    """Show the report."""
    mailing_list = get_object_or_404(MailingList, pk=list_id)
    today, asked = localdate(), _asked(request)
    since = min(growth.first(today, grain, count) for grain, count in COUNTS.items())
    history = growth.history(list_id, since)
    months = growth.periods(history, today, Grain.MONTH, CHURN_MONTHS)
    counted = bands.read(list_id)
    return page(
        request,
        "admin/subscribers/mailinglist/report.html",
        "Report",
        opts=MailingList._meta,
        original=mailing_list,
        part="report",
        asked=asked,
        zone=get_current_timezone_name(),
        cards=cards(history, months, today),
        switches=_switches(asked),
        growth=growth_part(history, today, asked.grain),
        churn=churn_part(months),
        counted=counted,
        bands=rows(counted) if counted else [],
        heat=heat_rows(counted, asked.heat) if counted else [],
        best=best_hours(counted, asked.heat) if counted else [],
        hours=range(24),
        may_see_people=request.user.has_perm("subscribers.view_subscriber"),
    )


@require_GET
def people(request: HttpRequest, list_id: int) -> HttpResponse:
    """Show who is in a band of the list."""
    if not request.user.has_perm("newsletter.view_campaign"):
        raise PermissionDenied
    mailing_list = get_object_or_404(MailingList, pk=list_id)
    name = request.GET.get("band", "")
    band = Band(name) if name in list(Band) else Band.ACTIVE
    place = number(request.GET.get("after", ""))
    counted = bands.read(list_id)
    found = None
    if counted:
        [known] = list_readings.known(list_id)
        found = band_people.page(known, band, counted.counted_at, place)
    return page(
        request,
        "admin/subscribers/mailinglist/people.html",
        "People",
        opts=MailingList._meta,
        original=mailing_list,
        part="people",
        counted=counted,
        found=found,
        is_first=not place,
        band=band.value,
        words=WORDS[band],
        is_named=band not in band_people.UNNAMED,
        bands=rows(counted) if counted else [],
    )


def cards(history: History, months: list[Period], today: date) -> list[dict[str, str]]:
    """Return the cards at the top."""
    days = growth.periods(history, today, Grain.DAY, COUNTS[Grain.DAY])
    joined, gone = sum(day.joined for day in days), sum(day.gone for day in days)
    bounced = sum(day.bounced for day in days)
    last = months[-2]  # the present one is not over yet
    return [
        _card(
            "group", "On the list", intcomma(months[-1].at_end), f"{joined - gone:+,} in 30 days"
        ),
        _card("person_add", "Joined", intcomma(joined), "in 30 days"),
        _card(
            *("person_remove", "Left", intcomma(gone), "in 30 days"),
            f"and {intcomma(bounced)} with an address that is gone" if bounced else "",
        ),
        _card(
            *("trending_down", "Churn", "–" if last.churn is None else percent(100 * last.churn)),
            f"in {last.start:%B %Y}",
        ),
    ]


def growth_part(history: History, today: date, grain: Grain) -> dict[str, Any]:
    """Return the charts of growth, and their table with the newest first."""
    found = growth.periods(history, today, grain, COUNTS[grain])
    labels = [_label(each.start, grain) for each in found]
    return {
        "is_empty": not any(each.at_start or each.joined or each.gone for each in found),
        "moves": _chart(
            *("bar", labels),
            ("Joined", "joined", [each.joined for each in found]),
            ("Left", "leave", [each.gone for each in found]),
        ),
        "members": _chart(
            *("line", labels), ("On the list", "members", [each.at_end for each in found])
        ),
        "rows": [{"label": _label(each.start, grain), "period": each} for each in found[::-1]],
    }


def churn_part(months: list[Period]) -> dict[str, Any]:
    """Return the chart of churn, its table, and the last full month for the formula."""
    rates = [None if each.churn is None else round(100 * each.churn, 2) for each in months]
    known = [each for each in months[:-1] if each.churn is not None]
    labels = [_label(each.start, Grain.MONTH) for each in months]
    return {
        "chart": {**_chart("line", labels, ("Churn", "churn", rates)), "unit": "%"},
        "rows": [
            {"period": each, "rate": None if each.churn is None else 100 * each.churn}
            for each in months[::-1]
        ],
        "example": known[-1] if known else None,
        "example_rate": 100 * (known[-1].churn or 0.0) if known else None,
        "is_empty": all(rate is None for rate in rates),
    }


def _card(icon: str, label: str, value: str, hint: str, more: str = "") -> dict[str, str]:
    return {"icon": icon, "label": label, "value": value, "hint": hint, "more": more}


def _chart(
    kind: str, labels: list[str], *series: tuple[str, str, list[int] | list[float | None]]
) -> dict[str, Any]:
    return {
        "type": kind,
        "labels": labels,
        "series": [
            {"label": label, "colour": colour, "data": data} for label, colour, data in series
        ],
    }


def _label(start: date | datetime, grain: Grain) -> str:
    return f"{start:%b %Y}" if grain == Grain.MONTH else f"{start:%d %b}"


def _asked(request: HttpRequest) -> Asked:
    grain, heat = request.GET.get("by", ""), request.GET.get("heat", "")
    return Asked(
        Grain(grain) if grain in list(Grain) else Grain.MONTH, heat if heat in HEATS else HEATS[0]
    )


def _switches(asked: Asked) -> dict[str, list[dict[str, Any]]]:
    return {
        "grain": [
            {
                "label": label,
                "query": f"by={grain}&heat={asked.heat}",
                "is_current": grain == asked.grain,
            }
            for grain, label in GRAINS.items()
        ],
        "heat": [
            {
                "label": heat.capitalize(),
                "query": f"by={asked.grain}&heat={heat}",
                "is_current": heat == asked.heat,
            }
            for heat in HEATS
        ],
    }


def urls() -> list[URLPattern]:
    """Return the addresses of the report."""
    return [
        path(
            "<int:list_id>/report/",
            permitted(report, "subscribers.view_mailinglist"),
            name="subscribers_mailinglist_report",
        ),
        path(
            "<int:list_id>/people/",
            permitted(people, "subscribers.view_subscriber"),
            name="subscribers_mailinglist_people",
        ),
    ]
