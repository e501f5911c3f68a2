"""Mailbox providers: their domains, how much they take from us, and where mail waits for them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from newsletter import places
from newsletter.admin.lines_field import DomainsField
from newsletter.admin.listing import Listing, badge
from newsletter.models import Pause, Provider
from newsletter.sending import providers
from newsletter.sending.known_providers import KNOWN

LIMITS = ("per_second", "per_minute", "per_hour", "per_day")
_KNOWN = {known.slug: known for known in KNOWN}


class ProviderForm(forms.ModelForm):  # type: ignore[type-arg]
    """A provider. Of a built-in one, the lists add to what comes with Broadsheet."""

    domains = DomainsField(label="Domains of its addresses")
    mx = DomainsField(label="Its mail servers (MX)")

    class Meta:
        model = Provider
        fields = ("name", "slug", "domains", "mx", *LIMITS)


@admin.register(Provider)
class ProviderAdmin(Listing):
    """Set limits for the large ones, and add those that matter where you are."""

    form = ProviderForm
    change_form_template = "admin/newsletter/provider/change_form.html"
    list_display = ("title", "kind", "reach", "limits", "state")
    search_fields = ("name", "slug")
    ordering = ("name",)
    warn_unsaved_form = False
    actions_on_top = False
    list_title = "Mailbox providers"
    empty_words = "Providers whose limits are their own: Gmail, Microsoft, a large employer."

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, with rows for the built-in ones."""
        if Provider.objects.filter(is_builtin=True).count() < len(KNOWN):
            providers.add_known()
        return super().changelist_view(request, extra_context)

    def prepare(self, found: list[Any]) -> None:
        """Find out which of the providers are paused."""
        lasting = Pause.objects.filter(until__gt=timezone.now()).exclude(provider="")
        stopped = {pause.provider: pause for pause in lasting.order_by("until")}
        for provider in found:
            provider.pause = stopped.get(provider.slug)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Provider | None = None
    ) -> tuple[str, ...]:
        """Keep the name that built-in lists know a provider by."""
        return ("name", "slug") if obj and obj.is_builtin else ()

    def get_prepopulated_fields(
        self, request: HttpRequest, obj: Provider | None = None
    ) -> dict[str, tuple[str, ...]]:
        """Make the short name from the name, while that is still open."""
        return {} if obj else {"slug": ("name",)}

    def has_delete_permission(self, request: HttpRequest, obj: Provider | None = None) -> bool:
        """Refuse for those that come with Broadsheet: they would only come back."""
        allowed: bool = super().has_delete_permission(request, obj)
        return allowed and not (obj and obj.is_builtin)

    def save_model(self, request: HttpRequest, obj: Provider, form: Any, change: bool) -> None:
        """Store it; look domains up anew when its mail servers have changed."""
        super().save_model(request, obj, form, change)
        if "mx" in form.changed_data:
            providers.look_up_again()

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return what is built in, and what is paused."""
        provider = Provider.objects.filter(pk=pk).first()
        if provider is None:
            return {}
        return {
            "known": _KNOWN.get(provider.slug),
            "limits": limits_in_words(provider),
            "pauses": _pauses(provider.slug),
        }

    @admin.display(description="Provider", ordering="name")
    def title(self, provider: Provider) -> SafeString:
        """Show the name."""
        return format_html("<strong>{}</strong>", provider.name)

    @admin.display(description="Kind")
    def kind(self, provider: Provider) -> SafeString:
        """Show whether it comes with Broadsheet."""
        return badge("Built in", "blue") if provider.is_builtin else badge("Own")

    @admin.display(description="Domains")
    def reach(self, provider: Provider) -> str:
        """Show some of its domains, and how many there are."""
        known = _KNOWN.get(provider.slug)
        domains = list(dict.fromkeys([*provider.domains, *(known.domains if known else ())]))
        words = Truncator(", ".join(domains[:3])).chars(60) or "by its mail servers"
        return f"{words} and {len(domains) - 3} more" if len(domains) > 3 else words

    @admin.display(description="Takes at most")
    def limits(self, provider: Provider) -> str:
        """Show its limits."""
        return limits_in_words(provider) or "no limit set"

    @admin.display(description="State")
    def state(self, provider: Any) -> SafeString | str:
        """Show whether mail waits for it."""
        if not provider.pause:
            return "–"
        return badge(f"Paused until {timezone.localtime(provider.pause.until):%H:%M}", "red")


def limits_in_words(limited: Any) -> str:
    """Write limits: "5 a second, 10,000 a day"; empty without any."""
    words = {
        "per_second": "a second",
        "per_minute": "a minute",
        "per_hour": "an hour",
        "per_day": "a day",
    }
    found = {name: getattr(limited, name) for name in words}
    return ", ".join(f"{number:,.10g} {words[name]}" for name, number in found.items() if number)


def _pauses(slug: str) -> list[tuple[Pause, str]]:
    """Return where a provider's mail waits, with the server's name."""
    lasting = Pause.objects.filter(provider=slug, until__gt=timezone.now())
    return [(pause, places.server_name(pause.server_id)) for pause in lasting]
