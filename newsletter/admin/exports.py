"""Downloads of events and of the tables of reports. newsletter.exporting says which there are."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path
from django.views.decorators.http import require_GET

from newsletter.admin.pages import campaign_page, permitted
from newsletter.exporting import FORMS, TABLES, WORDS, write
from newsletter.models import Campaign
from tracking.exports import NotPossible, Wanted

logger = logging.getLogger(__name__)

PEOPLE = "subscribers.view_subscriber"  # the right to see people's data


@require_GET
def exports(request: HttpRequest, campaign_id: int = 0) -> HttpResponse:
    """Show what can be downloaded of a campaign, or of all."""
    campaign = get_object_or_404(Campaign, pk=campaign_id) if campaign_id else None
    return campaign_page(
        request,
        campaign,
        "admin/newsletter/campaign/exports_page.html",
        "Exports",
        part="report",
        **rows(request),
    )


def rows(request: HttpRequest) -> dict[str, Any]:
    """Return what the list of downloads needs."""
    with_people = request.user.has_perm(PEOPLE)
    return {
        "exports": [
            {"name": name, "title": WORDS[name][0], "words": WORDS[name][1]}
            for name in WORDS
            if with_people or not TABLES[name].is_personal
        ],
        "forms": list(FORMS.values()),
        "names_people": with_people,
    }


@require_GET
def download(
    request: HttpRequest, table: str, form: str, campaign_id: int = 0
) -> StreamingHttpResponse:
    """Answer with a table while it is read. Who may not see people gets a file without them."""
    if table not in TABLES or form not in FORMS:
        raise Http404("no such table, or no such form")
    if campaign_id:
        get_object_or_404(Campaign, pk=campaign_id)
    kind = FORMS[form]
    wanted = Wanted(campaign_id, with_people=request.user.has_perm(PEOPLE))
    try:
        pieces = write(TABLES[table], kind, wanted)
    except NotPossible as error:
        raise PermissionDenied(str(error)) from error
    logger.info("user %s exports %s of campaign %s", request.user.pk, table, campaign_id or "all")
    answer = StreamingHttpResponse(pieces, content_type=kind.content_type)
    start = f"campaign-{campaign_id}-" if campaign_id else ""
    answer["Content-Disposition"] = f'attachment; filename="{start}{table}.{kind.suffix}"'
    answer["X-Accel-Buffering"] = "no"  # nginx would keep the first bytes back
    return answer


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, name = "newsletter.view_campaign", "newsletter_campaign_export"
    file = "<str:table>/<str:form>/"
    one = "<int:campaign_id>/exports/"
    return [
        path("exports/", permitted(exports, see), name=f"{name}s_all"),
        path(f"exports/{file}", permitted(download, see), name=f"{name}_all"),
        path(one, permitted(exports, see), name=f"{name}s"),
        path(f"{one}{file}", permitted(download, see), name=name),
    ]
