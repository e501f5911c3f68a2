"""Subscribers: found quickly among a million, changed only by the functions that keep the law."""

from collections.abc import Iterable
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, Prefetch, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import DropdownFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from newsletter.admin import consenting, person
from newsletter.admin.addresses import number
from newsletter.admin.listing import Listing, badge, moment
from newsletter.admin.listing import person as person_cell
from newsletter.models import Campaign, Delivery
from subscribers import addresses, consent, recording, suppression
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)

STATUS_COLOURS = {
    Subscription.Status.ACTIVE: "green",
    Subscription.Status.PENDING: "amber",
    Subscription.Status.UNSUBSCRIBED: "",
}
RECENT = 20  # rows of a person's history on their page


class ListFilter(DropdownFilter):  # type: ignore[misc]
    """People on one list (in the state that StatusFilter asks for, if any)."""

    title = "list"
    parameter_name = "list"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer every list."""
        return [(str(pk), name) for pk, name in MailingList.objects.values_list("id", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> Any:
        """Keep who has a subscription to the list."""
        list_id = number(self.value() or "")
        if not list_id:
            return queryset
        wanted: dict[str, Any] = {"mailing_list_id": list_id}
        status = request.GET.get("status")
        if status in Subscription.Status.values:
            wanted["status"] = status
        return queryset.filter(
            Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), **wanted))
        )


class StatusFilter(DropdownFilter):  # type: ignore[misc]
    """People in a state on any list, or suppressed."""

    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the states of a subscription, and suppression."""
        return [*Subscription.Status.choices, ("suppressed", "Suppressed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Subscriber]) -> Any:
        """Keep who is in that state."""
        value = self.value()
        if value == "suppressed":
            return queryset.filter(_suppressed())
        if value not in Subscription.Status.values or request.GET.get("list"):
            return queryset  # with a list chosen, ListFilter has taken both
        return queryset.filter(
            Exists(Subscription.objects.filter(subscriber=OuterRef("pk"), status=value))
        )


def _suppressed() -> Exists:
    return Exists(Suppression.objects.filter(email_hash=OuterRef("email_hash")))


class SubscriberForm(forms.ModelForm):  # type: ignore[type-arg]
    """Checks the address, and makes the key and hash that go with it."""

    class Meta:
        model = Subscriber
        widgets = {"attributes": UnfoldAdminTextareaWidget(attrs={"rows": 3})}
        fields = ("email", "name", "language", "timezone", "attributes")

    def clean_email(self) -> str:
        """Refuse what no mail can be sent to, and an address that somebody has already."""
        try:
            address = addresses.parse(self.cleaned_data["email"])
        except addresses.BadAddress as error:
            raise ValidationError(f"This address can't be used: {error}.") from None
        taken = Subscriber.objects.filter(email_key=address.key).exclude(pk=self.instance.pk)
        if taken.exists():
            raise ValidationError("There is a subscriber with this address already.")
        self.instance.email_key = address.key
        self.instance.email_hash = suppression.email_hash(address.key)
        return address.email

    def clean_timezone(self) -> str:
        """Refuse names that nobody could work out a time with."""
        name: str = self.cleaned_data["timezone"]
        if name and name not in available_timezones():
            raise ValidationError("Write a name such as Europe/London.")
        return name

    def clean_attributes(self) -> dict[str, Any]:
        """Take a JSON object only, since mails read attributes by name."""
        value = self.cleaned_data["attributes"] or {}
        if not isinstance(value, dict):
            raise ValidationError('Write a JSON object, such as {"city": "Leeds"}.')
        return value


@admin.register(Subscriber)
class SubscriberAdmin(Listing):
    """Find and edit people. Consent and erasure are changed by buttons, each one ledger line."""

    form = SubscriberForm
    list_display = ("who", "state", "on_lists", "tracking_choice", "joined")
    list_filter = (ListFilter, StatusFilter)
    search_fields = ("email_key",)
    search_help_text = "The beginning of an address"
    ordering = ("-id",)
    empty_words = "People come by a sign-up page, by an import, or one by one."
    change_form_outer_before_template = "admin/subscribers/subscriber/above.html"
    change_form_outer_after_template = "admin/subscribers/subscriber/panels.html"
    fieldsets = (
        (None, {"fields": ("email", "name")}),
        ("Preferences", {"fields": ("language", "timezone", "attributes")}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscriber]:
        """Fetch the subscriptions of a whole page in one query."""
        subscriptions = Subscription.objects.select_related("mailing_list").order_by("id")
        queryset: QuerySet[Subscriber] = super().get_queryset(request)
        return queryset.annotate(suppressed=_suppressed()).prefetch_related(
            Prefetch("subscriptions", subscriptions)
        )

    def save_model(self, request: HttpRequest, obj: Subscriber, form: Any, change: Any) -> None:
        """Store them; what was sent to a new address before it was theirs follows their choice."""
        super().save_model(request, obj, form, change)
        if "email" in form.changed_data:
            consent.announce_choices([obj.pk])

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Look for the beginning of an address, by the index that knows it."""
        if not search_term.strip():
            return queryset, False
        found = queryset & Subscriber.objects.search(search_term)
        # In the order of that index: any other sorts all of those who were found for one page.
        return found if request.GET.get("o") else found.order_by("email_key"), False

    def has_delete_permission(self, request: HttpRequest, obj: Subscriber | None = None) -> bool:
        """Refuse: people are erased, which also reaches what other tables know of them."""
        return False

    @admin.display(description="Subscriber", ordering="id")
    def who(self, subscriber: Subscriber) -> SafeString:
        """Show address and name."""
        return person_cell(subscriber.email, subscriber.name)

    @admin.display(description="Status")
    def state(self, subscriber: Subscriber) -> SafeString:
        """Show the strongest state over all lists."""
        return state_badge(
            getattr(subscriber, "suppressed", False),
            {subscription.status for subscription in subscriber.subscriptions.all()},
        )

    @admin.display(description="Lists")
    def on_lists(self, subscriber: Subscriber) -> str:
        """Name the lists that the person is on."""
        names = [
            subscription.mailing_list.name
            for subscription in subscriber.subscriptions.all()
            if subscription.status != Subscription.Status.UNSUBSCRIBED
        ]
        return ", ".join(names) or "–"

    @admin.display(description="Reading is")
    def tracking_choice(self, subscriber: Subscriber) -> str:
        """Show what the person chose."""
        return subscriber.get_tracking_display() or "Default"

    @admin.display(description="Joined", ordering="id")
    def joined(self, subscriber: Subscriber) -> SafeString | str:
        """Show when the row was made."""
        return moment(subscriber.created_at)

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return what stands below the form: subscriptions, mail and the ledger."""
        return person_panels(pk) if pk else {}

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons of a person's page, and the page of what they did."""
        return [*consenting.urls(), *person.urls(), *super().get_urls()]


def state_badge(suppressed: bool, statuses: Iterable[str]) -> SafeString:
    """Return the badge that sums up a person."""
    if suppressed:
        return badge("Suppressed", "red")
    for status in (
        Subscription.Status.ACTIVE,
        Subscription.Status.PENDING,
        Subscription.Status.UNSUBSCRIBED,
    ):
        if status in statuses:
            return badge(status.label, STATUS_COLOURS[status])
    return badge("On no list")


def person_panels(subscriber_id: int) -> dict[str, Any]:
    """Return what the page of a person shows beside the form (six queries)."""
    usual = recording.of_person(subscriber_id)
    deliveries = list(Delivery.objects.of_person(subscriber_id).order_by("-at")[:RECENT])
    campaigns = Campaign.objects.in_bulk({delivery.campaign_id for delivery in deliveries})
    return {
        "subscriptions": Subscription.objects.filter(subscriber_id=subscriber_id)
        .select_related("mailing_list")
        .order_by("mailing_list__name"),
        "ledger": ConsentRecord.objects.filter(subscriber_id=subscriber_id).select_related(
            "mailing_list"
        )[:RECENT],
        "mails": [
            {"campaign": campaigns[delivery.campaign_id], "delivery": delivery}
            for delivery in deliveries
        ],
        "free_lists": MailingList.objects.exclude(
            subscriptions__in=Subscription.objects.filter(
                subscriber_id=subscriber_id, status=Subscription.Status.ACTIVE
            )
        ),
        "tracking_choices": TrackingChoice.choices,
        "tracking_default": usual.label if usual else "as each list does",
        "suppressed": Suppression.objects.filter(
            email_hash__in=Subscriber.objects.filter(id=subscriber_id).values("email_hash")
        ).first(),
    }
