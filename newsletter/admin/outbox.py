"""The mail catcher's pages: what was sent, as its reader would see it.

A caught mail is somebody's HTML. It is answered under a policy that runs nothing and belongs to no
origin, and is shown inside a frame; nothing of it stands in the admin's own page.
"""

from typing import Any

from csp.constants import NONE, UNSAFE_INLINE
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_GET, require_POST

from newsletter import outbox
from newsletter.admin.addresses import number
from newsletter.admin.pages import page, permitted

# 'sandbox' without allow-scripts and allow-same-origin: inert even when opened by itself.
# Pictures load as in a mail program, so that looking at a mail counts as an open.
MAIL_POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "img-src": ["data:", "http:", "https:"],
    "style-src": [UNSAFE_INLINE],
    "form-action": [NONE],
    "base-uri": ["'self'"],
    "frame-ancestors": ["'self'"],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox"],
}
PARTS = ("html", "text", "source", "headers")


@require_GET
def mails(request: HttpRequest) -> HttpResponse:
    """List the caught mails, newest first."""
    query = request.GET.get("q", "")
    found = outbox.list_mails(query, number(request.GET.get("p", "")) or 1)
    return page(request, "admin/outbox/list.html", "Mail catcher", found=found, query=query)


@require_GET
def mail(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Show one mail: as HTML, as text, its source or its headers."""
    caught = _read(mail_id)
    default = "html" if caught.html else "text"
    part = request.GET.get("part", default)
    return page(
        request,
        "admin/outbox/mail.html",
        caught.summary.subject or "(no subject)",
        mail=caught,
        part=part if part in PARTS else default,
    )


@require_GET
def frame(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Answer with the mail's HTML, for the frame of its page."""
    response = HttpResponse(as_framed(_read(mail_id).html))
    response._csp_config = MAIL_POLICY  # type: ignore[attr-defined]
    return response


@require_GET
def download(request: HttpRequest, mail_id: str) -> HttpResponse:
    """Answer with the bytes as they came, for a mail program."""
    caught = _read(mail_id)
    return HttpResponse(
        caught.raw,
        content_type="message/rfc822",
        headers={"Content-Disposition": f'attachment; filename="{caught.summary.id}.eml"'},
    )


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    """Throw all mails away."""
    messages.success(request, f"{outbox.clear():,} mails were thrown away.")
    return HttpResponseRedirect(reverse("admin:outbox"))


def as_framed(html: str) -> str:
    """Return `html` whose links open in a window of their own rather than in the frame."""
    return f'<base target="_blank">{html}'


def urls() -> list[URLPattern]:
    """Return the addresses of these pages."""
    see, throw = "newsletter.view_delivery", "newsletter.change_campaign"
    return [
        path("outbox/", permitted(mails, see), name="outbox"),
        path("outbox/clear/", permitted(clear, throw), name="outbox_clear"),
        path("outbox/<str:mail_id>/", permitted(mail, see), name="outbox_mail"),
        path("outbox/<str:mail_id>/frame/", permitted(frame, see), name="outbox_frame"),
        path("outbox/<str:mail_id>/download/", permitted(download, see), name="outbox_download"),
    ]


def _read(mail_id: str) -> outbox.Mail:
    try:
        return outbox.read_mail(mail_id)
    except outbox.NoSuchMail:
        raise Http404("There is no such mail (any more).") from None
