"""The parts of a mail, compiled to items: encoded text, places for tokens, values, and segments.

How it fits together is told in compiled.py.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from jinja2 import nodes
from markupsafe import escape

from newsletter.composing.fields import Field, Fields
from newsletter.composing.links import write_out
from newsletter.composing.people import Person
from newsletter.composing.segments import Place, Segment, fill
from newsletter.composing.slots import SlotEnvironment, slots
from newsletter.models import Edition
from newsletter.templating import CampaignContext
from newsletter.templating.filters import finalize
from subscribers.models import TrackingChoice

_HTML = SlotEnvironment(html=True)
_TEXT = SlotEnvironment(html=False)

# What a name set in one place means in another is known to Jinja2 alone, so a source with one of
# these is left to it as a whole.
_SHARING = (nodes.Assign, nodes.AssignBlock, nodes.Macro, nodes.CallBlock)


class Value(NamedTuple):
    """Where a person's value is printed."""

    field: Field
    in_html: bool


Item = bytes | Place | Value | Segment


class Line:
    """A line of text that may be personal."""

    def __init__(self, source: str, organisation: dict[str, str]) -> None:
        tree = _TEXT.parse(source)
        pieces = list(_read(_TEXT, tree, organisation))
        self._root = _TEXT.from_string(tree).root_render_func
        self._is_simple = not any(isinstance(piece, nodes.Node) for piece in pieces)
        self._pieces = pieces
        # None when it differs from person to person.
        is_fixed = all(isinstance(piece, str) for piece in pieces)
        self.fixed: str | None = "".join(map(str, pieces)) if is_fixed else None

    def text(self, person: Person, values: Callable[[], dict[str, Any]]) -> str:
        """Return the text for one person; `values` makes what Jinja2 needs, should it be needed."""
        if self._is_simple:
            return "".join(
                [
                    str(finalize(piece.read(person))) if isinstance(piece, Field) else str(piece)
                    for piece in self._pieces
                ]
            )
        return "".join(self._root(CampaignContext(_TEXT, values())))


class Bodies:
    """Both parts of a mail, for people who made one choice about tracking."""

    def __init__(self, edition: Edition, choice: str) -> None:
        organisation, urls = edition.organisation, edition.link_urls
        text, html = edition.text, edition.html
        # Only a token that says who reads can lead to a link that differs from reader to reader.
        if choice != TrackingChoice.INDIVIDUAL:
            text, html = write_out(text, urls, str), write_out(html, urls, _escape)
        self.addresses = slots(urls, choice, str)
        in_html = slots(urls, choice, _escape)
        self.text = list(_items(_TEXT, text, self.addresses, organisation))
        self.html = list(_items(_HTML, html, in_html, organisation))
        # What the segments name besides the subscriber and the organisation.
        self.needs: set[str] = set()
        for item in (*self.text, *self.html):
            if isinstance(item, Segment):
                self.needs |= item.names


def _escape(text: str) -> str:
    return str(escape(text))


def _items(
    environment: SlotEnvironment, source: str, filled: Any, organisation: dict[str, str]
) -> Iterator[Item]:
    static, running = "", []
    for piece in _read(environment, environment.parse(source), organisation):
        if isinstance(piece, nodes.Node):
            if static:
                yield from fill(static, filled)
                static = ""
            running.append(piece)
            continue
        if running:
            yield Segment(environment, running, filled)
            running = []
        if isinstance(piece, str):
            static += piece
        else:
            yield from fill(static, filled)
            yield Value(piece, bool(environment.autoescape))
            static = ""
    if running:
        yield Segment(environment, running, filled)
    if static:
        yield from fill(static, filled)


def _read(
    environment: SlotEnvironment, tree: nodes.Template, organisation: dict[str, str]
) -> Iterator[str | Field | nodes.Node]:
    """Yield a source's pieces: text, fields, and nodes that Jinja2 has to run."""
    if any(tree.find(kind) for kind in _SHARING):
        yield from tree.body
        return
    fields = Fields(environment, organisation)
    for node in tree.body:
        if not isinstance(node, nodes.Output):
            yield node
            continue
        for child in node.nodes:
            yield _piece(environment, fields, child)


def _piece(environment: SlotEnvironment, fields: Fields, node: nodes.Expr) -> Any:
    if isinstance(node, nodes.TemplateData):
        return node.data
    field = fields.of(node)
    if field is not None and field.fixed is None:
        return field
    if field is not None:
        return str(escape(field.fixed)) if environment.autoescape else str(field.fixed)
    return nodes.Output([node], lineno=node.lineno, environment=environment)
