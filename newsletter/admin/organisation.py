"""Who writes: one form, since there is one row."""

from typing import Any

from django.contrib import admin
from django.db import models
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminTextareaWidget

from subscribers.models import Organisation


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):  # type: ignore[misc]
    """Edit the one row; the list leads straight to it."""

    formfield_overrides = {
        models.URLField: {"assume_scheme": "https"},
        models.TextField: {"widget": UnfoldAdminTextareaWidget(attrs={"rows": 3})},
    }
    compressed_fields = True
    warn_unsaved_form = True
    fieldsets = (
        (
            "Identity",
            {
                "fields": ("name", "postal_address", "contact_email"),
                "description": "Every mail and every public page says who writes.",
            },
        ),
        ("On the web", {"fields": ("website", "privacy_url")}),
    )

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Go to the form."""
        pk = Organisation.current().pk
        return HttpResponseRedirect(reverse("admin:subscribers_organisation_change", args=[pk]))

    def response_post_save_change(self, request: HttpRequest, obj: Organisation) -> HttpResponse:
        """Stay on the form, since there is no list to go back to."""
        return HttpResponseRedirect(reverse("admin:subscribers_organisation_change", args=[obj.pk]))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse a second row."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: mails must say who writes."""
        return False
