"""Puts a mail's HTML together: frame, body, footer, preheader and pixel, styles inlined.

Everything here happens once, when a campaign starts or is previewed. The result is a Jinja2 source
that is the same for all recipients, with slots for what differs: `{{ link_0 }}`,
`{{ unsubscribe_url }}`, `{{ preferences_url }}`, `{{ forward_url }}`, and those of beacons.py.
"""

import re
from dataclasses import dataclass
from itertools import zip_longest

from css_inline import CSSInliner, InlineError
from markupsafe import escape

from newsletter.composing import nesting, shield
from newsletter.composing.beacons import HIDDEN_LINK, OPEN_PIXEL, QUOTE_STYLE
from newsletter.composing.links import Links
from newsletter.composing.shield import Shield
from newsletter.templating import TemplateProblem
from newsletter.templating.pieces import Piece, expression, split

# Blanks that no program shows, so that an inbox does not show the body's beginning after the line.
_FILLER = "&nbsp;&zwnj;"
_SHOWN = 110  # characters that inboxes show after the subject
_HIDDEN = (
    "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;"
    "mso-hide:all"
)
_BEACONS = (QUOTE_STYLE, HIDDEN_LINK, OPEN_PIXEL)
_HEAD_ENDS = re.compile(r"<!--.*?-->|</head>", re.DOTALL)
_BODY_ENDS = re.compile(r"<!--.*?-->|</body>", re.DOTALL)
_NO_CONTENT = (
    "The template has no place for the body: write {{ content }} where it goes, outside of any "
    "{% if %} and of comments."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What goes into a frame, each a Jinja2 source; `content` and `footer` in HTML."""

    content: str
    footer: str
    subject: str
    preheader: str


def build(frame: str, parts: Parts, links: Links) -> str:
    """Return the Jinja2 source of a mail's HTML. Raises TemplateProblem."""
    nesting.check(parts.content)
    pieces = _fill(split(frame), parts)
    sheltered = Shield(pieces)
    html = _inline(sheltered.html(), sheltered)
    _check_statements(html, sheltered)
    _check_leaving(html, sheltered)
    html = links.rewrite(html, sheltered)
    end = max(match.start() for match in _BODY_ENDS.finditer(html) if match[0] == "</body>")
    head = min(match.start() for match in _HEAD_ENDS.finditer(html) if match[0] == "</head>")
    style, *beacons = (sheltered.word(expression(name)) for name in _BEACONS)
    html = f"{html[:head]}{style}{html[head:end]}{''.join(beacons)}{html[end:]}"
    return sheltered.restore(html)


def _fill(frame: list[Piece], parts: Parts) -> list[Piece]:
    places = _places(frame)
    if "content" not in places:
        raise TemplateProblem(_NO_CONTENT, 0, "template")
    text = {
        "subject": _plain(parts.subject),
        "campaign.subject": _plain(parts.subject),
        "preheader": _plain(parts.preheader),
        "campaign.preheader": _plain(parts.preheader),
    }
    filled: list[Piece] = []
    for number, piece in enumerate(frame):
        name = piece.expression if piece.kind == "expression" else ""
        if name in ("content", "footer"):
            if places.get(name) == number:
                filled += _replaced(
                    split(parts.content if name == "content" else parts.footer), text
                )
        else:
            filled += _replaced([piece], text)
    if "footer" not in places:
        # The parser moves what follows </html> to the end of the body.
        filled += split(parts.footer)
    return _after_body_begins(filled, _preheader(text["preheader"]))


def _places(frame: list[Piece]) -> dict[str, int]:
    """Find the first {{ content }} and {{ footer }} that everybody gets to see."""
    places: dict[str, int] = {}
    place, depth = shield.Place(), 0
    for number, piece in enumerate(frame):
        if piece.kind == "text":
            place.read(piece.source)
        depth += piece.opens
        if piece.expression in ("content", "footer") and depth == 0 and place.mode == "text":
            places.setdefault(piece.expression, number)
    return places


def _plain(source: str) -> list[Piece]:
    """Return a plain text's pieces, fit for HTML. What its tags print is escaped as it is made."""
    return [
        Piece("text", str(escape(piece.source)), 0) if piece.kind == "text" else piece
        for piece in split(source)
    ]


def _replaced(pieces: list[Piece], text: dict[str, list[Piece]]) -> list[Piece]:
    out: list[Piece] = []
    for piece in pieces:
        known = text.get(piece.expression) if piece.kind == "expression" else None
        out += [piece] if known is None else known
    return out


def _preheader(pieces: list[Piece]) -> list[Piece]:
    if not pieces:
        return []
    opening = Piece("text", f'<div class="preheader" style="{_HIDDEN}">', 0)
    length = sum(len(piece.source) for piece in pieces)
    filler = _FILLER * max(0, _SHOWN - length)
    return [opening, *pieces, Piece("text", f"{filler}</div>\n", 0)]


def _after_body_begins(pieces: list[Piece], new: list[Piece]) -> list[Piece]:
    place = shield.Place()
    for number, piece in enumerate(pieces if new else []):
        if piece.kind != "text":
            continue
        for match in re.finditer(r"[^>]*>|[^>]+$", piece.source):
            place.read(match[0])
            if place.name == "body" and place.mode == "text":
                before, after = piece.source[: match.end()], piece.source[match.end() :]
                return [
                    *pieces[:number],
                    Piece("text", before, 0),
                    *new,
                    Piece("text", after, 0),
                    *pieces[number + 1 :],
                ]
    return new + pieces


def _check_statements(html: str, sheltered: Shield) -> None:
    """Refuse a condition or a loop that the HTML parser dropped or moved: it would be another one.

    It does so with an attribute that comes twice, or with rows outside of a table.
    """
    kinds = [piece.kind for piece in sheltered.tags]
    wanted = [number for number, kind in enumerate(kinds) if kind == "statement"]
    found = [int(match[1]) for match in sheltered.token.finditer(html)]
    found = [number for number in found if kinds[number] == "statement"]
    for number, other in zip_longest(wanted, found):
        if number != other:
            tag = sheltered.tags[wanted[0] if number is None else number]
            raise TemplateProblem(
                f"“{tag.source.strip()}” stands where HTML does not let it stay: look for an "
                "attribute that comes twice, or for rows outside of a table."
            )


def _check_leaving(html: str, sheltered: Shield) -> None:
    """Refuse a frame or a body that swallows the footer, for example by an open comment."""
    seen = re.sub(r"<!--.*?-->", "", html, flags=re.DOTALL)
    for match in re.finditer(rf'<a\b[^>]*?\shref="{sheltered.token.pattern}"', seen):
        if sheltered.tags[int(match[1])].expression == "unsubscribe_url":
            return
    raise TemplateProblem(
        "The unsubscribe link would not be in the mail: an element or a comment is opened and "
        "never closed."
    )


def _inline(html: str, sheltered: Shield) -> str:
    """Move styles into the elements, because many mail programs read them nowhere else.

    Rules that can't be inlined (@media: narrow screens, dark mode) stay in the head.
    """
    inliner = CSSInliner(
        keep_style_tags=False, keep_at_rules=True, load_remote_stylesheets=False, base_url=None
    )
    nesting.check(html, "template")
    try:
        inlined: str = inliner.inline(html)
    except InlineError as error:
        raise TemplateProblem(f"The styles can't be read ({error}).", 0, "template") from error
    if "<tbody" in html.lower():
        return inlined
    # The parser opened it where the first row stands, which may be inside of a loop.
    return re.sub(rf"((?:<!--{sheltered.token.pattern}-->\s*)+)<tbody>", r"<tbody>\1", inlined)
