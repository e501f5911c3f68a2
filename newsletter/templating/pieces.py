"""A template cut into text and tags."""

from dataclasses import dataclass
from typing import Literal

from jinja2 import TemplateSyntaxError

from newsletter.templating.problems import explain
from newsletter.templating.sandbox import html_environment

Kind = Literal["text", "expression", "statement"]

_OPENS = {"variable_begin": "expression", "block_begin": "statement", "comment_begin": "comment"}
_CLOSES = {"variable_end", "block_end", "comment_end"}
_BLOCKS = ("if", "for", "macro", "call", "filter", "with")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text, or one tag as it was written."""

    kind: Kind
    source: str
    line: int

    @property
    def expression(self) -> str:
        """What stands between the braces, blanks aside."""
        return self.source[2:-2].strip("-+ \t\n\r") if self.kind != "text" else ""

    @property
    def opens(self) -> int:
        """1 for a statement that a later one has to close, -1 for the one that closes it."""
        if self.kind != "statement":
            return 0
        word = self.expression.partition(" ")[0]
        if word.startswith("end"):
            return -1
        return int(word in _BLOCKS or (word == "set" and "=" not in self.expression))


def expression(inside: str) -> Piece:
    """Return the tag that prints `inside`."""
    return Piece("expression", f"{{{{ {inside} }}}}", 0)


def split(source: str) -> list[Piece]:
    """Cut a template into text and tags. Comments go; what `raw` holds becomes text.

    Raises TemplateProblem where Jinja2 can't read the source.
    """
    pieces: list[Piece] = []
    kind: str = "text"
    gathered = ""
    start = 1
    try:
        for line, lexed, value in html_environment.lex(source):
            if lexed in _OPENS:
                kind, gathered, start = _OPENS[lexed], value, line
            elif lexed in _CLOSES:
                if kind != "comment":
                    # What "-%}" swallows after the tag is part of the token.
                    pieces.append(Piece(kind, gathered + value, start))  # type: ignore[arg-type]
                kind, gathered = "text", ""
            elif kind != "text":
                gathered += value
            elif lexed == "data":
                pieces.append(Piece("text", value, line))
    except TemplateSyntaxError as error:
        raise explain(error) from error
    return pieces
