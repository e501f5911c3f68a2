"""Keeps Jinja2's tags safe from programs that understand HTML or Markdown, but not Jinja2.

HTML parsers move a `{% for %}` out of a table, escape what stands in an attribute and read `<` in
an expression as a tag. So each tag is swapped for a word that they leave where it is, or for a
comment where a word would be moved, and put back afterwards.

Text that only looks like a tag once a parser has resolved its entities (`&#123;{`) stays text:
`restore` writes its braces as `{{ '{' }}`.
"""

import hashlib
import re

from newsletter.templating import TemplateProblem
from newsletter.templating.pieces import Piece

_TABLE = ("table", "thead", "tbody", "tfoot", "tr", "td", "th", "colgroup", "caption")
_RAW_TEXT = ("style", "script", "title", "textarea")
_MARKUP = re.compile(r"<!--|-->|<(?P<name>/?[A-Za-z][A-Za-z0-9:-]*)|<!|[>\"']")


def join(pieces: list[Piece]) -> str:
    """Put pieces together again. Text that looks like a tag comes out as text."""
    shield = Shield(pieces)
    return shield.restore("".join(shield.word(piece) for piece in pieces))


class Shield:
    """The tags of one source, and the words that stand for them."""

    def __init__(self, pieces: list[Piece]) -> None:
        whole = "".join(piece.source for piece in pieces)
        # A word that the source does not hold, made of nothing that a parser would change.
        self.mark = (
            "zq" + hashlib.blake2b(whole.encode("utf-8", "replace"), digest_size=4).hexdigest()
        )
        while self.mark in whole.lower():
            self.mark += "q"
        self.pieces = pieces
        self.tags: list[Piece] = []
        self.token = re.compile(rf"{self.mark}n(\d+)z")
        self._put_back = re.compile(
            rf"(?:<!--|&lt;!--)?{self.mark}n(\d+)(?:z|y(?:=\"\")?)(?:-->|--&gt;)?"
        )
        self._brace = re.compile(rf"\{{(?=[{{%#]|{self.mark})")

    def word(self, piece: Piece) -> str:
        """Return the word for a tag, and text as it is."""
        if piece.kind == "text":
            return piece.source
        self.tags.append(piece)
        return f"{self.mark}n{len(self.tags) - 1}z"

    def html(self) -> str:
        """Return the source as an HTML parser may see it. Raises TemplateProblem."""
        out, place = [], Place()
        for piece in self.pieces:
            word = self.word(piece)
            if piece.kind == "text":
                place.read(piece.source)
            elif place.wants_comment(piece):
                word = f"<!--{word}-->"
            elif place.mode == "tag":
                word = f"{word[:-1]}y"  # an attribute's name: parsers add ="" to it
            out.append(word)
        return "".join(out)

    def markdown(self) -> str:
        """Return the source as a Markdown parser may see it.

        A statement with a line of its own becomes a comment, which ends a paragraph or a list.
        """
        out = []
        for number, piece in enumerate(self.pieces):
            word = self.word(piece)
            alone = piece.kind == "statement" and self._alone(number)
            out.append(f"<!--{word}-->" if alone else word)
        return "".join(out)

    def restore(self, text: str) -> str:
        """Put the tags back."""
        text = self._brace.sub("{{ '{' }}", text)
        return self._put_back.sub(lambda match: self.tags[int(match[1])].source, text)

    def _alone(self, number: int) -> bool:
        before = self.pieces[number - 1] if number else None
        after = self.pieces[number + 1] if number + 1 < len(self.pieces) else None
        ended = before is None or before.kind != "text" or _blank_tail(before.source)
        begins = after is None or (after.kind == "text" and _blank_head(after.source))
        return ended and begins and (before is None or before.kind == "text")


def _blank_tail(text: str) -> bool:
    return not text.rpartition("\n")[2].strip()


def _blank_head(text: str) -> bool:
    return not text.partition("\n")[0].strip()


class Place:
    """Where in an HTML document the text so far has led."""

    def __init__(self) -> None:
        self.mode = "text"  # or tag, quoted ("), quoted ('), comment, raw
        self.name = ""  # of the tag that was read last
        self.fresh = False  # nothing but blanks since that tag

    def read(self, text: str) -> None:
        """Go on through `text`."""
        end = 0
        for match in _MARKUP.finditer(text):
            self._note_text(text[end : match.start()])
            self._step(match)
            end = match.end()
        self._note_text(text[end:])

    def wants_comment(self, piece: Piece) -> bool:
        """Say whether a tag here has to be hidden in a comment. Raises TemplateProblem."""
        if piece.kind == "expression":
            return self.mode == "text" and self.fresh and self.name.strip("/") in _TABLE[:6]
        if self.mode == "tag":
            raise TemplateProblem(
                "“{% … %}” stands between the attributes of an HTML tag. Put it around the whole "
                "element, or inside the quotes of one attribute.",
                piece.line,
            )
        if self.mode == "raw" and self.name == "style":
            raise TemplateProblem(
                "“{% … %}” stands inside <style>, where it can't work: styles are the same for "
                "everybody.",
                piece.line,
            )
        return self.mode == "text"

    def _note_text(self, text: str) -> None:
        if self.mode == "text" and text.strip():
            self.fresh = False

    def _step(self, match: re.Match[str]) -> None:
        found = match[0]
        if self.mode == "comment":
            self.mode = "text" if found == "-->" else "comment"
        elif self.mode == "raw":
            if match["name"] and match["name"].lower() == f"/{self.name}":
                self.mode, self.name = "tag", f"/{self.name}"
        elif self.mode in ('"', "'"):
            self.mode = "tag" if found == self.mode else self.mode
        elif self.mode == "tag":
            self._step_in_tag(found)
        elif found == "<!--":
            self.mode = "comment"
        elif found.startswith("<"):
            self.mode, self.name, self.fresh = "tag", (match["name"] or "").lower(), True

    def _step_in_tag(self, found: str) -> None:
        if found in ('"', "'"):
            self.mode = found
        elif found in (">", "-->"):
            self.mode = "raw" if self.name in _RAW_TEXT else "text"
