"""Whose network an address lies in: built-in facts, and the operator's own lists.

Of an address only the /24 or /48 is kept, so a range narrower than that is matched by overlap: it
speaks for all addresses around it, most of which may belong to others. That is why a narrow range
is never more than `probable`, and why nothing that is only probable decides by itself.
"""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.resources import files
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from socket import AF_INET, AF_INET6, inet_pton
from typing import NamedTuple

SCOPES = ("scanner", "clicks", "proxy", "relay", "hosting")
CERTAINTIES = ("certain", "probable")
_KEPT = {4: 24, 6: 48}  # bits of an address that are kept
_WIDEST = {4: 8, 6: 16}  # bits; a range wider than this is a slip, such as 0.0.0.0/0
_BITS = {4: 32, 6: 128}


class Network(NamedTuple):
    """What is known of a range."""

    label: str
    scope: str  # one of SCOPES
    is_certain: bool


class Line(NamedTuple):
    """A line of a list: a range, and what is known of it."""

    version: int
    length: int  # bits of the prefix
    prefix: int  # the address without the bits behind the prefix
    network: Network


class BadList(ValueError):
    """A line can't be read; the message names it."""


class Networks:
    """Lists of networks of which something is known."""

    def __init__(self, lines: Iterable[Line] = ()) -> None:
        """Take lines; of two about the same range the later is believed."""
        # (version, length) -> prefix -> what is known
        tables: dict[tuple[int, int], dict[int, Network]] = {}
        for version, length, prefix, network in lines:
            kept = _KEPT[version]
            if length > kept:
                prefix >>= length - kept
                length = kept
                network = network._replace(is_certain=False)
            tables.setdefault((version, length), {})[prefix] = network
        self._tables = {
            version: sorted(
                (
                    (_BITS[version] - bits, table)
                    for (v, bits), table in tables.items()
                    if v == version
                ),
                key=lambda entry: entry[0],
            )
            for version in _KEPT
        }
        self.find = lru_cache(maxsize=65_536)(self._find)

    def _find(self, network: str) -> Network | None:
        """Return what is known of a cut address; None when nothing is."""
        # Not by ipaddress, which takes twenty times as long: nearly every reader has another one.
        family, version = (AF_INET6, 6) if ":" in network else (AF_INET, 4)
        try:
            number = int.from_bytes(inet_pton(family, network))
        except (OSError, ValueError):
            return None
        for shift, table in self._tables[version]:
            known = table.get(number >> shift)
            if known:
                return known
        return None


def load() -> Networks:
    """Return the built-in lists together with those in the folder settings.TRACKING_NETWORKS.

    Raises BadList for a file there that can't be read: without it people might be counted as
    machines, and nobody would know.
    """
    from django.conf import settings

    return Networks([*built_in(), *_from_folder(Path(settings.TRACKING_NETWORKS))])


def read_list(name: str, text: str) -> Iterator[Line]:
    """Read a list: Apple's egress-ip-ranges.csv, or lines of CIDR, label, scope and certainty.

    The words may be parted by spaces or commas; `#` begins a comment. Raises BadList.
    """
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if not content:
            continue
        try:
            yield _line(content)
        except ValueError as error:
            raise BadList(f"{name}, line {number}: {error}") from None


def built_in() -> list[Line]:
    """Return the lists that Broadsheet brings."""
    text = (files("tracking.classify") / "data" / "networks.txt").read_text(encoding="utf-8")
    return list(read_list("networks.txt", text))


def _from_folder(folder: Path) -> Iterator[Line]:
    for path in sorted(folder.glob("*")) if folder.is_dir() else ():
        if path.suffix in (".csv", ".txt"):
            yield from read_list(path.name, path.read_text(encoding="utf-8"))


def _line(content: str) -> Line:
    cells = [cell.strip() for cell in content.split(",")] if "," in content else content.split()
    cidr, words = cells[0], cells[1:]
    if _is_apples(words):
        words = ["apple", "relay", "certain"]
    if len(words) not in (2, 3):
        raise ValueError("expected: CIDR label scope certainty")
    label, scope, certainty = [*words, "probable"][:3]
    if scope not in SCOPES:
        raise ValueError(f"the scope {scope!r} is none of {', '.join(SCOPES)}")
    if certainty not in CERTAINTIES:
        raise ValueError(f"the certainty {certainty!r} is none of {', '.join(CERTAINTIES)}")
    return _range(cidr, Network(label, scope, certainty == "certain"))


def _is_apples(words: list[str]) -> bool:
    """Tell Apple's lines: after the range a country, a region, a city, and an empty cell."""
    return len(words) >= 3 and len(words[0]) in (0, 2) and words[1] not in SCOPES


def _range(cidr: str, network: Network) -> Line:
    try:
        parsed = ip_network(cidr, strict=False)
    except ValueError:
        raise ValueError(f"{cidr!r} is no network such as 192.0.2.0/24") from None
    version, length = parsed.version, parsed.prefixlen
    if length < _WIDEST[version]:
        raise ValueError(f"{cidr} is too wide to say anything about it")
    address: IPv4Address | IPv6Address = parsed.network_address
    return Line(version, length, int(address) >> (_BITS[version] - length), network)
