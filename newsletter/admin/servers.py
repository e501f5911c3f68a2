"""Sending servers: what they may, what they do now, and whether they answer."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from newsletter import campaigns, places, vault
from newsletter.admin.listing import Listing, badge
from newsletter.admin.pages import permitted
from newsletter.admin.server_form import FIELDS, SECRETS, ServerForm
from newsletter.models import Pause, SendingServer, ServerUsage
from newsletter.sending import live, pauses, probing, rows, warmup
from newsletter.sending.connection import Unreachable
from newsletter.sending.servers import greeting_name

HOURS = 48  # of the usage chart


@admin.register(SendingServer)
class ServerAdmin(Listing):
    """Add servers, and see how they do."""

    form = ServerForm
    change_form_template = "admin/newsletter/sendingserver/change_form.html"
    change_list_template = "admin/newsletter/sendingserver/change_list.html"
    list_display = ("title", "state", "used", "order", "domains")
    search_fields = ("name", "host")
    ordering = ("priority", "name")
    fields = (*FIELDS, *SECRETS)
    warn_unsaved_form = False
    actions_on_top = False

    # --- the list -----------------------------------------------------------------------

    def prepare(self, found: list[Any]) -> None:
        """Look at the state of the servers."""
        _look(found)

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return the state of the server that SMTP_URL names."""
        return {
            "smtp_url": places.smtp_url_host(),
            "has_servers": SendingServer.objects.exists(),
            "smtp_url_pause": _pause(rows.SMTP_URL),
        }

    @admin.display(description="Server", ordering="name")
    def title(self, server: SendingServer) -> SafeString:
        """Show name and address."""
        return format_html(
            '<span class="bs-person"><span><strong>{}</strong><small>{}:{}</small></span></span>',
            server.name,
            server.host,
            server.port,
        )

    @admin.display(description="State")
    def state(self, server: Any) -> SafeString:
        """Show what it does now."""
        if not server.is_active:
            return badge("Switched off")
        return render_to_string("broadsheet/place_state.html", {"place": server.place})

    @admin.display(description="In 24 hours")
    def used(self, server: Any) -> SafeString:
        """Show what it has accepted, against what it may."""
        context = {"used": server.used, "limit": server.limit}
        return render_to_string("admin/newsletter/sendingserver/used.html", context)

    @admin.display(description="Priority, weight", ordering="priority")
    def order(self, server: SendingServer) -> str:
        """Show when it is chosen."""
        return f"{server.priority}, {server.weight}"

    @admin.display(description="Sends for")
    def domains(self, server: SendingServer) -> str:
        """Show the From domains."""
        return ", ".join(server.from_domains) or "every domain"

    # --- the form -----------------------------------------------------------------------

    def form_context(self, request: HttpRequest, pk: int) -> dict[str, Any]:
        """Return the server's state."""
        server = SendingServer.objects.filter(pk=pk).first()
        if server is None:
            return {}
        _look([server])
        return {
            "server": server,
            "pause": _pause(server.pk),
            "plan": [(day, mails) for day, mails in warmup.plan(server)],
            "plan_chart": _plan_chart(server),
            **_usage(server.pk),
        }

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        """Store it, and let what waited for such a server go on."""
        super().save_model(request, obj, form, change)
        campaigns.try_again()

    def get_urls(self) -> list[URLPattern]:
        """Add the buttons of a server's page."""
        change = "newsletter.change_sendingserver"
        name = "newsletter_sendingserver"
        return [
            path("<int:server_id>/test/", permitted(test, change), name=f"{name}_test"),
            path("<int:server_id>/lift/", permitted(lift, change), name=f"{name}_lift"),
            *super().get_urls(),
        ]


@require_POST
def test(request: HttpRequest, server_id: int) -> HttpResponse:
    """Open a connection, and say in words what the server offers, or what is wrong."""
    if server_id == rows.SMTP_URL:
        return _test(request, rows.default().endpoint, _to_list())
    server = get_object_or_404(SendingServer, pk=server_id)
    try:
        endpoint = rows.endpoint(server)
    except vault.CannotOpen as error:
        messages.error(request, str(error))
        return _to_server(server_id)
    return _test(request, endpoint, _to_server(server_id))


def _test(request: HttpRequest, endpoint: Any, answer: HttpResponse) -> HttpResponse:
    try:
        found = probing.probe(endpoint, greeting_name(settings.PUBLIC_URL))
    except Unreachable as error:
        words = str(error)
        messages.error(request, f"No mail could be handed over: {words}.")
    else:
        seconds = f"It answered in {found.seconds:.1f} seconds."
        messages.success(request, " ".join(["The connection works.", seconds, *found.lines]))
    return answer


@require_POST
def lift(request: HttpRequest, server_id: int) -> HttpResponse:
    """End a pause now: of the whole server, or of one provider there."""
    if pauses.lift(server_id, request.POST.get("provider", "")):
        campaigns.try_again()
        messages.success(request, "The pause is over. If it is refused again, the next is longer.")
    else:
        messages.info(request, "It was over already.")
    if request.POST.get("next") == "providers":
        return HttpResponseRedirect(reverse("admin:newsletter_provider_changelist"))
    return _to_list() if server_id == rows.SMTP_URL else _to_server(server_id)


# --- what is shown ----------------------------------------------------------------------


def _look(servers: list[Any]) -> None:
    """Give each server its state, what it has sent in 24 hours, and how much it may."""
    seen = live.read(settings.REDIS_URL)
    lasting = list(Pause.objects.filter(until__gt=timezone.now(), provider=""))
    found = {place.id: place for place in places.servers(seen, lasting)}
    used = places.usage([server.pk for server in servers])
    today = timezone.localdate()
    for server in servers:
        server.place = found.get(str(server.pk))
        server.used = used.get(server.pk, 0)
        server.limit = warmup.limits_of(server, today).per_day
        server.detail = places.detail(server, used)


def _pause(server_id: int) -> Pause | None:
    lasting = Pause.objects.filter(server_id=server_id, provider="", until__gt=timezone.now())
    return lasting.first()


def _usage(server_id: int) -> dict[str, Any]:
    """Return what the server said, hour by hour, as a chart and as a table."""
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    begin = now - timedelta(hours=HOURS - 1)
    stored = {
        row.hour: row for row in ServerUsage.objects.filter(server_id=server_id, hour__gte=begin)
    }
    hours = [begin + timedelta(hours=number) for number in range(HOURS)]

    def numbers(name: str) -> list[int]:
        return [getattr(stored.get(hour), name, 0) for hour in hours]

    chart = {
        "type": "bar",
        "labels": [f"{timezone.localtime(hour):%a %H:00}" for hour in hours],
        "series": [
            {"label": "Accepted", "colour": "open", "data": numbers("accepted")},
            {"label": "Told to come later", "colour": "leave", "data": numbers("deferred")},
            {"label": "Refused", "colour": "refused", "data": numbers("refused")},
        ],
    }
    return {"usage": sorted(stored.values(), key=lambda row: row.hour)[::-1], "usage_chart": chart}


def _plan_chart(server: SendingServer) -> dict[str, Any] | None:
    plan = warmup.plan(server)
    if len(plan) < 2:
        return None
    return {
        "type": "line",
        "labels": [f"{day.day} {day:%b}" for day, _ in plan],
        "series": [{"label": "Mails", "colour": "open", "data": [mails for _, mails in plan]}],
    }


def _to_server(server_id: int) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:newsletter_sendingserver_change", args=[server_id]))


def _to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:newsletter_sendingserver_changelist"))
