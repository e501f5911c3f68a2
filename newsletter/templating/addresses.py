"""Addresses that differ from reader to reader: `https://shop.example/{{ subscriber.name }}`.

Promise: a value is data in an address and never its syntax. Each is percent-encoded for the place
where it stands. In an address that is resolved when its link is clicked, nothing that people choose
themselves (SELF_CHOSEN) decides the host: else anybody could subscribe under a suitable name, and
hand on a link of ours that leads wherever they like.

Used where mails are composed, and by the edge, which has no Django apps.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from jinja2 import Template, TemplateError, nodes

from newsletter.templating.pieces import Piece, expression, split
from newsletter.templating.problems import TemplateProblem
from newsletter.templating.sandbox import text_environment
from subscribers import addresses

# What stays as it is in the text of an address: everything that has a meaning there.
SAFE = "!#$%&'()*+,/:;=?@[]~"
# Of the fields of a person; all others are written by who runs the list.
SELF_CHOSEN = {"name": "x", "first_name": "x", "email": "x@example.org"}
# Too much for an address, or with a meaning that reaches beyond it.
_NOT_ALONE = (
    *(nodes.For, nodes.Macro, nodes.CallBlock, nodes.FilterBlock),
    *(nodes.Assign, nodes.AssignBlock, nodes.With),
)
_ENCODED = re.compile(r"\|\s*(?:urlencode|url_part)\s*$")
_KNOWN_SCHEME = re.compile(r"\s*(?:[{#]|https?://|(?:mailto|tel|sms):)", re.IGNORECASE)


class BadAddress(ValueError):
    """A person's values make no web address. The message holds none of them."""


def values(row: tuple[int, str, str, str, dict[str, Any]]) -> dict[str, Any]:
    """Return what templates call `subscriber`, from id, name, email, language and attributes."""
    subscriber_id, name, email, language, attributes = row
    return {
        "id": subscriber_id,
        "name": name,
        "first_name": first_name(name),
        "email": email,
        "language": language,
        "attributes": attributes,
    }


def first_name(name: str) -> str:
    """Return what stands before the first blank of a name."""
    words = name.split(None, 1)
    return words[0] if words else ""


def has_known_scheme(template: str) -> bool:
    """Say whether an address begins as it has to, as far as its text tells."""
    return bool(_KNOWN_SCHEME.match(template))


def escaped(parts: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces of an address, each value escaped for its place."""
    begun = False  # with something that settles where the link leads
    for part in parts:
        if part.kind == "text":
            begun = begun or bool(part.source.strip())
            yield part
        elif part.kind == "statement" or (begun and _ENCODED.search(part.expression)):
            yield part
        else:
            yield expression(f"({part.expression}) | {'url_part' if begun else 'web_address'}")
            begun = True


def names(template: str) -> set[str] | None:
    """Return the groups that an address takes its values from.

    None when it means nothing by itself: it names what is set elsewhere in the mail, or opens a
    condition that ends there.
    """
    try:
        tree = text_environment.parse(template)
    except (TemplateError, TemplateProblem):
        return None
    if any(tree.find(kind) for kind in _NOT_ALONE):
        return None
    return {node.name for node in tree.find_all(nodes.Name)}


def render(template: str, groups: dict[str, Any]) -> str:
    """Return the address that values make. Raises what Jinja2 raises."""
    return _compiled(template).render(groups).strip()


def resolve(template: str, row: tuple[int, str, str, str, dict[str, Any]]) -> str:
    """Return where a personal link leads one person (see `values`), in ASCII.

    Raises BadAddress, and what Jinja2 raises.
    """
    person = values(row)
    url = _to_ascii(render(template, {"subscriber": person}))
    # Somebody else with the same attributes must be led to the same host.
    other = {name: word for name, word in SELF_CHOSEN.items() if person[name]}
    if _host(_to_ascii(render(template, {"subscriber": person | other}))) != _host(url):
        raise BadAddress("what a person chose would decide where the link leads")
    return url


@lru_cache(maxsize=2_000)
def _compiled(template: str) -> Template:
    return text_environment.from_string("".join(piece.source for piece in escaped(split(template))))


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()


def _to_ascii(url: str) -> str:
    """Return an address with its host in A-labels and no blanks."""
    try:
        parts = urlsplit(url)
        host = unquote(parts.hostname or "")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise BadAddress("it can't be read as an address") from None
    if "@" in parts.netloc or not host:
        raise BadAddress("it names no host, or a user besides the host")
    if not re.fullmatch(r"[a-z0-9._:-]+", host):
        host = addresses.domain_key(host)
    place = f"[{host}]" if ":" in host else host
    # Not put together by the parser, which drops an empty query or fragment.
    rest = url[url.index(parts.netloc) + len(parts.netloc) :]
    return f"{parts.scheme}://{place}{port}{quote(rest, safe=SAFE)}"
