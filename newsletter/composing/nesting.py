"""How deeply HTML is nested, counted before a native parser sees it. Pure.

The parser that inlines styles goes down recursively, and thousands of elements inside one another
overrun its stack: no exception, the process is gone. So depth is counted here, without recursion,
and refused with its line.
"""

from html.parser import HTMLParser

from newsletter.templating import TemplateProblem

DEEPEST = 250  # elements; a newsletter of tables within tables stays below 40
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_CELLS = frozenset(("td", "th"))
_ROWS = _CELLS | {"tr"}
_GROUPS = _ROWS | {"tbody", "thead", "tfoot"}
_TERMS = frozenset(("dt", "dd"))
# What an element closes when it begins, where nobody wrote the closing tag.
_CLOSES = {
    **dict.fromkeys(_CELLS, _CELLS),
    "tr": _ROWS,
    **dict.fromkeys(("tbody", "thead", "tfoot"), _GROUPS),
    **dict.fromkeys(_TERMS, _TERMS),
    **{name: frozenset((name,)) for name in ("p", "li", "option")},
}


def check(html: str, field: str = "body") -> None:
    """Raise TemplateProblem, with its line in `html`, where elements are nested too deeply."""
    try:
        _Counter().feed(html)
    except _TooDeep as found:
        tag, line = found.args
        raise TemplateProblem(
            f"More than {DEEPEST} elements stand inside one another (here: <{tag}>). "
            "Close those that are meant to be closed.",
            line,
            field,
        ) from None


class _TooDeep(Exception):
    """The element and the line at which it is too deep."""


class _Counter(HTMLParser):
    """Counts what is open. Elements that are never closed count as open until the end."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        if tag in _VOID:
            return
        closes = _CLOSES.get(tag, ())
        while self._open and self._open[-1] in closes:
            self._open.pop()
        self._open.append(tag)
        if len(self._open) > DEEPEST:
            raise _TooDeep(tag, self.getpos()[0])

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element of that name and what was left open inside it."""
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place] == tag:
                del self._open[place:]
                return
