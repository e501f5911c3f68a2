"""Signing keys: made here, published in DNS by hand, looked for there, switched on and off.

The private part is never shown. What is done goes into the admin's history, by name only.
"""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from newsletter import dkim_keys, dkim_records
from newsletter.admin.addresses import number
from newsletter.admin.listing import Listing, badge, moment
from newsletter.admin.pages import page, permitted
from newsletter.composing import headers
from newsletter.models import DkimKey

RSA, ED25519 = DkimKey.Algorithm.RSA, DkimKey.Algorithm.ED25519
CHOICES = {
    "both": ("RSA and Ed25519: two keys, two signatures (recommended)", [RSA, ED25519]),
    "rsa": ("RSA only, which every provider can check", [RSA]),
    "ed25519": ("Ed25519 only, beside an RSA key that the domain has", [ED25519]),
}
# Banner for what DNS said: colour and icon.
LOOKS = {
    dkim_records.State.PUBLISHED: ("green", "check_circle"),
    dkim_records.State.MISSING: ("amber", "hourglass_top"),
    dkim_records.State.DIFFERS: ("red", "error"),
    dkim_records.State.UNKNOWN: ("amber", "cloud_off"),
}


class KeyForm(forms.Form):
    """For which domain, and which kinds."""

    domain = forms.CharField(
        max_length=253,
        widget=UnfoldAdminTextInputWidget,
        help_text="The part after the @ of your From address, or a domain above it: a key of "
        "example.org signs mail from news@letters.example.org too, if that has none of its own.",
    )
    kinds = forms.ChoiceField(
        label="Algorithm",
        choices=[(name, words) for name, (words, _) in CHOICES.items()],
        widget=UnfoldAdminSelectWidget,
        help_text="Each key gets a DNS record of its own.",
    )


@admin.register(DkimKey)
class DkimKeyAdmin(Listing):
    """Make keys, publish them, and switch between them."""

    list_display = ("record", "domain", "kind", "state", "made")
    list_filter = (("algorithm", ChoicesDropdownFilter),)
    search_fields = ("domain", "selector")
    ordering = ("-id",)
    empty_words = (
        "Providers trust mail that its domain has signed (DKIM). Make a key, publish its DNS "
        "record, and switch it on; you need none where your mail server signs by itself."
    )

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: the key's own page has a button that keeps a key in use."""
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make one key or two, and go to the first."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = KeyForm(request.POST or None, initial={"domain": _usual_domain()})
        if request.method == "POST" and form.is_valid():
            made = self._make(request, form)
            if made:
                return _to_page(made[0].pk)
        return page(
            request,
            "admin/newsletter/dkimkey/add.html",
            "New signing key",
            opts=DkimKey._meta,
            form=form,
        )

    def _make(self, request: HttpRequest, form: KeyForm) -> list[DkimKey]:
        kinds = CHOICES[form.cleaned_data["kinds"]][1]
        try:
            made = dkim_keys.make(form.cleaned_data["domain"], kinds)
        except dkim_keys.Refused as error:
            form.add_error("domain", str(error))
            return []
        for key in made:
            self.log_addition(request, key, "Made.")
        words = "The key is made" if len(made) == 1 else "Two keys are made, each with its record"
        messages.success(request, f"{words}. Publish the record, then switch the key on.")
        return made

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show what to publish, and whether the key signs."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self._page(request, _key(object_id))

    def _page(
        self, request: HttpRequest, key: DkimKey, answer: dkim_records.Answer | None = None
    ) -> HttpResponse:
        others = DkimKey.objects.filter(domain=key.domain).exclude(pk=key.pk)
        colour, icon = LOOKS[answer.state] if answer else ("", "")
        active = [other for other in others if other.is_active]
        replaces = [other for other in active if other.algorithm == key.algorithm]
        return page(
            request,
            "admin/newsletter/dkimkey/key.html",
            str(key.domain),
            opts=DkimKey._meta,
            original=key,
            key=key,
            name=dkim_records.name(key),
            value=dkim_records.value(key),
            zone_line=dkim_records.zone_line(key),
            others=others,
            replaces=None if key.is_active or not replaces else replaces[0],
            answer=answer,
            colour=colour,
            icon=icon,
            in_flight=dkim_keys.IN_FLIGHT,
            may_change=self.has_change_permission(request),
            may_delete=request.user.has_perm("newsletter.delete_dkimkey"),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons of a key's page."""
        see, change = "newsletter.view_dkimkey", "newsletter.change_dkimkey"
        buttons = (
            ("check", self.check_dns, see),
            ("activate", self.activate, change),
            ("deactivate", self.deactivate, change),
            ("delete", self.forget, "newsletter.delete_dkimkey"),
        )
        return [
            *(
                path(
                    f"<path:object_id>/{name}/",
                    permitted(require_POST(view), permission),
                    name=f"newsletter_dkimkey_{name}",
                )
                for name, view, permission in buttons
            ),
            *super().get_urls(),
        ]

    def check_dns(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask DNS, and say what it said."""
        key = _key(object_id)
        return self._page(request, key, dkim_records.check(key, settings.DNS_RESOLVERS))

    def activate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Switch a key on when its record is published, or when somebody insists."""
        key = _key(object_id)
        if "force" not in request.POST:
            answer = dkim_records.check(key, settings.DNS_RESOLVERS)
            if answer.state != dkim_records.State.PUBLISHED:
                messages.warning(request, "The key was not switched on.")
                return self._page(request, key, answer)
        older = dkim_keys.activate(key.pk)
        self.log_change(request, key, "Switched on.")
        words = "The key signs from now on; campaigns under way take it up within a minute."
        if older:
            words += f" {older[0].selector} signs no more. {_keep_words()}"
        messages.success(request, words)
        return _to_page(key.pk)

    def deactivate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Switch a key off."""
        key = _key(object_id)
        dkim_keys.deactivate(key.pk)
        self.log_change(request, key, "Switched off.")
        messages.success(request, f"The key signs no more. {_keep_words()}")
        return _to_page(key.pk)

    def forget(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Delete a key that does not sign."""
        key = _key(object_id)
        try:
            dkim_keys.delete(key.pk)
        except dkim_keys.Refused as error:
            messages.error(request, str(error))
            return _to_page(key.pk)
        self.log_deletions(request, [key])
        messages.success(request, "The key is deleted. Now its DNS record can go too.")
        return HttpResponseRedirect(reverse("admin:newsletter_dkimkey_changelist"))

    @admin.display(description="Selector", ordering="selector")
    def record(self, key: DkimKey) -> SafeString:
        """Show the selector."""
        return format_html('<strong class="bs-mono bs-nowrap">{}</strong>', key.selector)

    @admin.display(description="Algorithm", ordering="algorithm")
    def kind(self, key: DkimKey) -> str:
        """Show the algorithm."""
        return str(key.get_algorithm_display())

    @admin.display(description="Status", ordering="is_active")
    def state(self, key: DkimKey) -> SafeString:
        """Show whether it signs."""
        return badge("Signs", "green") if key.is_active else badge("Not in use")

    @admin.display(description="Made", ordering="id")
    def made(self, key: DkimKey) -> SafeString | str:
        """Show when it was made."""
        return moment(key.created_at)


def _key(object_id: str) -> DkimKey:
    # Without the secret: what is not loaded can't be shown by accident.
    keys = DkimKey.objects.defer("private_sealed")
    return get_object_or_404(keys, pk=number(object_id))


def _to_page(key_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:newsletter_dkimkey_change", args=[key_id]))


def _keep_words() -> str:
    return (
        f"Leave its DNS record for {dkim_keys.IN_FLIGHT} days, until the mail that it signed has "
        "arrived everywhere."
    )


def _usual_domain() -> str:
    return headers.mailbox(settings.DEFAULT_FROM_EMAIL).domain
