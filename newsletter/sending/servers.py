"""Where mail is handed over, and how: from SMTP_URL, or from a row of sending servers. Pure."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, cast, get_args
from urllib.parse import parse_qs, unquote, urlsplit

import idna

Tls = Literal["none", "opportunistic", "starttls", "implicit"]
Auth = Literal["auto", "plain", "login", "xoauth2"]

_PORTS: dict[str, int] = {"none": 25, "opportunistic": 25, "starttls": 587, "implicit": 465}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One mail server. Its password never appears in a message or a log.

    `tls` is one of
      none           all in the clear, a password too: for a server on this machine;
      opportunistic  encrypted where the server offers it, whoever it is, and else in the clear, as
                     between mail servers. With a `user` it is the same as starttls;
      starttls       encrypted after STARTTLS, with a valid certificate, or not at all;
      implicit       the same from the first byte.

    With `auth` xoauth2 (or auto), `token` is called for each connection, off the event loop, and
    returns an access token; it raises oauth.NoToken. Without it, the password is the token.
    """

    host: str  # a name, in Unicode or in A-labels, or an IP address
    port: int
    tls: Tls
    user: str | None = None
    password: str = field(default="", repr=False)
    auth: Auth = "auto"
    mails_per_connection: int = 0  # 0: as many as the server takes
    token: Callable[[], str] | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def requires_tls(self) -> bool:
        """Whether mail and password go out encrypted, to a server with a certificate, or never."""
        if self.tls == "opportunistic":
            return self.user is not None
        return self.tls != "none"

    @property
    def network_name(self) -> str:
        """The host for DNS and for certificates: in A-labels (RFC 5891). Raises ValueError."""
        return _a_labels(self.host.strip("[]"))


def parse(url: str) -> Endpoint:
    """Read smtp://user:password@host:port?tls=…&auth=…&mails_per_connection=…. Raises ValueError.

    Without `tls`, port 465 means implicit, a server on this machine none, and every other
    STARTTLS, which is then required: mail never goes out in the clear because somebody on the way
    hid the offer.
    """
    parts = urlsplit(url)
    if parts.scheme != "smtp" or not parts.hostname:
        raise ValueError("SMTP_URL must look like smtp://user:password@host:port?tls=starttls")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    tls = _choice("tls", options.get("tls", _usual_tls(parts.hostname, parts.port)), Tls)
    limit = options.get("mails_per_connection", "0")
    if not (limit.isascii() and limit.isdecimal()):
        raise ValueError(f"SMTP_URL: mails_per_connection={limit} is not a number")
    endpoint = Endpoint(
        host=unquote(parts.hostname),
        port=parts.port or _PORTS[tls],
        tls=cast("Tls", tls),
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password or ""),
        auth=cast("Auth", _choice("auth", options.get("auth", "auto"), Auth)),
        mails_per_connection=int(limit),
    )
    if not endpoint.network_name:  # which raises for a name that is none
        raise ValueError("SMTP_URL has no host")
    return endpoint


def greeting_name(public_url: str) -> str:
    """Return what we call ourselves in EHLO (RFC 5321, 4.1.3): a name, or a literal in brackets."""
    host = urlsplit(public_url).hostname or "localhost"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return _a_labels(host)
    return f"[IPv6:{address}]" if address.version == 6 else f"[{address}]"


def _a_labels(host: str) -> str:
    try:
        if not host.isascii():
            return idna.encode(host, uts46=True).decode()
        # What the system would refuse with another exception: empty labels, and those too long.
        host.encode("idna")
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{host} is not the name of a host") from error
    return host


def _choice(name: str, value: str, choices: object) -> str:
    if value not in get_args(choices):
        raise ValueError(f"SMTP_URL: {name}={value} is not one of {', '.join(get_args(choices))}")
    return value


def _usual_tls(host: str, port: int | None) -> str:
    if port == 465:
        return "implicit"
    return "none" if _on_this_machine(host) else "starttls"


def _on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
