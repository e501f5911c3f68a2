"""The sending servers as a run uses them: from their rows, or from SMTP_URL when there are none."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import cast

from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from newsletter import vault
from newsletter.models import Provider, SendingServer
from newsletter.sending import oauth, servers, warmup
from newsletter.sending.pace import Limits
from newsletter.sending.servers import Auth, Endpoint, Tls

logger = logging.getLogger(__name__)

SMTP_URL = 0  # the id of the server that SMTP_URL names
PASSWORD = "smtp-password"  # noqa: S105  (purposes of sealed texts)
CLIENT_SECRET = "oauth-client-secret"  # noqa: S105
REFRESH_TOKEN = "oauth-refresh-token"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and how much of what it may get."""

    id: int
    name: str
    endpoint: Endpoint
    limits: Limits = field(default_factory=Limits)
    connections: int | None = None  # of all workers together; None: SEND_CONNECTIONS for each
    priority: int = 0
    weight: int = 1
    from_domains: frozenset[str] = field(default=frozenset())
    relay_signs: bool = False

    def may_send_for(self, domain: str) -> bool:
        """Whether it takes mail whose From address is in `domain`, or below one of its domains."""
        if not self.from_domains:
            return True
        labels = domain.lower().split(".")
        return any(".".join(labels[n:]) in self.from_domains for n in range(len(labels)))


def load() -> list[Server]:
    """Return the servers in use, those to be preferred first. Reads the database.

    One whose secret can't be opened is left out: the others send.
    """
    rows = list(SendingServer.objects.filter(is_active=True))
    if not rows and not SendingServer.objects.exists():
        return [default()]
    return [server for row in rows if (server := _try_to_open(row)) is not None]


def default() -> Server:
    """Return the server of SMTP_URL."""
    endpoint = servers.parse(settings.SMTP_URL)
    return Server(SMTP_URL, str(endpoint), endpoint)


def provider_limits() -> dict[str, Limits]:
    """Return the limits of the mailbox providers that have some, by slug. Reads the database."""
    found = {
        row.slug: Limits(row.per_second, row.per_minute, row.per_hour, row.per_day)
        for row in Provider.objects.all()
    }
    return {slug: limits for slug, limits in found.items() if not limits.is_open}


def endpoint(row: SendingServer) -> Endpoint:
    """Return where and how mail is handed over. Raises vault.CannotOpen."""
    return Endpoint(
        host=row.host,
        port=row.port,
        tls=cast("Tls", row.tls),
        user=row.username or None,
        password=_unseal(row.password_sealed, PASSWORD),
        auth=cast("Auth", row.auth),
        mails_per_connection=row.mails_per_connection,
        token=_token(row),
    )


def why_closed(row: SendingServer) -> str:
    """Return why a server can't be signed in to with what is stored; empty when it can."""
    try:
        endpoint(row)
    except vault.CannotOpen as error:
        return str(error)
    return ""


def _try_to_open(row: SendingServer) -> Server | None:
    try:
        return _server(row)
    except vault.CannotOpen as error:
        _say_once(row.pk, f"Nothing is sent through “{row.name}”: {error}")
        return None


# Servers are read each second.
@lru_cache(maxsize=64)
def _say_once(_server_id: int, words: str) -> None:
    logger.error(words)


def _server(row: SendingServer) -> Server:
    return Server(
        id=row.pk,
        name=row.name,
        endpoint=endpoint(row),
        limits=warmup.limits_of(row, timezone.localdate()),
        connections=row.connections,
        priority=row.priority,
        weight=row.weight,
        from_domains=frozenset(domain.lower() for domain in row.from_domains),
        relay_signs=row.relay_signs,
    )


def _token(row: SendingServer) -> Callable[[], str] | None:
    return _token_of(row.pk) if row.auth == SendingServer.Auth.XOAUTH2 else None


# One function for each row, so that an endpoint that has not changed compares as equal.
@lru_cache(maxsize=64)
def _token_of(server_id: int) -> Callable[[], str]:
    return partial(_access_token, server_id)


def _access_token(server_id: int) -> str:
    """Return an OAuth 2 access token. Blocks, and reads the database. Raises oauth.NoToken."""
    try:
        return oauth.access_token(_grant(server_id), keep=partial(_keep, server_id))
    except SendingServer.DoesNotExist:
        raise oauth.NoToken("the server was deleted") from None
    except vault.CannotOpen as error:
        raise oauth.NoToken(str(error)) from None
    except OperationalError as error:
        raise oauth.NoToken("the database does not answer") from error
    finally:
        if not connection.in_atomic_block:
            connection.close()  # it is of the thread that asks, which may end with this


def _grant(server_id: int) -> oauth.Grant:
    row = SendingServer.objects.get(pk=server_id)
    return oauth.Grant(
        row.oauth_token_url,
        row.oauth_client_id,
        _unseal(row.oauth_client_secret_sealed, CLIENT_SECRET),
        _unseal(row.oauth_refresh_token_sealed, REFRESH_TOKEN),
        account=f"{server_id} {row.username}",
    )


def _keep(server_id: int, refresh_token: str) -> None:
    """Store the new refresh token that some servers give in place of the old one."""
    sealed = vault.seal(refresh_token, REFRESH_TOKEN)
    SendingServer.objects.filter(pk=server_id).update(oauth_refresh_token_sealed=sealed)


@lru_cache(maxsize=256)
def _unseal(sealed: str, purpose: str) -> str:
    return vault.unseal(sealed, purpose) if sealed else ""
