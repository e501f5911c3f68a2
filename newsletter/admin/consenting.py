"""The buttons on a person's page. Each calls one function of subscribers.consent or erase.

Staff vouch for what they do here: their number and their note stand in the ledger.
"""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from newsletter.admin.addresses import number
from newsletter.admin.pages import page, permitted
from subscribers import consent, erase
from subscribers.models import ConsentRecord, MailingList, Subscriber, Suppression, TrackingChoice


def by_staff(request: HttpRequest, **evidence: Any) -> consent.Origin:
    """Return the origin of a change that the person of `request` makes for somebody else."""
    return consent.Origin(
        method=ConsentRecord.Method.ADMIN, staff_id=request.user.pk, evidence=evidence
    )


@require_POST
def subscribe(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Put the person on a list, with a note of how they agreed."""
    mailing_list = get_object_or_404(MailingList, pk=number(request.POST.get("list", "")))
    note = request.POST.get("evidence", "").strip()
    if not note:
        messages.error(request, "Write down how this person agreed: it is the proof you will need.")
        return _back(subscriber_id)
    state = consent.subscribe(
        subscriber_id, mailing_list, origin=by_staff(request, note=note), verified=True
    )
    if state is None:
        messages.error(request, "This person is suppressed, so they can't be put on a list.")
    else:
        messages.success(request, f"Now on “{mailing_list}”.")
    return _back(subscriber_id)


@require_POST
def unsubscribe(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Take the person off one list, or off all."""
    chosen = request.POST.get("list", "")
    lists = [number(chosen)] if chosen else None
    left = consent.unsubscribe(subscriber_id, lists, origin=by_staff(request))
    names = ", ".join(f"“{mailing_list}”" for mailing_list in left)
    messages.success(request, f"Left {names}." if left else "There was no list to leave.")
    return _back(subscriber_id)


@require_POST
def suppress(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Never write to the person again."""
    subscriber = get_object_or_404(Subscriber, pk=subscriber_id)
    consent.suppress(subscriber.email_key, Suppression.Reason.MANUAL, origin=by_staff(request))
    messages.success(request, f"{subscriber.email} is never written to again.")
    return _back(subscriber_id)


@require_POST
def unsuppress(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Allow mail to the person again."""
    subscriber = get_object_or_404(Subscriber, pk=subscriber_id)
    consent.unsuppress(subscriber.email_key, origin=by_staff(request))
    messages.success(request, f"{subscriber.email} may join lists again.")
    return _back(subscriber_id)


@require_POST
def choose_tracking(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Set what may be recorded of the person's reading."""
    choice = request.POST.get("tracking", "")
    if choice not in TrackingChoice.values:
        messages.error(request, "Choose what may be recorded.")
        return _back(subscriber_id)
    consent.choose_tracking(subscriber_id, TrackingChoice(choice), origin=by_staff(request))
    messages.success(request, "The choice is recorded.")
    return _back(subscriber_id)


def erase_person(request: HttpRequest, subscriber_id: int) -> HttpResponse:
    """Ask, then remove the person from every table."""
    subscriber = get_object_or_404(Subscriber, pk=subscriber_id)
    if request.method == "POST":
        erase.erase(subscriber_id)
        messages.success(request, "The person and all that was known of them is erased.")
        return HttpResponseRedirect(reverse("admin:subscribers_subscriber_changelist"))
    return page(
        request,
        "admin/subscribers/subscriber/erase.html",
        "Erase",
        opts=Subscriber._meta,
        original=subscriber,
        subscriber=subscriber,
    )


def urls() -> list[URLPattern]:
    """Return the addresses of the buttons."""
    views = {
        "subscribe": subscribe,
        "unsubscribe": unsubscribe,
        "suppress": suppress,
        "unsuppress": unsuppress,
        "tracking": choose_tracking,
    }
    change, delete = "subscribers.change_subscriber", "subscribers.delete_subscriber"
    buttons = [
        path(
            f"<int:subscriber_id>/{name}/",
            permitted(view, change),
            name=f"subscribers_subscriber_{name}",
        )
        for name, view in views.items()
    ]
    erasing = path(
        "<int:subscriber_id>/erase/",
        permitted(erase_person, delete),
        name="subscribers_subscriber_erase",
    )
    return [*buttons, erasing]


def _back(subscriber_id: int) -> HttpResponse:
    return HttpResponseRedirect(
        reverse("admin:subscribers_subscriber_change", args=[subscriber_id])
    )
