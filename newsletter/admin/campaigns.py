"""Campaigns: the list, and the form of a draft. The rules of their life: newsletter.campaigns.

A campaign that has left draft can't be edited; its pages are progress and report (progress.py,
reports.py). Every button calls one function and shows what it says.
"""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.views import ChangeList

from newsletter.admin import exports, preview, progress, reports, sending
from newsletter.admin.campaign_form import FIELDS, PLACEHOLDERS, CampaignForm
from newsletter.admin.figures import Figures, figures
from newsletter.admin.listing import Listing, moment
from newsletter.models import Campaign
from newsletter.templatetags.broadsheet import home, percent


class CampaignList(ChangeList):  # type: ignore[misc]
    """A list whose rows lead to where each campaign is looked after."""

    def url_for_result(self, result: Campaign) -> str:
        """Return the form of a draft, the progress of what has left draft."""
        return home(result)


@admin.register(Campaign)
class CampaignAdmin(Listing):
    """Write drafts, and find what was sent."""

    form = CampaignForm
    change_form_template = "admin/newsletter/campaign/change_form.html"
    list_display = ("title", "state", "sent", "opened", "clicked", "when")
    list_filter = (("status", ChoicesDropdownFilter), ("lists", RelatedDropdownFilter))
    search_fields = ("subject",)
    ordering = ("-id",)
    fields = FIELDS
    actions_on_top = False
    empty_words = "Write one, look at it as a subscriber would, and send it when it is ready."

    # --- the list -----------------------------------------------------------------------

    def prepare(self, found: list[Any]) -> None:
        """Fetch the figures of the campaigns."""
        numbers = figures(found)
        for campaign in found:
            campaign.figures = numbers[campaign.pk]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[CampaignList]:
        """Return the list that knows where rows lead."""
        return CampaignList

    @admin.display(description="Campaign", ordering="subject")
    def title(self, campaign: Campaign) -> SafeString:
        """Show the subject; CampaignList links it."""
        return format_html('<span class="bs-strong bs-break">{}</span>', campaign.subject)

    @admin.display(description="Status", ordering="status")
    def state(self, campaign: Campaign) -> SafeString:
        """Show the status."""
        return render_to_string("broadsheet/status.html", {"campaign": campaign})

    @admin.display(description="Sent")
    def sent(self, campaign: Any) -> SafeString | str:
        """Show how many of how many."""
        numbers: Figures = campaign.figures
        if not campaign.started_at:
            return "–"
        return render_to_string("broadsheet/sent.html", {"figures": numbers})

    @admin.display(description="Opened")
    def opened(self, campaign: Any) -> str:
        """Show the open rate."""
        return percent(campaign.figures.open_rate) if campaign.figures.sent else "–"

    @admin.display(description="Clicked")
    def clicked(self, campaign: Any) -> str:
        """Show the click rate."""
        return percent(campaign.figures.click_rate) if campaign.figures.sent else "–"

    @admin.display(description="When", ordering="id")
    def when(self, campaign: Campaign) -> SafeString | str:
        """Show when it was started, or will be, or was written."""
        return moment(campaign.started_at or campaign.scheduled_at or campaign.created_at)

    # --- the form -----------------------------------------------------------------------

    def has_change_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Refuse once the campaign has left draft: its content is frozen then."""
        allowed: bool = super().has_change_permission(request, obj)
        return allowed and (obj is None or obj.status == Campaign.Status.DRAFT)

    def has_delete_permission(self, request: HttpRequest, obj: Campaign | None = None) -> bool:
        """Refuse once the campaign has left draft: reports and deliveries belong to it."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or obj.status == Campaign.Status.DRAFT)

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return what the preview needs."""
        return {
            "placeholders": PLACEHOLDERS,
            "preview_people": preview.people(),
            "preview_url": reverse("admin:newsletter_campaign_preview"),
            "part": "content",
        }

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        """Remember who wrote it. Of a stored draft nothing is written but what the form holds."""
        if change:
            obj.save(update_fields=[*form.content(), "changed_at"])
            return
        obj.created_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Campaign, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go on where the pressed button leads."""
        response: HttpResponse = self._next(request, obj) or super().response_add(
            request, obj, post_url_continue
        )
        return response

    def response_change(self, request: HttpRequest, obj: Campaign) -> HttpResponse:
        """Go on where the pressed button leads."""
        response: HttpResponse = self._next(request, obj) or super().response_change(request, obj)
        return response

    def _next(self, request: HttpRequest, campaign: Campaign) -> HttpResponse | None:
        """Return where "Review and send" or "Send a test" leads; None for a plain save."""
        if "_review" in request.POST:
            return HttpResponseRedirect(
                reverse("admin:newsletter_campaign_start", args=[campaign.pk])
            )
        if "_test" in request.POST:
            sending.send_test(request, campaign)
            return HttpResponseRedirect(
                reverse("admin:newsletter_campaign_change", args=[campaign.pk])
            )
        return None

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of sending, previews and reports."""
        own = [*preview.urls(), *sending.urls(), *progress.urls(), *reports.urls(), *exports.urls()]
        return [*own, *super().get_urls()]
