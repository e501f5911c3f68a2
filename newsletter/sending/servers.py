"""The server that takes our mail, as SMTP_URL describes it. Pure."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit

Tls = Literal["none", "opportunistic", "starttls", "implicit"]
Auth = Literal["auto", "plain", "login", "xoauth2"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where mail is handed over, and how. Its password never appears in a message or a log."""

    host: str
    port: int
    tls: Tls
    user: str | None = None
    password: str = field(default="", repr=False)
    auth: Auth = "auto"
    mails_per_connection: int = 0  # 0: as many as the server takes
    token: Callable[[], str] | None = field(default=None, repr=False)  # may block

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def parse(url: str) -> Endpoint:
    """Read smtp://user:password@host:port?tls=starttls|implicit|none. Raises ValueError.

    Without `tls`, port 465 means implicit, a server on this machine none, and every other
    STARTTLS, which is then required: mail never goes out in the clear because somebody on the way
    hid the offer.
    """
    parts = urlsplit(url)
    if parts.scheme != "smtp" or not parts.hostname:
        raise ValueError("SMTP_URL must look like smtp://user:password@host:port?tls=starttls")
    tls = parse_qs(parts.query).get("tls", [_usual_tls(parts.hostname, parts.port)])[-1]
    if tls not in get_args(Tls):
        raise ValueError(f"SMTP_URL: tls={tls} is not one of {', '.join(get_args(Tls))}")
    return Endpoint(
        host=parts.hostname,
        port=parts.port or {"none": 25, "opportunistic": 25, "starttls": 587, "implicit": 465}[tls],
        tls=cast("Tls", tls),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
    )


def greeting_name(public_url: str) -> str:
    """Return what we call ourselves in EHLO (RFC 5321, 4.1.3): a name, or a literal in brackets."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _usual_tls(host: str, port: int | None) -> str:
    if port == 465:
        return "implicit"
    return "none" if _on_this_machine(host) else "starttls"


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
