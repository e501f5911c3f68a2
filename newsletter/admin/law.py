"""What protects people: the suppression list, and the ledger of consent."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminTextInputWidget

from newsletter.admin.consenting import by_staff
from newsletter.admin.listing import Listing, ReadOnly, badge, moment
from newsletter.models import Campaign
from newsletter.templatetags.broadsheet import home
from subscribers import addresses, consent, suppression
from subscribers.models import ConsentRecord, Subscriber, Suppression

REASON_COLOURS = {
    Suppression.Reason.MANUAL: "",
    Suppression.Reason.OBJECTION: "amber",
    Suppression.Reason.BOUNCE: "red",
    Suppression.Reason.COMPLAINT: "red",
}
ACTION_COLOURS = {
    ConsentRecord.Action.REQUESTED: "amber",
    ConsentRecord.Action.SUBSCRIBED: "green",
    ConsentRecord.Action.CONFIRMED: "green",
    ConsentRecord.Action.UNSUBSCRIBED: "",
    ConsentRecord.Action.SUPPRESSED: "red",
    ConsentRecord.Action.UNSUPPRESSED: "blue",
    ConsentRecord.Action.TRACKING: "blue",
}


class SuppressionForm(forms.ModelForm):  # type: ignore[type-arg]
    """Takes an address, of which only the keyed hash is kept."""

    email = forms.CharField(
        label="Address",
        max_length=320,
        widget=UnfoldAdminTextInputWidget,
        help_text="Only a keyed hash of it is kept, so it can't be read back from this list.",
    )

    class Meta:
        model = Suppression
        fields = ("reason",)

    def clean_email(self) -> str:
        """Refuse what is no address, and what is on the list already."""
        try:
            key = addresses.parse(self.cleaned_data["email"]).key
        except addresses.BadAddress as error:
            raise ValidationError(f"This address can't be used: {error}.") from None
        self.instance.email_hash = suppression.email_hash(key)
        self.instance.key_id = suppression.key_id()
        if Suppression.objects.filter(email_hash=self.instance.email_hash).exists():
            raise ValidationError("This address is suppressed already.")
        return key


@admin.register(Suppression)
class SuppressionAdmin(Listing):
    """Add and look up addresses that are never written to again."""

    form = SuppressionForm
    list_display = ("label", "why", "since")
    list_filter = (("reason", ChoicesDropdownFilter),)
    search_fields = ("pk",)
    search_help_text = "A whole address"
    ordering = ("-id",)
    empty_words = "Who objects, complains or bounces is put here, and is never written to again."
    fields = ("email", "reason")

    def has_change_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Refuse: a hash has nothing to edit."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Suppression | None = None) -> bool:
        """Refuse: who may be written to again is decided on that person's page, and recorded."""
        return False

    def save_model(self, request: HttpRequest, obj: Suppression, form: Any, change: bool) -> None:
        """Suppress by the function that also ends subscriptions and writes the ledger."""
        reason = Suppression.Reason(form.cleaned_data["reason"])
        consent.suppress(form.cleaned_data["email"], reason, origin=by_staff(request))
        stored = Suppression.objects.get(email_hash=obj.email_hash)
        obj.pk, obj.created_at = stored.pk, stored.created_at

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find the one suppression of a whole address."""
        return _by_address(
            queryset, search_term, lambda key: Q(email_hash=suppression.email_hash(key))
        )

    def get_fields(self, request: HttpRequest, obj: Suppression | None = None) -> Any:
        """Ask for the address when adding, show the rest later."""
        return ("email", "reason") if obj is None else ("label", "reason", "created_at")

    @admin.display(description="Suppression")
    def label(self, entry: Suppression) -> SafeString:
        """Show a short form of the hash, to tell rows apart."""
        return format_html('<span class="bs-mono">{}…</span>', bytes(entry.email_hash).hex()[:12])

    @admin.display(description="Reason", ordering="reason")
    def why(self, entry: Suppression) -> SafeString:
        """Show the reason."""
        return badge(entry.get_reason_display(), REASON_COLOURS[Suppression.Reason(entry.reason)])

    @admin.display(description="Since", ordering="id")
    def since(self, entry: Suppression) -> SafeString | str:
        """Show when it was added."""
        return moment(entry.created_at)


@admin.register(ConsentRecord)
class ConsentRecordAdmin(ReadOnly):
    """Read the ledger. Nobody edits it, and the database would refuse."""

    list_display = ("recorded", "action_taken", "who", "mailing_list", "method")
    list_filter = (
        ("action", ChoicesDropdownFilter),
        ("method", ChoicesDropdownFilter),
    )
    list_select_related = ("mailing_list",)
    search_fields = ("subscriber_id",)
    search_help_text = "A whole address"
    ordering = ("-id",)
    fields = (
        "recorded",
        "who",
        "action",
        "mailing_list",
        "method",
        "wording",
        "evidence",
        "ip",
        "user_agent",
        "campaign",
        "staff",
    )

    def get_search_results(
        self, request: HttpRequest, queryset: Any, search_term: str
    ) -> tuple[Any, bool]:
        """Find the lines of one person, by their whole address."""
        people = Subscriber.objects.values("id")
        return _by_address(
            queryset, search_term, lambda key: Q(subscriber_id__in=people.filter(email_key=key))
        )

    @admin.display(description="Because of")
    def campaign(self, record: ConsentRecord) -> SafeString | str:
        """Link to the campaign whose mail carried the link."""
        campaign = Campaign.objects.filter(pk=record.campaign_id).first()
        if campaign is None:
            return "–"
        return format_html(
            '<a class="bs-text-link" href="{}">{}</a>', home(campaign), campaign.subject
        )

    @admin.display(description="Done by")
    def staff(self, record: ConsentRecord) -> str:
        """Name the member of staff who acted; the person themselves when there was none."""
        if record.staff_id is None:
            return "The person"
        user = User.objects.filter(pk=record.staff_id).first()
        return user.get_username() if user else f"Staff no. {record.staff_id}, gone since"

    @admin.display(description="Recorded", ordering="id")
    def recorded(self, record: ConsentRecord) -> SafeString | str:
        """Show the moment."""
        return moment(record.recorded_at)

    @admin.display(description="What changed")
    def action_taken(self, record: ConsentRecord) -> SafeString:
        """Show the change."""
        action = ConsentRecord.Action(record.action)
        return badge(action.label, ACTION_COLOURS[action])

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConsentRecord]:
        """Look up the address of each line's person."""
        queryset: QuerySet[ConsentRecord] = super().get_queryset(request)
        person = Subscriber.objects.filter(pk=OuterRef("subscriber_id"))
        return queryset.annotate(email=Subquery(person.values("email")))

    @admin.display(description="Subscriber")
    def who(self, record: Any) -> SafeString | str:
        """Link to the person; after erasure there is a number only."""
        if record.email is None:
            return f"Erased (no. {record.subscriber_id})"
        url = reverse("admin:subscribers_subscriber_change", args=[record.subscriber_id])
        return format_html('<a class="bs-text-link" href="{}">{}</a>', url, record.email)


def _by_address(
    queryset: QuerySet[Any], search_term: str, about: Callable[[str], Q]
) -> tuple[QuerySet[Any], bool]:
    """Return the rows about one person, by their whole address; an empty search shows all."""
    if not search_term.strip():
        return queryset, False
    try:
        key = addresses.parse(search_term).key
    except addresses.BadAddress:
        return queryset.none(), False
    return queryset.filter(about(key)), False
