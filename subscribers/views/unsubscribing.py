"""The page on which people leave, by one click in their mail program or by its button."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from django.http import HttpRequest, HttpResponse

from subscribers import consent, tokens, visitors
from subscribers.models import ConsentRecord, Subscription
from subscribers.views.frame import show, token_page

# RFC 8058: the whole body of the POST that a mail program makes by itself.
ONE_CLICK = ("List-Unsubscribe", "One-Click")

_LIMIT = 4096  # bytes of a body that are looked at; our own forms need far fewer


@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET; act on the one-click POST of a mail program (RFC 8058) and on the button."""
    subscriber_id, campaign_id = tokens.read_unsubscribe(token)
    if request.method == "POST":
        name, value = ONE_CLICK
        fields = _fields(request)
        if fields.get(name) == value:
            origin = visitors.origin(
                request, ConsentRecord.Method.ONE_CLICK, campaign_id=campaign_id
            )
            consent.unsubscribe_campaign(subscriber_id, origin=origin)
            return _unsubscribe_page(request, subscriber_id, campaign_id, done=True)
        origin = visitors.origin(request, ConsentRecord.Method.PAGE, campaign_id=campaign_id)
        if fields.get("action") == "leave":
            consent.unsubscribe_campaign(subscriber_id, origin=origin)
            return _unsubscribe_page(request, subscriber_id, campaign_id, done=True)
        if fields.get("action") == "back":
            back = consent.resubscribe(subscriber_id, origin=origin)
            return _unsubscribe_page(request, subscriber_id, campaign_id, back=back)
        return _unsubscribe_page(request, subscriber_id, campaign_id, status=400)
    return _unsubscribe_page(request, subscriber_id, campaign_id)


def _fields(request: HttpRequest) -> Mapping[str, Any]:
    """Return what was posted, whatever a mail program wrote around it.

    Django refuses a urlencoded body that says it is in another charset than UTF-8, and keeps a
    line end after the last value. Neither is a reason not to let a person go.
    """
    if request.content_type == "multipart/form-data":
        return request.POST
    return dict(parse_qsl(request.read(_LIMIT).decode("latin-1").strip()))


def _unsubscribe_page(
    request: HttpRequest,
    subscriber_id: int,
    campaign_id: int,
    *,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    subscriptions = Subscription.objects.filter(subscriber_id=subscriber_id).exclude(
        status=Subscription.Status.UNSUBSCRIBED
    )
    lists = consent.campaign_list_ids(campaign_id)
    if lists:
        subscriptions = subscriptions.filter(mailing_list_id__in=lists)
    names = subscriptions.order_by("mailing_list__name").values_list(
        "mailing_list__name", flat=True
    )
    return show(
        request,
        "unsubscribe",
        {
            "on": sorted(names),
            "left": [each.name for each in consent.left_by_campaign(subscriber_id, campaign_id)],
            "preferences_token": tokens.sign_preferences(subscriber_id),
            "done": False,
            "back": [],
            **context,
        },
        status=status,
    )
