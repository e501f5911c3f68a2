"""The pages on which people join a list, and confirm that it was they who asked."""

import time
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.module_loading import import_string

from subscribers import confirmation, consent, joining, recording, tokens, visitors
from subscribers.forms import JoinForm
from subscribers.models import Confirmation, ConsentRecord, MailingList, TrackingChoice
from subscribers.views.frame import TRACKING_CHOICES, numbers, page, show, token_page


@page
def index(request: HttpRequest) -> HttpResponse:
    """Name the lists that anyone may join."""
    return show(request, "index", {"lists": MailingList.objects.public()})


@page
def join(request: HttpRequest, slug: str) -> HttpResponse:
    """Show the sign-up form of a list; take what was filled in."""
    mailing_list = get_object_or_404(MailingList.objects.public(), slug=slug)
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
    mailing_list = get_object_or_404(MailingList.objects.public(), slug=slug)
    double = mailing_list.opt_in == MailingList.OptIn.DOUBLE
    return show(request, "thanks", {"mailing_list": mailing_list, "double": double})


@token_page
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether it was they who asked to join; POST takes the answer."""
    asked = Confirmation.objects.get(pk=tokens.read_confirm(token))
    answer = request.POST.get("answer")
    origin = visitors.origin(request, ConsentRecord.Method.CONFIRMATION)
    if answer == "no":
        confirmation.refuse(asked.pk, origin=origin)
        return show(request, "refused")
    joined: list[MailingList] = []
    try:
        if confirmation.is_expired(asked) and not asked.confirmed_at:
            raise confirmation.Expired
        if answer == "yes":
            joined = confirmation.confirm(asked.pk, numbers(request, "list"), origin=origin)
    except confirmation.Expired:
        return show(request, "expired", {"lists": _public(asked)}, status=410)
    tracking = confirmation.tracking_choice(asked)
    context = {
        "waiting": [] if joined else confirmation.waiting_lists(asked),
        "joined": joined,
        "wording": consent.wording,
        "tracking": TRACKING_CHOICES[tracking] if tracking else None,
        "preferences_token": tokens.sign_preferences(asked.subscriber_id),
    }
    return show(request, "confirm", context)


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


def _origin_of_joining(request: HttpRequest) -> consent.Origin:
    """Return the proof of a sign-up, with the campaign whose mail led to it where a link says so.

    What reads the link's token is named by settings.JOIN_SOURCE.
    """
    origin = visitors.origin(request, ConsentRecord.Method.FORM)
    try:
        campaign_id, evidence = import_string(settings.JOIN_SOURCE)(request.GET.get("from", ""))
    except tokens.BadToken:
        return origin
    return replace(origin, campaign_id=campaign_id, evidence={**origin.evidence, **evidence})


def _public(asked: Confirmation) -> list[MailingList]:
    return list(MailingList.objects.public().filter(pk__in=asked.mailing_list_ids))
