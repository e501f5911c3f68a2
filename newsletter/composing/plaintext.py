"""The plain-text part, made once from the HTML body as a Jinja2 source of its own.

Blanks that mean nothing in HTML are collapsed here, where the text is the same for everybody; what
a reader's values bring comes in later, as it is. Tags of Jinja2 stay where they were, so loops and
conditions make the same text as they make HTML.
"""

import re
from html.parser import HTMLParser

from newsletter.composing.links import Links
from newsletter.composing.shield import Shield
from newsletter.templating.pieces import split

_SKIPPED = ("style", "script", "head", "title", "template")
# Empty lines around an element.
_BLOCKS = {
    "address": 1, "article": 1, "aside": 1, "blockquote": 2, "center": 1, "dd": 1, "div": 1,
    "dl": 2, "dt": 1, "figcaption": 1, "figure": 2, "footer": 2, "form": 1, "h1": 2, "h2": 2,
    "h3": 2, "h4": 2, "h5": 2, "h6": 2, "header": 2, "hr": 2, "li": 1, "main": 1, "ol": 2,
    "p": 2, "pre": 2, "section": 1, "table": 2, "tr": 1, "ul": 2,
}  # fmt: skip
_CELLS = ("td", "th")
_BLANKS = re.compile(r"[ \t\n\r\f]+")


def to_text(html: str, links: Links) -> str:
    """Return the Jinja2 source of the text for a body in HTML with Jinja2."""
    shield = Shield(split(html))
    writer = _Writer(links, shield)
    writer.feed(shield.html())
    writer.close()
    return shield.restore(writer.text())


class _Writer(HTMLParser):
    def __init__(self, links: Links, shield: Shield) -> None:
        super().__init__(convert_charrefs=True)
        self._links = links
        self._shield = shield
        self._out: list[str] = []
        self._due = 0  # line ends to write before the next text
        self._ended = 2  # line ends that stand at the end of what is written
        self._blank = False  # a blank to write before the next text
        self._skipped = 0
        self._kept = 0  # inside <pre>
        self._lists: list[int | None] = []  # the number of the last item, None without numbers
        self._hrefs: list[tuple[str, int]] = []  # open links, and where their text begins
        self._quotes = 0
        self._marked = False  # the item of a list has its mark, and no text yet

    def text(self) -> str:
        """Return what was written."""
        return "".join(self._out).strip("\n") + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        values = {name: value or "" for name, value in attrs}
        if tag in _SKIPPED:
            self._skipped += 1
        if tag in _CELLS and not self._at_line_start():
            self._blank = True
        if not self._marked:
            self._break_around(tag)
        begin = getattr(self, f"_begin_{tag}", None)
        if begin is not None:
            begin(values)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _SKIPPED:
            self._skipped = max(0, self._skipped - 1)
        end = getattr(self, f"_end_{tag}", None)
        if end is not None:
            end()
        self._break_around(tag)

    def handle_data(self, data: str) -> None:
        """Write text, its blanks collapsed."""
        if self._skipped:
            return
        if self._kept:
            self._write(data)
            return
        words = _BLANKS.sub(" ", data)
        self._blank = self._blank or words.startswith(" ")
        if words.strip(" "):
            self._write(words.strip(" "))
            self._blank = words.endswith(" ")

    def handle_comment(self, data: str) -> None:
        """Write a statement of Jinja2; other comments are not for readers."""
        if self._shield.token.fullmatch(data):
            # Line ends that are due belong to what came before, not into the condition.
            self._flush()
            self._out.append(data)

    def _begin_br(self, values: dict[str, str]) -> None:
        self._flush()
        self._line_end(1)
        self._blank = False

    def _begin_hr(self, values: dict[str, str]) -> None:
        self._write("-" * 40)
        self._break(2)

    def _begin_img(self, values: dict[str, str]) -> None:
        if values.get("alt", "").strip():
            self._write(_BLANKS.sub(" ", values["alt"]).strip())

    def _begin_a(self, values: dict[str, str]) -> None:
        self._flush()
        self._hrefs.append((values.get("href", ""), len(self._out)))

    def _end_a(self) -> None:
        href, start = self._hrefs.pop() if self._hrefs else ("", 0)
        if not href or href.startswith("#"):
            return
        shown = "".join(self._out[start:]).strip()
        target = self._links.target(href, self._shield)
        if shown == href.removeprefix("mailto:"):
            if shown == href:  # the address itself is shown: the tracked one takes its place
                self._out[start:] = [" " * (self._out[start] == " "), target]
            return
        self._blank = bool(shown)
        self._write(f"<{target}>")

    def _begin_ul(self, values: dict[str, str]) -> None:
        self._lists.append(None)

    def _begin_ol(self, values: dict[str, str]) -> None:
        start = values.get("start", "1")
        self._lists.append(int(start) - 1 if start.isdecimal() else 0)

    def _end_list(self) -> None:
        if self._lists:
            self._lists.pop()

    _end_ul = _end_ol = _end_list

    def _begin_li(self, values: dict[str, str]) -> None:
        mark = "-"
        if self._lists and self._lists[-1] is not None:
            self._lists[-1] += 1
            mark = f"{self._lists[-1]}."
        self._write("  " * (len(self._lists) - 1) + mark)
        self._blank = self._marked = True

    def _begin_blockquote(self, values: dict[str, str]) -> None:
        self._quotes += 1

    def _end_blockquote(self) -> None:
        self._quotes = max(0, self._quotes - 1)

    def _begin_pre(self, values: dict[str, str]) -> None:
        self._kept += 1

    def _end_pre(self) -> None:
        self._kept = max(0, self._kept - 1)

    def _break_around(self, tag: str) -> None:
        inner_list = tag in ("ul", "ol") and self._lists
        self._break(1 if inner_list else _BLOCKS.get(tag, 0))

    def _break(self, count: int) -> None:
        if count:
            self._due = max(self._due, count)
            self._blank = self._marked = False

    def _flush(self) -> None:
        if self._due:
            self._line_end(max(0, self._due - self._ended))
            self._due = 0

    def _line_end(self, count: int) -> None:
        self._out.append("\n" * count)
        self._ended += count

    def _at_line_start(self) -> bool:
        return self._due > 0 or self._ended > 0

    def _write(self, text: str) -> None:
        self._flush()
        if self._ended and self._quotes:
            self._out.append("> " * self._quotes)
        elif self._blank and not self._ended:
            self._out.append(" ")
        self._blank = self._marked = False
        self._out.append(text)
        self._ended = len(text) - len(text.rstrip("\n"))
