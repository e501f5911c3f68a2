"""Which links of a mail are tracked, and what stands in their place.

A web address becomes a slot, `{{ link_0 }}`, filled for each reader with the tracked address or,
for who wants no tracking, with the address itself. One that differs from reader to reader is the
same slot for all too: where it leads is worked out when the reader clicks. For who may not be named
it stands in the mail directly, its values escaped for their place, and so it does for everybody
when it means something in its own place only, such as inside a loop.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, urlsplit

from markupsafe import escape

from newsletter.composing.shield import Shield
from newsletter.templating import TemplateProblem
from newsletter.templating.addresses import (
    SAFE,
    escaped,
    has_known_scheme,
    names,
    render,
)
from newsletter.templating.pieces import Piece, expression, split
from subscribers import addresses
from tracking import targets

LONGEST = 4_000  # characters
OWN = ("unsubscribe_url", "preferences_url", "forward_url")  # slots that are never tracked
_UNTRACKED = ("mailto", "tel", "sms")
# Link elements, and the shapes that Outlook's conditional comments draw buttons with.
_HREF = re.compile(r"(<(?:a|area|v:\w+)\b[^>]*?\shref=)\"([^\"]*)\"", re.IGNORECASE)
_ENTITIES = {"&amp;": "&", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&#39;": "'", "&nbsp;": " "}
_SLOT = re.compile(r"\{\{ link_(\d+) \}\}")
_AUTHORITY = re.compile(r"https?://[^/?#]*(?=[/?#])", re.IGNORECASE)


class BadLink(TemplateProblem):
    """An address that can't work in a mail."""

    def __init__(self, href: str, why: str) -> None:
        shown = href if len(href) <= 60 else f"{href[:60]}…"
        super().__init__(f"The link “{shown}” can't work in a mail. {why}")
        self.href = href


class Links:
    """The tracked addresses of one mail, in the order of their slots. HTML and text share them."""

    def __init__(
        self, plain: Iterable[str] = (), organisation: dict[str, str] | None = None
    ) -> None:
        self.urls: list[str] = []
        self._plain = frozenset(plain)  # not to be tracked
        self._organisation = organisation or {}

    def rewrite(self, html: str, shield: Shield) -> str:
        """Put slots into serialised HTML that is still shielded."""

        def put(match: re.Match[str]) -> str:
            return f'{match[1]}"{self.target(_unescape(match[2]), shield, escape)}"'

        return _HREF.sub(put, html)

    def target(
        self, href: str, shield: Shield, escape_text: Callable[[str], str] = lambda text: text
    ) -> str:
        """Return what stands for an address, shielded like the rest. Raises BadLink.

        `escape_text` makes text fit for where it will stand.
        """
        href = href.strip()
        if not shield.token.search(href):
            return self._static(href, shield, escape_text)
        parts = list(_parts(href, shield))
        if len(parts) == 1 and parts[0].expression in OWN:
            return shield.word(parts[0])
        template = "".join(part.source for part in parts)
        if not has_known_scheme(template):
            raise BadLink(template, "It has to begin with https://, http:// or mailto:.")
        named = names(template)
        if named == {"organisation"}:
            url = render(template, {"organisation": self._organisation})
            if urlsplit(url).scheme in ("http", "https"):
                return self._static(url, shield, escape_text)
        if named == {"subscriber"} and not _is_untracked(parts):
            if len(template) > LONGEST:
                raise BadLink(template, f"It is longer than {LONGEST:,} characters.")
            return self._slot(template, shield)
        return "".join(
            shield.word(part) if part.kind != "text" else escape_text(part.source)
            for part in escaped(parts)
        )

    def _static(self, href: str, shield: Shield, escape_text: Callable[[str], str]) -> str:
        # Browsers leave these out too, and a mail may not hold them (RFC 3986 has no line ends).
        href = re.sub(r"[\t\n\r]", "", href)
        scheme = urlsplit(href).scheme.lower() if _splits(href) else ""
        if href.startswith("#") or scheme in _UNTRACKED or href in self._plain:
            return escape_text(href)
        if scheme not in ("http", "https"):
            raise BadLink(href, "It has to begin with https://, http:// or mailto:.")
        return self._slot(to_uri(href), shield)

    def _slot(self, url: str, shield: Shield) -> str:
        if url not in self.urls:
            self.urls.append(url)
        return shield.word(expression(f"link_{self.urls.index(url)}"))


def to_uri(href: str) -> str:
    """Return an address in ASCII: host in A-labels, the rest percent-encoded. BadLink."""
    if len(href) > LONGEST:
        raise BadLink(href, f"It is longer than {LONGEST:,} characters.")
    parts = urlsplit(href)
    try:
        host, port = parts.hostname or "", parts.port
        host = host if host.isascii() else addresses.domain_key(host)
    except ValueError:
        host = ""
    if not host or parts.username is not None:
        raise BadLink(href, "It names no host, or a user besides the host.")
    place = f"[{host}]" if ":" in host else host
    netloc = f"{place}:{port}" if port else place
    url = quote(parts._replace(scheme=parts.scheme.lower(), netloc=netloc).geturl(), safe=SAFE)
    # A character outside ASCII has become as many as twelve.
    if len(url) > targets.LONGEST:
        raise BadLink(href, f"Percent-encoded, it is longer than {targets.LONGEST:,} characters.")
    return url


def _splits(href: str) -> bool:
    try:
        urlsplit(href)
    except ValueError:
        return False
    return True


def _unescape(value: str) -> str:
    # What the serialiser wrote, no more: "&copy=1" in an address is not the sign ©.
    return re.sub("|".join(_ENTITIES), lambda match: _ENTITIES[match[0]], value)


def write_out(source: str, urls: list[str], escape_text: Callable[[str], str]) -> str:
    """Put personal addresses where their slots are, for mails that may not carry a tracked one."""

    def put(match: re.Match[str]) -> str:
        number = int(match[1])
        if number >= len(urls) or not targets.is_personal(urls[number]):
            return match[0]
        return "".join(
            part.source if part.kind != "text" else escape_text(part.source)
            for part in escaped(split(urls[number]))
        )

    return _SLOT.sub(put, source)


def _is_untracked(parts: list[Piece]) -> bool:
    text = next((part.source.strip().lower() for part in parts if part.kind == "text"), "")
    return text.startswith(("#", *(f"{scheme}:" for scheme in _UNTRACKED)))


def _parts(href: str, shield: Shield) -> Iterator[Piece]:
    end = 0
    for match in shield.token.finditer(href):
        if match.start() > end:
            yield _text(href[end : match.start()], is_first=end == 0)
        yield shield.tags[int(match[1])]
        end = match.end()
    if end < len(href):
        yield _text(href[end:], is_first=False)


def _text(text: str, *, is_first: bool) -> Piece:
    """Return the text of an address in ASCII; the one that it begins with may hold the host."""
    text = re.sub(r"[\t\n\r]", "", text)
    found = _AUTHORITY.match(text) if is_first else None
    start = to_uri(found[0]) if found else ""
    rest = text[found.end() :] if found else text
    return Piece("text", start + quote(rest, safe=SAFE), 0)
