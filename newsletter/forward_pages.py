"""The public pages for forwarding a mail: /f/ to forward and share, /v/ the shared page, /n/ never.

Like all public pages: GET and HEAD change nothing, and no cookie is set (decision 5). What the form
answers is the same whoever the friends are, after the same time.
"""

import time
from typing import Any

from csp.constants import NONE, UNSAFE_INLINE
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from newsletter import forwarding
from newsletter.composing import forwarded
from newsletter.forward_form import ForwardForm
from newsletter.models import Edition
from newsletter.templating import TemplateProblem
from subscribers import passing_on, visitors
from subscribers.models import Subscriber
from subscribers.views import ONE_CLICK, show, token_page
from tracking import facts, forwards, tokens
from tracking.forwards import Kind
from tracking.models import Forward

# A mail is somebody's HTML: it runs nothing and belongs to no origin. Its links open as usual.
MAIL_POLICY: dict[str, Any] = {
    "default-src": [NONE],
    "img-src": ["data:", "http:", "https:"],
    "style-src": [UNSAFE_INLINE],
    "form-action": [NONE],
    "base-uri": [NONE],
    "frame-ancestors": [NONE],
    "sandbox": ["allow-popups", "allow-popups-to-escape-sandbox", "allow-downloads"],
}


@token_page
def forward(request: HttpRequest, token: str) -> HttpResponse:
    """Show the form; POST forwards the mail to friends, or makes a link to share."""
    campaign_id, subscriber_id = tokens.read_forward(token)
    owner = Subscriber.objects.filter(pk=subscriber_id).first()
    if owner is None:
        raise tokens.BadToken
    edition = _edition(campaign_id)
    if not passing_on.is_allowed(campaign_id):
        return show(request, "forward_off", {"is_page": False}, status=403)
    if request.method != "POST":
        form = ForwardForm(campaign_id, subscriber_id)
        return _forward_page(request, edition, owner, form)
    if "share" in request.POST:
        forwards.share(campaign_id, subscriber_id)
        return HttpResponseRedirect(f"{request.path}?shared#share", status=303)
    started = time.monotonic()
    form = ForwardForm(campaign_id, subscriber_id, request.POST)
    if not form.is_robot:
        if not form.is_valid():
            return _forward_page(request, edition, owner, form, status=400)
        try:
            forwards.ask(_wish(request, campaign_id, subscriber_id, form))
        except forwards.TooMany as error:
            return show(request, "forward_limit", {"limit": error.limit.value}, status=429)
    # The same answer after the same time, whoever the friends are.
    time.sleep(max(0.0, settings.JOIN_SECONDS - (time.monotonic() - started)))
    return HttpResponseRedirect(f"{request.path}?sent", status=303)


@token_page
def shared(request: HttpRequest, token: str) -> HttpResponse:
    """Show a mail as a web page, to whoever has the link."""
    campaign_id, forward_id = tokens.read_share(token)
    edition = _edition(campaign_id)
    if not passing_on.is_allowed(campaign_id):
        return show(request, "forward_off", {"is_page": True}, status=403)
    pages = Forward.objects.filter(campaign_id=campaign_id).exclude(kind=Kind.FRIEND)
    page = pages.filter(pk=forward_id).first()
    try:
        made = forwarding.shared_page(edition, forwards.child(page) if page else 0)
    except TemplateProblem:
        raise tokens.BadToken from None
    response = HttpResponse(made.html)
    response._csp_config = MAIL_POLICY  # type: ignore[attr-defined]
    return response


@token_page
def never(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET; POST, by the button or one click (RFC 8058), ends forwards to this address."""
    forward_id = forwarding.read_refuse(token)
    name, value = ONE_CLICK
    asked = request.POST.get(name) == value or request.POST.get("action") == "never"
    done = request.method == "POST" and asked
    if done and not forwards.refuse(forward_id):
        raise tokens.BadToken
    status = 400 if request.method == "POST" and not asked else 200
    return show(request, "forward_never", {"done": done}, status=status)


def _edition(campaign_id: int) -> Edition:
    edition = Edition.objects.filter(pk=campaign_id).first()
    if edition is None:
        raise tokens.BadToken
    return edition


def _wish(
    request: HttpRequest, campaign_id: int, subscriber_id: int, form: ForwardForm
) -> forwards.Wish:
    friends = form.cleaned_data["friends"]
    address = visitors.client_address(request)
    return forwards.Wish(
        campaign_id=campaign_id,
        subscriber_id=subscriber_id,
        friends=friends,
        sender_name=form.cleaned_data["sender"],
        note=form.cleaned_data["note"],
        network=facts.network(str(address)) if address else "",
        skipped=forwarding.unwelcome(campaign_id, friends),
    )


def _forward_page(
    request: HttpRequest, edition: Edition, owner: Subscriber, form: ForwardForm, status: int = 200
) -> HttpResponse:
    try:
        subject = forwarded.subject(edition)
    except TemplateProblem:  # it says something only to the reader that it was made for
        raise tokens.BadToken from None
    made = Forward.objects.filter(
        campaign_id=edition.campaign_id, subscriber_id=owner.pk, kind=Kind.SHARE
    ).first()
    context = {
        "form": form,
        "subject": subject,
        "name": form.data.get("sender", "") if form.is_bound else owner.name,
        "note": form.data.get("note", ""),
        "sent": "sent" in request.GET and not form.is_bound,
        "link": _share_link(made) if made else "",
    }
    return show(request, "forward", context, status=status)


def _share_link(page: Forward) -> str:
    """Return the link to a shared page: by way of what counts its visits, where they may be."""
    child_id = forwards.child(page)
    token = tokens.sign_share(page.campaign_id, child_id)
    return f"{settings.TRACKING_URL}/s/{token}" if child_id else f"{settings.PUBLIC_URL}/v/{token}"
