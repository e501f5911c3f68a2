"""A campaign's mail with its clicks drawn over it, and the links as a table."""

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from newsletter import clickmap
from newsletter.admin.outbox import MAIL_POLICY
from newsletter.admin.pages import campaign_page, permitted
from newsletter.admin.preview import MADE_UP
from newsletter.admin.report_asked import asked, choices
from newsletter.admin.report_charts import link_rows
from newsletter.clickmap import ClickMap
from newsletter.models import Campaign, Edition
from newsletter.templating import TemplateProblem
from tracking.counted import Counted, clicks
from tracking.reports import LinkReport, links_of

# As a caught mail is shown, but its links lead nowhere at all.
POLICY: dict[str, Any] = {**MAIL_POLICY, "sandbox": [""]}


@require_GET
def click_map(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show the map in its frame, and the table beside it."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    shown = asked(request)
    found = links_of(campaign_id)
    drawn, problem = _drawn(campaign, found, shown.counted)
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/report_map.html",
        "Click map",
        part="report",
        page="map",
        may_see_people=request.user.has_perm("subscribers.view_subscriber"),
        shown=shown,
        query=shown.query(),
        choices={"counted": choices(shown)["counted"]},
        links=link_rows(found, shown.counted),
        is_drawn=drawn is not None,
        in_picture=drawn.shown if drawn else (),
        problem=problem,
    )


@require_GET
@xframe_options_sameorigin
def frame(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Answer with the mail and its badges, for the frame of the page."""
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    drawn, _ = _drawn(campaign, links_of(campaign_id), asked(request).counted)
    if drawn is None:
        raise Http404("There is no picture of this mail.")
    response = HttpResponse(drawn.html)
    response._csp_config = POLICY  # type: ignore[attr-defined]
    return response


def _drawn(
    campaign: Campaign, found: Sequence[LinkReport], counted: Counted
) -> tuple[ClickMap | None, str]:
    """Return the picture; None, with what to say instead, where there is none."""
    edition = Edition.objects.filter(campaign=campaign).first()
    if edition is None:
        return None, "The mail as it was sent is not kept."
    counts = {link.link_id: clicks(link, counted) for link in found}
    try:
        return clickmap.draw(edition, MADE_UP, counts), ""
    except TemplateProblem as problem:
        return None, f"The mail can’t be drawn for a made-up reader: {problem}"


def urls() -> list[URLPattern]:
    """Return the addresses of the map."""
    see, name = "newsletter.view_campaign", "newsletter_campaign_report_map"
    return [
        path("<int:campaign_id>/report/map/", permitted(click_map, see), name=name),
        path("<int:campaign_id>/report/map/frame/", permitted(frame, see), name=f"{name}_frame"),
    ]
