"""Who did what with a campaign: the people who let us record it."""

from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter.admin.addresses import number
from newsletter.admin.pages import campaign_page, permitted
from newsletter.models import Campaign
from subscribers import recording
from tracking import readers
from tracking.models import Link
from tracking.readers import Did, Filter

WORDS = {Did.READ: "Read it", Did.OPENED: "Opened", Did.CLICKED: "Clicked", Did.LEFT: "Left"}
LINKS = 100  # to choose from


@require_GET
def people(request: HttpRequest, campaign_id: int) -> HttpResponse:
    """Show a page of the list."""
    if not request.user.has_perm("newsletter.view_campaign"):
        raise PermissionDenied
    campaign = get_object_or_404(Campaign, pk=campaign_id)
    links = dict(
        Link.objects.filter(campaign_id=campaign_id).order_by("id").values_list("id", "url")[:LINKS]
    )
    wanted = _wanted(request, campaign_id, links)
    place = number(request.GET.get("after", ""))
    query = {"did": wanted.did.value, "link": wanted.link_id or ""}
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/report_people.html",
        "Who did what",
        part="report",
        page="people",
        may_see_people=True,
        found=readers.page(wanted, place),
        is_first=not place,
        wanted=wanted,
        words=WORDS,
        links=links,
        query=urlencode({name: value for name, value in query.items() if value}),
        naming=recording.of_campaign(campaign_id).value,
    )


def _wanted(request: HttpRequest, campaign_id: int, links: dict[int, str]) -> Filter:
    """Return the filter that a request names; what does not exist is left out."""
    did, link_id = request.GET.get("did", ""), number(request.GET.get("link", ""))
    return Filter(
        campaign_id,
        Did(did) if did in list(Did) else Did.READ,
        link_id if link_id in links else 0,
    )


def urls() -> list[URLPattern]:
    """Return the address of the list."""
    return [
        path(
            "<int:campaign_id>/report/people/",
            permitted(people, "subscribers.view_subscriber"),
            name="newsletter_campaign_report_people",
        ),
    ]
