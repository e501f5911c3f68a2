"""Sending servers and mailbox providers, each with what it does at this moment. Reads only."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parseaddr
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from newsletter.models import Campaign, Pause, Provider, SendingServer, ServerUsage
from newsletter.sending import live, warmup
from newsletter.sending.known_providers import KNOWN
from newsletter.sending.rows import SMTP_URL, Server, why_closed
from newsletter.sending.servers import Endpoint

NOTABLE = 3.0  # seconds; shorter waits for a limit are how limits work
TOP_PROVIDERS = 12  # shown, the busiest first


class State(StrEnum):
    """What a server or a provider does now."""

    SENDING = "sending"
    IDLE = "idle"
    LIMITED = "limited"  # has had what it takes for now
    PAUSED = "paused"
    UNFIT = "unfit"  # may not send for this campaign's From address


@dataclass(frozen=True, slots=True)
class Place:
    """A sending server, or a mailbox provider, as this campaign meets it."""

    id: str  # of a server: its number; of a provider: its slug or domain
    name: str
    state: State
    words: str  # "sending", "limit reached"
    until: datetime | None = None  # how long it stays so
    because: str = ""
    detail: str = ""  # "warm-up day 3: 450 of 675"
    per_second: float = 0.0  # mails accepted, over the last ten seconds
    waiting: int = 0  # mails that workers hold for its limit


# --- servers --------------------------------------------------------------------------------


def servers(seen: live.Live, pauses: Iterable[Pause], domain: str = "") -> list[Place]:
    """Return the servers in use, each with its state; for mail from `domain`, if that is given."""
    rows = list(SendingServer.objects.filter(is_active=True))
    stopped = {pause.server_id: pause for pause in pauses if not pause.provider}
    if not rows and not SendingServer.objects.exists():
        name = server_name(SMTP_URL)
        return [_server(SMTP_URL, name, "", seen, stopped.get(SMTP_URL))]
    used = usage([row.pk for row in rows])
    places = []
    for row in rows:
        if domain and not _may_send_for(row, domain):
            words = f"may not send for {domain}"
            places.append(Place(str(row.pk), row.name, State.UNFIT, words))
            continue
        if because := why_closed(row):
            words = "can’t be signed in to"
            places.append(Place(str(row.pk), row.name, State.PAUSED, words, because=because))
            continue
        place = _server(row.pk, row.name, detail(row, used), seen, stopped.get(row.pk))
        if place.state in (State.IDLE, State.SENDING) and _is_used_up(row, used.get(row.pk, 0)):
            place = replace(place, state=State.LIMITED, words="limit of the day reached")
        places.append(place)
    return places


def _server(pk: int, name: str, detail: str, seen: live.Live, pause: Pause | None = None) -> Place:
    rate = seen.servers.get(pk, 0.0)
    place = Place(str(pk), name, *_state(rate), detail=detail, per_second=rate)
    return _held(place, pause, seen.limited.get(f"server:{pk}"))


def usage(server_ids: Iterable[int]) -> dict[int, int]:
    """Return how many mails each server has accepted in the last 24 hours, to the hour."""
    since = timezone.now() - timedelta(hours=24)
    rows = ServerUsage.objects.filter(server_id__in=server_ids, hour__gt=since)
    return dict(rows.values_list("server_id").annotate(Sum("accepted")))


def detail(server: SendingServer, used: dict[int, int]) -> str:
    """Return what a server has sent against what it may: "warm-up day 3: 450 of 675"."""
    sent = used.get(server.pk, 0)
    today = timezone.localdate()
    warm = warmup.limit_on(server, today)
    if warm is not None and server.warmup_from:
        day = (today - server.warmup_from).days + 1
        return f"warm-up day {day}: {sent:,} of {warm:,} in 24 hours"
    if server.per_day:
        return f"{sent:,} of {server.per_day:,} in 24 hours"
    return f"{sent:,} in 24 hours"


def _may_send_for(row: SendingServer, domain: str) -> bool:
    """Ask the sender's own rule, without unsealing anything."""
    plain = Endpoint(row.host, row.port, "none")
    names = frozenset(name.lower() for name in row.from_domains)
    return Server(row.pk, row.name, plain, from_domains=names).may_send_for(domain)


def _is_used_up(server: SendingServer, sent: int) -> bool:
    limit = warmup.limits_of(server, timezone.localdate()).per_day
    return limit is not None and sent >= limit


def smtp_url_host() -> str:
    """Return host and port of SMTP_URL: never its user or password."""
    parts = urlsplit(settings.SMTP_URL)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)


def server_name(server_id: int) -> str:
    """Return how people call a server, also one that is no more."""
    if server_id == SMTP_URL:
        return f"SMTP_URL ({smtp_url_host()})"
    name = SendingServer.objects.filter(pk=server_id).values_list("name", flat=True).first()
    return name or f"server {server_id}"


def sender_domain(campaign: Campaign) -> str:
    """Return the domain of the address that a campaign is from."""
    address = parseaddr(campaign.from_email or settings.DEFAULT_FROM_EMAIL)[1]
    return address.rpartition("@")[2].lower()


# --- providers ------------------------------------------------------------------------------


def providers(seen: live.Live, pauses: Iterable[Pause]) -> list[Place]:
    """Return the providers that take mail, or that mail waits for, the busiest first."""
    stopped: dict[str, Pause] = {pause.provider: pause for pause in pauses if pause.provider}
    limited = {what.partition(":")[2] for what in seen.limited if what.startswith("provider:")}
    slugs = {*seen.providers, *seen.waiting, *stopped, *limited}
    names = {known.slug: known.name for known in KNOWN}
    names |= dict(Provider.objects.filter(slug__in=slugs).values_list("slug", "name"))
    places = [_provider(slug, names.get(slug, slug), seen, stopped.get(slug)) for slug in slugs]
    # What is held first, as somebody may have to do something about it.
    ordered = sorted(
        places, key=lambda place: (place.state != State.PAUSED, -place.per_second, place.name)
    )
    return ordered[:TOP_PROVIDERS]


def _provider(slug: str, name: str, seen: live.Live, pause: Pause | None) -> Place:
    rate = seen.providers.get(slug, 0.0)
    place = Place(slug, name, *_state(rate), per_second=rate, waiting=seen.waiting.get(slug, 0))
    return _held(place, pause, seen.limited.get(f"provider:{slug}"))


def _state(rate: float) -> tuple[State, str]:
    return (State.SENDING, "sending") if rate else (State.IDLE, "ready")


def _held(place: Place, pause: Pause | None, free_at: float | None) -> Place:
    """Return `place` as it is when a pause or a limit holds it up."""
    if pause is not None:
        return replace(
            place,
            state=State.PAUSED,
            words="paused",
            until=pause.until,
            because=pause.reason or pause.get_cause_display(),
        )
    if free_at is None or free_at - timezone.now().timestamp() < NOTABLE:
        return place
    until = datetime.fromtimestamp(free_at, UTC)
    return replace(place, state=State.LIMITED, words="limit reached", until=until)
