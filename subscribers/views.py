"""The public pages. GET and HEAD change nothing: mail scanners follow every link.

No page sets or reads a cookie. What stands behind a token needs no further proof, so the forms
work in every mail program's browser; Referrer-Policy keeps the token from leaking.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.module_loading import import_string
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from subscribers import confirmation, consent, joining, recording, tokens, visitors
from subscribers.forms import JoinForm, PreferencesForm
from subscribers.models import (
    Confirmation,
    ConsentRecord,
    MailingList,
    Organisation,
    Subscriber,
    Subscription,
    TrackingChoice,
)

Method = ConsentRecord.Method
View = Callable[..., HttpResponse]

# RFC 8058: the whole body of the POST that a mail program makes by itself.
ONE_CLICK = ("List-Unsubscribe", "One-Click")

ONE_CLICK_LIMIT = 4096  # bytes of a body that are looked at; our own forms need far fewer
LONGEST_NUMBER = 20  # digits; a bigint has 19

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


@page
def index(request: HttpRequest) -> HttpResponse:
    """Name the lists that anyone may join."""
    return show(request, "index", {"lists": _public_lists()})


@page
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the sign-up form of a list; take what was filled in."""
    mailing_list = get_object_or_404(_public_lists(), slug=slug)
    if request.method != "POST":
        return _join_page(request, mailing_list, JoinForm(slug))
    started = time.monotonic()
    form = JoinForm(slug, request.POST)
    if not form.is_robot:
        if not visitors.may_join(request):
            return show(request, "busy", status=429)
        if not form.is_valid():
            return _join_page(request, mailing_list, form, status=400)
        wish = joining.Wish(
            address=form.cleaned_data["email"],
            name=form.cleaned_data["name"],
            tracking=TrackingChoice.INDIVIDUAL if form.cleaned_data["tracking"] else None,
        )
        joining.join(wish, [mailing_list], origin=_origin_of_joining(request))
    # The same answer after the same time, whether the address is known or not.
    time.sleep(max(0.0, settings.JOIN_SECONDS - (time.monotonic() - started)))
    target = reverse("subscribers:thanks", kwargs={"slug": slug})
    return HttpResponseRedirect(target, status=303)


@page
def thanks(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what comes next, to everyone alike."""
    mailing_list = get_object_or_404(_public_lists(), slug=slug)
    double = mailing_list.opt_in == MailingList.OptIn.DOUBLE
    return show(request, "thanks", {"mailing_list": mailing_list, "double": double})


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether it was they who asked to join; POST takes the answer."""
    asked = Confirmation.objects.get(pk=tokens.read_confirm(token))
    answer = request.POST.get("answer")
    origin = visitors.origin(request, Method.CONFIRMATION)
    if answer == "no":
        confirmation.refuse(asked.pk, origin=origin)
        return show(request, "refused")
    joined: list[MailingList] = []
    try:
        if confirmation.is_expired(asked) and not asked.confirmed_at:
            raise confirmation.Expired
        if answer == "yes":
            joined = confirmation.confirm(asked.pk, _numbers(request, "list"), origin=origin)
    except confirmation.Expired:
        return show(request, "expired", {"lists": _named(asked)}, status=410)
    tracking = confirmation.tracking_choice(asked)
    context = {
        "waiting": [] if joined else confirmation.waiting_lists(asked),
        "joined": joined,
        "wording": consent.wording,
        "tracking": TRACKING_CHOICES[tracking] if tracking else None,
        "preferences_token": tokens.sign_preferences(asked.subscriber_id),
    }
    return show(request, "confirm", context)


@token_page
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Let a person see and change what we know and what they get."""
    subscriber = Subscriber.objects.filter(pk=tokens.read_preferences(token)).first()
    if subscriber is None:
        raise tokens.BadToken
    origin = visitors.origin(request, Method.PREFERENCES)
    form, saved = PreferencesForm(subscriber), ""
    if request.method == "POST" and "leave" in request.POST:
        consent.unsubscribe(subscriber.pk, origin=origin)
        saved = "You have left every list. No further mail will come."
    elif request.method == "POST":
        form = PreferencesForm(subscriber, request.POST)
        if form.is_valid():
            _save(subscriber, form, _numbers(request, "list"), origin)
            saved = "Your choices are saved."
    context = {
        "form": form,
        "saved": saved,
        "address": _masked(subscriber.email),
        "lists": _choices(subscriber),
        "suppressed": consent.is_suppressed(subscriber),
        "tracking_now": _now(subscriber),
        "tracking_choices": [(each, *TRACKING_CHOICES[each]) for each in TrackingChoice],
    }
    return show(request, "preferences", context)


@token_page
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Ask on GET; act on the one-click POST of a mail program (RFC 8058) and on the button."""
    subscriber_id, campaign_id = tokens.read_unsubscribe(token)
    if request.method == "POST":
        name, value = ONE_CLICK
        fields = _fields(request)
        if fields.get(name) == value:
            origin = visitors.origin(request, Method.ONE_CLICK, campaign_id=campaign_id)
            consent.unsubscribe_campaign(subscriber_id, origin=origin)
            return _unsubscribe_page(request, subscriber_id, campaign_id, done=True)
        origin = visitors.origin(request, Method.PAGE, campaign_id=campaign_id)
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
    return dict(parse_qsl(request.read(ONE_CLICK_LIMIT).decode("latin-1").strip()))


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


def _origin_of_joining(request: HttpRequest) -> consent.Origin:
    """Return the proof of a sign-up, with the campaign whose mail led to it where a link says so.

    What reads the link's token is named by settings.JOIN_SOURCE.
    """
    origin = visitors.origin(request, Method.FORM)
    try:
        campaign_id, evidence = import_string(settings.JOIN_SOURCE)(request.GET.get("from", ""))
    except tokens.BadToken:
        return origin
    return replace(origin, campaign_id=campaign_id, evidence={**origin.evidence, **evidence})


def _join_page(
    request: HttpRequest, mailing_list: MailingList, form: JoinForm, status: int = 200
) -> HttpResponse:
    context = {
        "mailing_list": mailing_list,
        "form": form,
        "wording": consent.wording(mailing_list),
        "ask_tracking": recording.of_list(mailing_list) != TrackingChoice.INDIVIDUAL,
    }
    return show(request, "join", context, status=status)


def _public_lists() -> Any:
    return MailingList.objects.filter(visibility=MailingList.Visibility.PUBLIC)


def _named(asked: Confirmation) -> list[MailingList]:
    return list(_public_lists().filter(pk__in=asked.mailing_list_ids))


def _numbers(request: HttpRequest, field: str) -> set[int]:
    """Return the ids that were ticked; what is no number was not put there by our page."""
    values = request.POST.getlist(field)
    return {int(value) for value in values if value.isdecimal() and len(value) < LONGEST_NUMBER}


def _choices(subscriber: Subscriber) -> list[tuple[MailingList, str]]:
    """Return the lists that a person is on or may join, each with their state there."""
    states = dict(subscriber.subscriptions.values_list("mailing_list_id", "status"))
    here = [pk for pk, state in states.items() if state != Subscription.Status.UNSUBSCRIBED]
    lists = _public_lists() | MailingList.objects.filter(pk__in=here)
    return [(each, states.get(each.pk, "")) for each in lists.order_by("name")]


def _now(subscriber: Subscriber) -> str:
    """Say what is recorded of a person who has chosen nothing."""
    usual = recording.of_person(subscriber.pk)
    return TRACKING_CHOICES[usual][0] if usual else "As each list does"


def _save(
    subscriber: Subscriber, form: PreferencesForm, ticked: set[int], origin: consent.Origin
) -> None:
    Subscriber.objects.filter(pk=subscriber.pk).update(
        name=form.cleaned_data["name"], language=form.cleaned_data["language"]
    )
    if form.cleaned_data["tracking"]:
        choice = TrackingChoice(form.cleaned_data["tracking"])
        consent.choose_tracking(subscriber.pk, choice, origin=origin)
    for mailing_list, state in _choices(subscriber):
        if mailing_list.pk in ticked:
            # The link was mailed to this person, so no further mail has to ask them.
            consent.subscribe(subscriber.pk, mailing_list, origin=origin, verified=True)
        elif state == Subscription.Status.ACTIVE:
            consent.unsubscribe(subscriber.pk, [mailing_list.pk], origin=origin)


def _masked(email: str) -> str:
    """Return enough of an address for its owner: a forwarded mail brings others here."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain[:1]}•••.{domain.rpartition('.')[2]}"
