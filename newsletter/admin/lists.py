"""Mailing lists with their numbers, and the sign-up page of each public one."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import NoReverseMatch, URLPattern, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from newsletter.admin import list_report
from newsletter.admin.listing import Listing, badge
from subscribers.models import MailingList, Subscription, TrackingChoice


def members(status: str) -> Coalesce:
    """Return an expression: how many people are in `status` on the list of a row."""
    counted = (
        Subscription.objects.filter(mailing_list=OuterRef("pk"), status=status)
        .order_by()
        .values("mailing_list")
        .annotate(people=Count("*"))
        .values("people")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def sign_up_url(mailing_list: MailingList) -> str:
    """Return the address of the list's sign-up page; empty for a private list."""
    if mailing_list.visibility != MailingList.Visibility.PUBLIC:
        return ""
    try:
        return settings.PUBLIC_URL + reverse("subscribers:join", args=[mailing_list.slug])
    except NoReverseMatch:
        return ""


@admin.register(MailingList)
class MailingListAdmin(Listing):
    """Make lists, and see how many people are on them."""

    list_display = ("title", "slug", "visible", "joining", "active", "pending", "left", "pages")
    list_filter = ("visibility", "opt_in")
    list_filter_submit = False
    change_form_outer_before_template = "admin/subscribers/mailinglist/above.html"
    empty_words = "A list is what people join, and what campaigns go to."
    search_fields = ("name", "slug")
    search_help_text = "A part of the name"
    prepopulated_fields = {"slug": ("name",)}
    fieldsets = (
        (None, {"fields": ("name", "slug", "description")}),
        ("Joining", {"fields": ("visibility", "opt_in", "consent_wording")}),
        ("Opens and clicks", {"fields": ("tracking",)}),
        ("Forwarding", {"fields": ("forwarding",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[MailingList]:
        """Count people in each state: index-only scans, one for each number."""
        queryset: QuerySet[MailingList] = super().get_queryset(request)
        return queryset.annotate(
            active_people=members(Subscription.Status.ACTIVE),
            pending_people=members(Subscription.Status.PENDING),
            left_people=members(Subscription.Status.UNSUBSCRIBED),
        )

    def formfield_for_choice_field(
        self, db_field: Any, request: HttpRequest, **kwargs: Any
    ) -> forms.ChoiceField | None:
        """Say what an empty choice about tracking means on this installation."""
        if db_field.name == "tracking":
            usual = TrackingChoice(settings.TRACKING_DEFAULT).label
            kwargs["choices"] = [("", f"As usual here: {usual.lower()}"), *TrackingChoice.choices]
        field: forms.ChoiceField | None = super().formfield_for_choice_field(
            db_field, request, **kwargs
        )
        return field

    def has_delete_permission(self, request: HttpRequest, obj: MailingList | None = None) -> bool:
        """Refuse where people or proofs of consent would go with the list."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and (obj is None or not obj.subscriptions.exists())

    @admin.display(description="Name", ordering="name")
    def title(self, mailing_list: MailingList) -> SafeString:
        """Show the name, and whether it belongs to the demonstration."""
        mark = badge("Demo", "accent") if mailing_list.is_demo else ""
        return format_html("<strong>{}</strong> {}", mailing_list.name, mark)

    @admin.display(description="Visibility")
    def visible(self, mailing_list: MailingList) -> SafeString:
        """Show whether it has a sign-up page."""
        if mailing_list.visibility == MailingList.Visibility.PUBLIC:
            return badge("Public", "blue")
        return badge("Private")

    @admin.display(description="Opt-in")
    def joining(self, mailing_list: MailingList) -> SafeString:
        """Show how people join."""
        if mailing_list.opt_in == MailingList.OptIn.DOUBLE:
            return badge("Double", "green")
        return badge("Single", "amber")

    @admin.display(description="Active", ordering="active_people")
    def active(self, mailing_list: Any) -> SafeString:
        """Show who may be written to."""
        return _people(mailing_list, "active", mailing_list.active_people)

    @admin.display(description="Pending", ordering="pending_people")
    def pending(self, mailing_list: Any) -> SafeString:
        """Show who has not confirmed."""
        return _people(mailing_list, "pending", mailing_list.pending_people)

    @admin.display(description="Left", ordering="left_people")
    def left(self, mailing_list: Any) -> SafeString:
        """Show who has left."""
        return _people(mailing_list, "unsubscribed", mailing_list.left_people)

    @admin.display(description="Pages")
    def pages(self, mailing_list: MailingList) -> SafeString:
        """Link to the report, and to the public page."""
        report = reverse("admin:subscribers_mailinglist_report", args=[mailing_list.pk])
        found = format_html('<a class="bs-text-link" href="{}">Report</a>', report)
        url = sign_up_url(mailing_list)
        if not url:
            return found
        return format_html(
            '{} · <a class="bs-text-link" href="{}" target="_blank" rel="noopener">Sign-up</a>',
            found,
            url,
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the report of a list."""
        return [*list_report.urls(), *super().get_urls()]


def _people(mailing_list: MailingList, status: str, count: int) -> SafeString:
    url = reverse("admin:subscribers_subscriber_changelist")
    return format_html(
        '<a class="bs-num bs-text-link" href="{}?list={}&status={}">{}</a>',
        url,
        mailing_list.pk,
        status,
        f"{count:,}",
    )
