"""Which links of a mail are tracked, and what stands in their place.

A static web address becomes a slot, `{{ link_0 }}`, filled for each reader with the tracked address
or, for who wants no tracking, with the address itself. An address that differs from reader to
reader is left as it is, its values escaped for the place where they stand.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, urlsplit

from markupsafe import escape

from newsletter.composing.shield import Piece, Shield, expression
from newsletter.templating import TemplateProblem
from subscribers import addresses
from tracking import targets

LONGEST = 4_000  # characters
OWN = ("unsubscribe_url", "preferences_url")  # slots that are never tracked
_UNTRACKED = ("mailto", "tel", "sms")
# Link elements, and the shapes that Outlook's conditional comments draw buttons with.
_HREF = re.compile(r"(<(?:a|area|v:\w+)\b[^>]*?\shref=)\"([^\"]*)\"", re.IGNORECASE)
_ENTITIES = {"&amp;": "&", "&quot;": '"', "&lt;": "<", "&gt;": ">", "&#39;": "'", "&nbsp;": " "}
_ENCODED = re.compile(r"\|\s*(?:urlencode|url_part)\s*$")
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class BadLink(TemplateProblem):
    """An address that can't work in a mail."""

    def __init__(self, href: str, why: str) -> None:
        shown = href if len(href) <= 60 else f"{href[:60]}…"
        super().__init__(f"The link “{shown}” can't work in a mail. {why}")
        self.href = href


class Links:
    """The tracked addresses of one mail, in the order of their slots. HTML and text share them."""

    def __init__(self, plain: Iterable[str] = ()) -> None:
        self.urls: list[str] = []
        self._plain = frozenset(plain)  # not to be tracked

    def rewrite(self, html: str, shield: Shield) -> str:
        """Put slots into serialised HTML that is still shielded."""

        def put(match: re.Match[str]) -> str:
            return f'{match[1]}"{self.target(_unescape(match[2]), shield, escape)}"'

        return _HREF.sub(put, html)

    def target(
        self, href: str, shield: Shield, escaped: Callable[[str], str] = lambda text: text
    ) -> str:
        """Return what stands for an address, shielded like the rest. Raises BadLink.

        `escaped` makes text fit for where it will stand.
        """
        href = href.strip()
        if not shield.token.search(href):
            return self._static(href, shield, escaped)
        parts = list(_parts(href, shield))
        if len(parts) == 1 and isinstance(parts[0], Piece) and parts[0].expression in OWN:
            return shield.word(parts[0])
        return "".join(
            escaped(part) if isinstance(part, str) else shield.word(part)
            for part in _personal(parts)
        )

    def _static(self, href: str, shield: Shield, escaped: Callable[[str], str]) -> str:
        # Browsers leave these out too, and a mail may not hold them (RFC 3986 has no line ends).
        href = re.sub(r"[\t\n\r]", "", href)
        scheme = urlsplit(href).scheme.lower() if _splits(href) else ""
        if href.startswith("#") or scheme in _UNTRACKED or href in self._plain:
            return escaped(href)
        if scheme not in ("http", "https"):
            raise BadLink(href, "It has to begin with https://, http:// or mailto:.")
        url = to_uri(href)
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
    url = quote(parts._replace(scheme=parts.scheme.lower(), netloc=netloc).geturl(), safe=_SAFE)
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


def _parts(href: str, shield: Shield) -> Iterator[str | Piece]:
    end = 0
    for match in shield.token.finditer(href):
        if match.start() > end:
            yield href[end : match.start()]
        yield shield.tags[int(match[1])]
        end = match.end()
    if end < len(href):
        yield href[end:]


def _personal(parts: list[str | Piece]) -> Iterator[str | Piece]:
    """Yield an address that differs from reader to reader, each value escaped for its place."""
    begun = False  # with something that settles where the link leads
    for part in parts:
        if isinstance(part, str):
            begun = begun or bool(part.strip())
            yield part
        elif part.kind == "statement" or (begun and _ENCODED.search(part.expression)):
            yield part
        else:
            yield expression(f"({part.expression}) | {'url_part' if begun else 'web_address'}")
            begun = True
