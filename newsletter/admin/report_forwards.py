"""What readers passed on: of one campaign, or of all."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter.admin.addresses import number
from newsletter.admin.pages import campaign_page, permitted
from newsletter.models import Campaign
from subscribers import passing_on
from subscribers.models import Subscriber
from tracking import forward_list, forward_reports
from tracking.models import Forward

WORDS = {
    Forward.Kind.FRIEND: "Mail to a friend",
    Forward.Kind.SHARE: "Shared page",
    Forward.Kind.COMMON: "Copies that may not be told apart",
}


@require_GET
def forwards(request: HttpRequest, campaign_id: int = 0) -> HttpResponse:
    """Show a page of the list."""
    campaign = get_object_or_404(Campaign, pk=campaign_id) if campaign_id else None
    place = number(request.GET.get("before", ""))
    found = forward_list.page(campaign_id, place)
    may_see_people = request.user.has_perm("subscribers.view_subscriber")
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/report_forward_list.html",
        "Forwards",
        part="report",
        page="forwards",
        may_see_people=may_see_people,
        rows=_rows(found, may_see_people),
        next=found.next,
        is_first=not place,
        forwards=forward_reports.report(campaign_id) if campaign else None,
        is_allowed=passing_on.is_allowed(campaign_id),
    )


def _rows(found: forward_list.Page, may_see_people: bool) -> list[dict[str, Any]]:
    campaigns = {copy.campaign_id for copy in found.copies}
    subjects = dict(Campaign.objects.filter(pk__in=campaigns).values_list("pk", "subject"))
    owners = {copy.owner_id for copy in found.copies} if may_see_people else set()
    people = dict(Subscriber.objects.filter(pk__in=owners - {0}).values_list("pk", "email"))
    return [
        {
            "copy": copy,
            "what": WORDS[copy.kind],
            "campaign_id": copy.campaign_id,
            "subject": subjects.get(copy.campaign_id, ""),
            "owner": people.get(copy.owner_id, ""),
            "machines": (
                copy.totals.machine_opens + copy.totals.machine_clicks + copy.totals.machine_visits
            ),
        }
        for copy in found.copies
    ]


def urls() -> list[URLPattern]:
    """Return the addresses of the list."""
    see, name = "newsletter.view_campaign", "newsletter_campaign"
    return [
        path("forwards/", permitted(forwards, see), name=f"{name}_forwards_all"),
        path(
            "<int:campaign_id>/report/forwards/",
            permitted(forwards, see),
            name=f"{name}_report_forwards",
        ),
    ]
