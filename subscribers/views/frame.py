"""What all public pages share: their headers, their frame, and how they read what was ticked."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from subscribers import tokens
from subscribers.models import Confirmation, Organisation, TrackingChoice

View = Callable[..., HttpResponse]

_LONGEST_NUMBER = 20  # digits; a bigint has 19

# As the person reads it: what each choice is called, and what it means.
TRACKING_CHOICES = {
    TrackingChoice.OFF: ("Nothing", "No pictures that report back, and plain links."),
    TrackingChoice.AGGREGATE: (
        "Counted, without my name",
        "We learn how many people read and click, never who.",
    ),
    TrackingChoice.INDIVIDUAL: (
        "Recorded under my name",
        "We see what you open and click, and when.",
    ),
}


def page(view: View) -> View:
    """Give a public page its headers, and its POST no need of a cookie."""

    @csrf_exempt
    @require_http_methods(["GET", "HEAD", "POST"])
    @wraps(view)
    def wrapped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store, private"
        response["Referrer-Policy"] = "no-referrer"
        return response

    return wrapped


def token_page(view: View) -> View:
    """Answer a link from a mail: keep it out of search engines, and explain a broken one."""

    @page
    @wraps(view)
    def wrapped(request: HttpRequest, token: str) -> HttpResponse:
        try:
            response = view(request, token)
        except (tokens.BadToken, Confirmation.DoesNotExist):
            response = show(request, "bad_link", status=404)
        response["X-Robots-Tag"] = "noindex, nofollow"
        return response

    return wrapped


def show(
    request: HttpRequest, name: str, context: dict[str, Any] | None = None, status: int = 200
) -> HttpResponse:
    """Render a public page."""
    return render(
        request,
        f"public/{name}.html",
        {"organisation": Organisation.current(), **(context or {})},
        status=status,
        using="jinja2",
    )


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    """Keep search engines out of people's own pages."""
    closed = ("/admin/", "/confirm/", "/f/", "/n/", "/p/", "/u/", "/v/")
    lines = ["User-agent: *", *(f"Disallow: {place}" for place in closed)]
    return HttpResponse("\n".join(lines) + "\n", content_type="text/plain")


def numbers(request: HttpRequest, field: str) -> set[int]:
    """Return the ids that were ticked; what is no number was not put there by our page."""
    values = request.POST.getlist(field)
    return {int(value) for value in values if value.isdecimal() and len(value) < _LONGEST_NUMBER}
