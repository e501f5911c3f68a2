"""Trends: the rates of all campaigns over time, and which did best."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import URLPattern, path
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from newsletter.admin.pages import page, permitted
from newsletter.admin.trend_asked import LEAST, OWN, PERIODS, Shown, asked
from newsletter.admin.trend_parts import cells, charts, words
from newsletter.exporting import rates_csv
from newsletter.rates import MOST, Counting, Measure
from newsletter.trends import Found, find, ranked, senders
from subscribers.models import MailingList

ROWS = 25  # of the ranking on a page


@require_GET
def trends(request: HttpRequest) -> HttpResponse:
    """Show the charts and the ranking."""
    shown = asked(request)
    found, counting = _find(shown, now())
    order = ranked(found.rows, shown.sort, worst_first=shown.order == "worst")
    part = Paginator(order, ROWS).get_page(shown.p)
    return page(
        request,
        "admin/newsletter/trends.html",
        "Trends",
        shown=shown,
        found=found,
        counting=counting,
        query=shown.query(),
        counted=shown.choices(counting),
        heads=_heads(shown, counting),
        ranking=cells(found, list(part), counting),
        part=part,
        first=part.start_index(),
        previous=shown.query(p=part.number - 1),
        next=shown.query(p=part.number + 1),
        all_sizes=shown.query(least=1),
        is_unnamed=counting is Counting.TIMES and shown.counted is None,
        most=MOST,
        lists=MailingList.objects.all(),
        senders=_senders(),
        periods=PERIODS,
        least=LEAST,
        **charts(found, counting),
    )


@require_GET
def trends_csv(request: HttpRequest) -> StreamingHttpResponse:
    """Answer with the campaigns that the page is about, and their rates, as CSV."""
    shown = asked(request)
    found, counting = _find(shown, now())
    answer = StreamingHttpResponse(
        rates_csv(found.rows, counting), content_type="text/csv; charset=utf-8"
    )
    answer["Content-Disposition"] = 'attachment; filename="trends.csv"'
    return answer


def _find(shown: Shown, moment: datetime) -> tuple[Found, Counting]:
    """Find what is asked for; where no campaign knows its people, by how often they read."""
    counting = shown.counted or Counting.PEOPLE
    found = find(shown.asked(counting, moment), moment)
    if shown.counted or any(row.ratios[Measure.OPENED] for row in found.rows):
        return found, counting
    times = find(shown.asked(Counting.TIMES, moment), moment)
    if any(row.ratios[Measure.OPENED] for row in times.rows):
        return times, Counting.TIMES
    return found, counting


def _heads(shown: Shown, counting: Counting) -> list[dict[str, Any]]:
    """Return the heads of the ranking's columns, each with the address that sorts by it."""
    return [
        {
            "label": words(measure, counting).short,
            "is_sorted": measure is shown.sort,
            "is_low_good": measure is Measure.LEFT,
            "is_worst_first": measure is shown.sort and bool(shown.order),
            "query": shown.query(
                sort=measure,
                order="worst" if measure is shown.sort and not shown.order else "",
            ),
        }
        for measure in Measure
    ]


def _senders() -> dict[str, str]:
    """Return the senders to choose from, with what stands in the address for each."""
    return {each or OWN: each or settings.DEFAULT_FROM_EMAIL for each in senders()}


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, name = "newsletter.view_campaign", "newsletter_trends"
    return [
        path("trends/", permitted(trends, see), name=name),
        path("trends.csv", permitted(trends_csv, see), name=f"{name}_csv"),
    ]
