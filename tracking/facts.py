"""What is kept of a request: from which network, by which program, with which marks. Pure.

Enough for later rules to tell people from machines, and no more: never a whole address, and of
most headers only that they were there.
"""

import json
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Protocol

LONGEST_AGENT = 400  # characters
_LONGEST_MARK = 24  # characters
_LONGEST_VALUE = 200  # characters that are looked at
_LONGEST_WAY = 400  # characters of X-Forwarded-For, from its end

_WAY = "x-forwarded-for"

# Header -> its name among the marks. Of these only the presence is kept, because their values
# would tell people apart.
_PRESENT = {
    "accept-encoding": "encoding",
    "accept-language": "language",
    "cookie": "cookie",  # we set none
    "dnt": "dnt",
    "from": "from",  # robots give an address to complain to
    "range": "range",
    "referer": "referer",
    "sec-gpc": "gpc",
    "upgrade-insecure-requests": "upgrade",
    "via": "via",
    "x-requested-with": "app",  # a web view inside an Android program
}
# Of these the value is kept, which is one of a few words, or what `_SUMMARIES` makes of it.
_WORDS = {
    "accept": "accept",
    "purpose": "purpose",
    "sec-ch-ua": "brands",
    "sec-ch-ua-mobile": "mobile",
    "sec-ch-ua-platform": "platform",
    "sec-fetch-dest": "dest",
    "sec-fetch-mode": "mode",
    "sec-fetch-site": "site",
    "sec-fetch-user": "user",
    "sec-purpose": "purpose",
    "x-moz": "purpose",
    "x-purpose": "purpose",
}

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = re.compile(rf"({_OCTET}\.{_OCTET}\.{_OCTET})\.{_OCTET}")


def _accepted(value: str) -> str:
    """Return the kind of thing that a program asks for first: a page, a picture or anything.

    Of a page, also whether it is asked for in the words of Chromium, which no other engine uses.
    """
    value = value.lower()
    if "text/html" in value:
        return "chromium's html" if "signed-exchange" in value else "html"
    if value.startswith("image/"):
        return "image"
    return "any" if value.startswith("*/*") else "other"


_BRAND = re.compile(r'"([^"]*)";\s*v="(\d{1,4})')
_NO_LETTER = re.compile(r"[^a-z]")
_BRANDS = {"google chrome": "chrome", "microsoft edge": "edge", "chromium": "", "": ""}


def _brands(value: str) -> str | bool:
    """Return how a browser of Chromium's kind names itself, and Chromium's version: "chrome 152".

    Or "headless", as it says by mistake. True when no version is found.
    """
    value = value.lower()
    if "headless" in value:
        return "headless"
    # One of them is made up on purpose: "Not_A Brand", its blanks different each time.
    brands = {
        "" if _NO_LETTER.sub("", brand) == "notabrand" else brand: version
        for brand, version in _BRAND.findall(value)
    }
    names = {_BRANDS.get(brand, "other") for brand in brands} - {""}
    if "chromium" not in brands:
        return True
    return f"{names.pop() if names else 'chromium'} {brands['chromium']}"


# What is kept of a value that would tell people apart, or is long.
_SUMMARIES: dict[str, Callable[[str], str | bool]] = {
    "accept": _accepted,
    "brands": _brands,
    "platform": lambda value: value.strip('"')[:_LONGEST_MARK],
}


class Headers(Protocol):
    """The headers of a request, as granian gives them; names are in lower case.

    A value that is not ASCII is never given, as if it were not there; its name is.
    """

    def get(self, name: str) -> str | None:
        """Return the first value of a header."""
        ...

    def keys(self) -> list[str]:
        """Return the names."""
        ...


class Lines(Protocol):
    """Likewise, of headers that may come several times."""

    def __contains__(self, name: str, /) -> bool:
        """Say whether a header was sent."""
        ...

    def get_all(self, name: str) -> list[str]:
        """Return each value of a header."""
        ...


def agent(headers: Headers) -> str | None:
    """Return how the program names itself; None when it does so in other letters than ASCII."""
    value = headers.get("user-agent")
    if value is not None:
        return value[:LONGEST_AGENT]
    names = headers.keys()
    return None if "user-agent" in names else ""


def marks(
    headers: Headers, http_version: str, method: str = "GET", *, is_agent_foreign: bool = False
) -> str:
    """Return the marks of a request as a JSON object; absent ones are left out.

    HEAD asks whether a thing is there: nobody has seen it, so the method is a mark as well. So is
    an agent that can't be read: there is one, and a program without any is another thing.
    """
    known, words = _plan(tuple(headers.keys()), http_version, method, is_agent_foreign)
    if not words:
        return known
    return _with_words(
        known, words, tuple([(headers.get(name) or "")[:_LONGEST_VALUE] for name in words])
    )


# A program sends the same headers each time, so that most requests are looked up here. Small, since
# anybody can send long names.
@lru_cache(maxsize=256)
def _plan(
    names: tuple[str, ...], http_version: str, method: str, is_agent_foreign: bool
) -> tuple[str, tuple[str, ...]]:
    """Return the marks that names alone give, as JSON, and the names whose values are needed."""
    found: dict[str, str | bool] = {_PRESENT[name]: True for name in names if name in _PRESENT}
    if is_agent_foreign:
        found["agent"] = "foreign"
    if http_version == "1":
        found["http"] = "1.0"
    if method != "GET":
        found["method"] = method
    return _json(found), tuple(name for name in names if name in _WORDS)


@lru_cache(maxsize=4096)
def _with_words(known: str, names: tuple[str, ...], values: tuple[str, ...]) -> str:
    found = json.loads(known)
    for name, value in zip(names, values, strict=True):
        mark = _WORDS[name]
        summary = _SUMMARIES.get(mark)
        # Empty: the header was there, and its value is not known.
        found[mark] = (summary(value) if summary else value[:_LONGEST_MARK]) if value else True
    return _json(found)


def _json(found: dict[str, str | bool]) -> str:
    return json.dumps(found, separators=(",", ":"))


@lru_cache(maxsize=16_384)
def network(address: str) -> str:
    """Return `address` cut to its /24 (IPv4) or /48 (IPv6); empty when it is no address."""
    found = _IPV4.fullmatch(address)  # nearly all, and ten times as quick
    if found:
        return found[1] + ".0"
    parsed = _parse(address)
    if parsed is None:
        return ""
    length = 24 if parsed.version == 4 else 48
    return str(ip_network((parsed, length), strict=False).network_address)


class Proxies:
    """The proxies in front of us, whose word about the client's address is believed."""

    def __init__(self, trusted: Sequence[str]) -> None:
        """Take addresses and networks. Raises ValueError for anything else."""
        self._networks = [ip_network(entry, strict=False) for entry in trusted]
        # A reader comes again, and behind a proxy most lines are one address.
        self._behind = lru_cache(maxsize=4096)(self._look_behind)

    def client(self, peer: str, headers: Lines) -> str:
        """Return the client's address: the nearest that no trusted proxy has.

        `peer` is who is connected to us ("host:port"). Of X-Forwarded-For, which anybody can
        send, only the part that trusted proxies have added is read; Forwarded (RFC 7239) is not,
        since most proxies pass it on as a client wrote it. Empty when a proxy of ours says
        something that is no address: it would be wrong to take the proxy for the client.
        """
        address = peer.rpartition(":")[0].strip("[]")
        if not self._networks:
            return address
        lines = headers.get_all(_WAY)
        if not lines and _WAY in headers:
            # Not ASCII: a proxy has added the client's address to what the client had sent.
            return self._behind(address, "foreign")
        return self._behind(address, ",".join(lines)[-_LONGEST_WAY:])

    def _look_behind(self, address: str, way: str) -> str:
        if not self._is_trusted(address):
            return address
        hops = [hop.strip() for hop in way.split(",")]
        if len(way) == _LONGEST_WAY:
            hops[0] = "cut"
        for hop in reversed(hops if way.strip() else []):
            address = _without_port(hop)
            if _parse(address) is None:
                return ""
            if not self._is_trusted(address):
                break
        return address

    def _is_trusted(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in known for known in self._networks)


def _without_port(hop: str) -> str:
    """Return the address of 192.0.2.1, 192.0.2.1:80, [2001:db8::1]:80 and the like."""
    if hop.startswith("["):
        address, _, port = hop[1:].partition("]")
        return address if not port or port.startswith(":") else ""
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


def _parse(address: str) -> IPv4Address | IPv6Address | None:
    try:
        # What follows a % names an interface of the machine that wrote it.
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    # A socket that serves both shows IPv4 clients as ::ffff:192.0.2.1.
    return getattr(parsed, "ipv4_mapped", None) or parsed
