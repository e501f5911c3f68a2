"""The page on which a person sees and changes what we know, and what they get."""

from django.http import HttpRequest, HttpResponse

from subscribers import consent, recording, tokens, visitors
from subscribers.forms import PreferencesForm
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Subscriber,
    Subscription,
    TrackingChoice,
)
from subscribers.views.frame import TRACKING_CHOICES, numbers, show, token_page


@token_page
def preferences(request: HttpRequest, token: str) -> HttpResponse:
    """Let a person see and change what we know and what they get."""
    subscriber = Subscriber.objects.filter(pk=tokens.read_preferences(token)).first()
    if subscriber is None:
        raise tokens.BadToken
    origin = visitors.origin(request, ConsentRecord.Method.PREFERENCES)
    form, saved = PreferencesForm(subscriber), ""
    if request.method == "POST" and "leave" in request.POST:
        consent.unsubscribe(subscriber.pk, origin=origin)
        saved = "You have left every list. No further mail will come."
    elif request.method == "POST":
        form = PreferencesForm(subscriber, request.POST)
        if form.is_valid():
            _save(subscriber, form, numbers(request, "list"), origin)
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


def _choices(subscriber: Subscriber) -> list[tuple[MailingList, str]]:
    """Return the lists that a person is on or may join, each with their state there."""
    states = dict(subscriber.subscriptions.values_list("mailing_list_id", "status"))
    here = [pk for pk, state in states.items() if state != Subscription.Status.UNSUBSCRIBED]
    lists = MailingList.objects.public() | MailingList.objects.filter(pk__in=here)
    return [(each, states.get(each.pk, "")) for each in lists.order_by("name")]


def _now(subscriber: Subscriber) -> str:
    """Say what is recorded of a person who has chosen nothing."""
    usual = recording.of_person(subscriber.pk)
    return TRACKING_CHOICES[usual][0] if usual else "As each list does"


def _masked(email: str) -> str:
    """Return enough of an address for its owner: a forwarded mail brings others here."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain[:1]}•••.{domain.rpartition('.')[2]}"
