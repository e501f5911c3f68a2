"""What all our lists of rows share: bounded cost, no bulk deletion, and badges."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from newsletter.admin.addresses import number
from newsletter.admin.paginator import EstimatedPaginator


class Listing(ModelAdmin):  # type: ignore[misc]
    """A list that costs the same at a thousand rows and at a million."""

    paginator = EstimatedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a count for each choice, each over the whole table
    list_per_page = 50
    list_max_show_all = 0
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True
    formfield_overrides = {
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
    }
    empty_words = ""  # said when the list is empty, to who may fill it
    list_title = ""  # of the page; empty: what its rows are called

    def prepare(self, found: list[Any]) -> None:
        """Fetch at once what the columns show of the rows of one page."""

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the page of the list shows besides its rows."""
        return {}

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return what the page of the form shows besides its fields; `pk` is 0 for a new row."""
        return {}

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Call the page what it shows; Django's own words are "Select subscriber to change"."""
        if "%00" in request.META["QUERY_STRING"]:  # which PostgreSQL has no text with
            return HttpResponseRedirect(request.path)
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        more = {"title": title, **self.list_context(request), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, more)
        changelist = getattr(answer, "context_data", {}).get("cl")
        if changelist is not None:
            found = list(changelist.result_list)
            self.prepare(found)
            changelist.result_list = found
        return answer

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the form, and what stands beside it."""
        more = {**(extra_context or {}), **self.form_context(request, number(object_id or ""))}
        answer: HttpResponse = super().changeform_view(request, object_id, form_url, more)
        return answer

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out "delete selected", which loads all that it deletes."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions


class ReadOnly(Listing):
    """Rows that are looked at only: other modules write them, and rules keep them as they are."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Refuse."""
        return False


def badge(text: object, colour: str = "") -> SafeString:
    """Return a pill with `text` (escaped); colours: green, amber, red, blue, accent."""
    return format_html('<span class="bs-badge bs-badge--{}">{}</span>', colour or "grey", text)


def moment(at: datetime | None) -> SafeString | str:
    """Return a moment; the page's script says it in the reader's own time zone."""
    if at is None:
        return "–"
    return format_html(
        '<time class="bs-nowrap" data-local datetime="{}">{}</time>',
        at.isoformat(),
        at.strftime("%d %b %Y, %H:%M"),
    )


def person(title: str, below: str = "") -> SafeString:
    """Return a cell with initials, `title` and a smaller line (both escaped)."""
    return format_html(
        '<span class="bs-person"><span class="bs-avatar" aria-hidden="true">{}</span>'
        "<span><strong>{}</strong><small>{}</small></span></span>",
        (below or title)[:2],
        title,
        below,
    )
