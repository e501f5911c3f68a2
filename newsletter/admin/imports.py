"""Imports: a file is handed in here, and its way into the list is watched here.

The work itself is done by a worker (subscribers/importing/); the row is the job.
"""

from pathlib import Path
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import PermissionDenied
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RelatedDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from newsletter.admin.addresses import number
from newsletter.admin.listing import Listing, badge, moment
from newsletter.admin.pages import page, permitted
from subscribers import importing
from subscribers.models import Import, MailingList

STATUS_COLOURS = {
    Import.Status.WAITING: "blue",
    Import.Status.RUNNING: "accent bs-badge--live",
    Import.Status.FINISHED: "green",
    Import.Status.FAILED: "red",
}


class ImportForm(forms.Form):
    """A file, the list it goes to, and how the people in it agreed."""

    file = forms.FileField(label="CSV file")
    mailing_list = forms.ModelChoiceField(
        MailingList.objects.all(),
        label="Into the list",
        empty_label="Choose a list",
        widget=UnfoldAdminSelectWidget,
    )
    evidence = forms.CharField(
        label="How did these people agree?",
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="Kept with each person as proof: where, when and to what they agreed, "
        "for example “Paper forms at the fair in Leeds, May 2026, kept in the office”.",
    )


@admin.register(Import)
class ImportAdmin(Listing):
    """Hand in files, and look at what became of them."""

    list_display = ("file", "mailing_list", "state", "added_people", "refused_rows", "begun")
    list_filter = (
        ("status", ChoicesDropdownFilter),
        ("mailing_list", RelatedDropdownFilter),
    )
    list_select_related = ("mailing_list",)
    empty_words = "Bring the people you know already, from a CSV file."
    ordering = ("-id",)

    def has_change_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        """Refuse: an import is watched, not edited."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Import | None = None) -> bool:
        """Refuse: it says where people came from."""
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take a file in."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        chosen = {"mailing_list": request.GET.get("list")}
        form = ImportForm(request.POST or None, request.FILES or None, initial=chosen)
        if request.method == "POST" and form.is_valid():
            made = importing.create_import(
                mailing_list=form.cleaned_data["mailing_list"],
                file=form.cleaned_data["file"],
                file_name=form.cleaned_data["file"].name,
                evidence=form.cleaned_data["evidence"],
                staff_id=request.user.pk,
            )
            messages.success(request, "The file is here. You may leave this page; it goes on.")
            return HttpResponseRedirect(reverse("admin:subscribers_import_change", args=[made.pk]))
        return page(
            request,
            "admin/subscribers/import/add.html",
            "Import people",
            opts=Import._meta,
            form=form,
            has_lists=MailingList.objects.exists(),
        )

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show how far the import is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = get_object_or_404(
            Import.objects.select_related("mailing_list"), pk=number(object_id)
        )
        return page(
            request,
            "admin/subscribers/import/progress.html",
            found.file_name,
            opts=Import._meta,
            original=found,
            job=found,
            going=found.status in (Import.Status.WAITING, Import.Status.RUNNING),
            has_refused=refused_file(found) is not None,
            **numbers(found),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the live numbers and the file of refused rows."""
        see = "subscribers.view_import"
        return [
            path(
                "<int:import_id>/progress.json",
                permitted(progress_json, see),
                name="subscribers_import_progress",
            ),
            path(
                "<int:import_id>/refused/",
                permitted(refused, see),
                name="subscribers_import_refused",
            ),
            *super().get_urls(),
        ]

    @admin.display(description="File")
    def file(self, job: Import) -> SafeString:
        """Show the file's name."""
        return format_html('<strong class="bs-break">{}</strong>', job.file_name)

    @admin.display(description="Status", ordering="status")
    def state(self, job: Import) -> SafeString:
        """Show the status."""
        return badge(job.get_status_display(), STATUS_COLOURS[Import.Status(job.status)])

    @admin.display(description="Added")
    def added_people(self, job: Import) -> str:
        """Show how many are new."""
        return intcomma(job.added)

    @admin.display(description="Refused")
    def refused_rows(self, job: Import) -> str:
        """Show how many rows were refused."""
        return intcomma(job.refused)

    @admin.display(description="Begun", ordering="id")
    def begun(self, job: Import) -> SafeString | str:
        """Show when the file was handed in."""
        return moment(job.created_at)


def numbers(job: Import) -> dict[str, Any]:
    """Return the numbers of the progress page, as text, and the bar's width in per cent."""
    done = 100.0 if job.status == Import.Status.FINISHED else _share(job.bytes_done, job.size)
    seconds = ((job.finished_at or timezone.now()) - job.created_at).total_seconds()
    return {
        "share": f"{done:.0f} %",
        "width": done,
        "rows": intcomma(job.rows_done),
        "pace": f"{job.rows_done / seconds:,.0f} rows a second" if seconds >= 0.5 else "",
        "added": intcomma(job.added),
        "updated": intcomma(job.updated),
        "unchanged": intcomma(job.unchanged),
        "refused": intcomma(job.refused),
    }


@require_GET
def progress_json(request: HttpRequest, import_id: int) -> JsonResponse:
    """Answer with the numbers, for the page to show without loading anew."""
    job = get_object_or_404(Import, pk=import_id)
    text = numbers(job)
    width = text.pop("width")
    going = job.status in (Import.Status.WAITING, Import.Status.RUNNING)
    return JsonResponse(
        {
            "text": {**text, "status": job.get_status_display()},
            "width": {"done": width},
            "done": not going,
        }
    )


@require_GET
def refused(request: HttpRequest, import_id: int) -> FileResponse:
    """Answer with the file of refused rows, each with its line and reason."""
    file = refused_file(get_object_or_404(Import, pk=import_id))
    if file is None:
        raise Http404("No row was refused, or the file has been tidied away.")
    return FileResponse(file.open("rb"), as_attachment=True, filename=f"refused-{import_id}.csv")


def refused_file(job: Import) -> Path | None:
    """Return where the refused rows are, None when there is no such file."""
    file = importing.refused_path(job)
    return file if file.is_file() else None


def _share(part: int, whole: int) -> float:
    return round(min(100.0, 100 * part / whole), 1) if whole else 0.0
