"""Admin pages that are not a list or a form of one model, in the same frame as the others."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse

from newsletter.models import Campaign

View = Callable[..., HttpResponseBase]


def page(request: HttpRequest, template: str, title: str, **context: Any) -> TemplateResponse:
    """Answer with `template` inside the admin's frame."""
    request.current_app = admin.site.name
    return TemplateResponse(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )


def campaign_page(
    request: HttpRequest, campaign: Campaign | None, template: str, title: str, /, **context: Any
) -> TemplateResponse:
    """Answer with a page about a campaign (None: about all), under its heading and tabs."""
    about = {"opts": Campaign._meta, "original": campaign, "campaign": campaign}
    return page(request, template, title, **{**about, **context})


def permitted(view: View, permission: str) -> View:
    """Return `view` for signed-in staff who hold `permission` only (403 for the others)."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.has_perm(permission):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return admin.site.admin_view(guarded)
