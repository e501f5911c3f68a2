"""The parts of a mail, compiled: Jinja2 to a generator of chunks, its static chunks encoded.

How it fits together is told in compiled.py.
"""

from collections.abc import Iterator
from operator import itemgetter
from types import CodeType
from typing import Any

from jinja2 import nodes
from markupsafe import escape

from newsletter.composing import mime
from newsletter.composing.slots import MARK, Slot, SlotEnvironment, slots
from newsletter.models import Edition
from newsletter.templating import CampaignContext
from newsletter.templating.limits import CHARACTERS
from newsletter.templating.problems import LimitReached

_HTML = SlotEnvironment(html=True)
_TEXT = SlotEnvironment(html=False)


class Line:
    """A line of text that may be personal: rendered once when it is not."""

    def __init__(self, source: str) -> None:
        self._root = _TEXT.from_string(source).root_render_func
        # None when it differs from person to person.
        self.fixed = self.text({}) if "{" not in source else None

    def text(self, values: dict[str, Any]) -> str:
        """Return the text for one person."""
        return "".join(self._root(CampaignContext(_TEXT, values)))


class Bodies:
    """Both parts of a mail, for one way of tracking."""

    def __init__(self, edition: Edition, *, tracked: bool) -> None:
        self.addresses = slots(edition.link_urls, tracked=tracked, escape=str)
        self.text = Body(_TEXT, edition.text, self.addresses)
        in_html = slots(edition.link_urls, tracked=tracked, escape=lambda url: str(escape(url)))
        self.html = Body(_HTML, edition.html, in_html)
        # What has to be in the context besides the subscriber.
        self.needs = self.text.names | self.html.names


class Body:
    """One part: a compiled template, and its static chunks encoded."""

    def __init__(self, environment: SlotEnvironment, source: str, filled: dict[str, Slot]) -> None:
        tree = environment.parse(source)
        self.names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        self.names -= {"subscriber", "organisation"}
        self._environment = environment
        self._root = environment.from_string(tree).root_render_func
        self._slots = filled
        # Short strings of the code that are not chunks get in too, which does no harm: wherever a
        # text comes from, it is encoded in one way.
        self._ready = {chunk: self._prepare(chunk) for chunk in _strings(self._root.__code__)}

    def write(self, values: dict[str, Any], tokens: list[str], out: list[str]) -> None:
        """Append the encoded part. `tokens` each end with a soft line break."""
        ready, printed = self._ready, 0
        for chunk in self._root(CampaignContext(self._environment, values)):
            known = ready.get(chunk)
            if known is None:
                printed += len(chunk)
                if printed > CHARACTERS:
                    raise LimitReached(f"The mail is longer than {CHARACTERS:,} characters.")
                out.append(mime.encode(str(chunk)))
            elif known.__class__ is str:
                out.append(known)
            else:
                pieces, pick = known
                row = pieces.copy()
                row[1::2] = pick(tokens)
                out += row

    def _prepare(self, chunk: str) -> Any:
        """Encode a static chunk: a string, or pieces with a place for a token between each two."""
        pieces: list[str] = []
        order: list[int] = []
        gathered = ""
        for number, bit in enumerate(chunk.split(MARK)):
            if number % 2 == 0:
                gathered += bit
                continue
            before, token, after = self._slots[bit]
            gathered += before
            if token is None:
                gathered += after
            else:
                pieces += [mime.encode(gathered), ""]
                order.append(token)
                gathered = after
        pieces.append(mime.encode(gathered))
        if not order:
            return pieces[0]
        # itemgetter gives a bare item for one place, a tuple for several.
        pick = itemgetter(*order) if len(order) > 1 else itemgetter(slice(order[0], order[0] + 1))
        return pieces, pick


def _strings(code: CodeType) -> Iterator[str]:
    """Yield the strings in compiled code, those of its inner functions included."""
    waiting: list[Any] = [code]
    while waiting:
        constant = waiting.pop()
        if isinstance(constant, CodeType):
            waiting += constant.co_consts
        elif isinstance(constant, tuple):
            waiting += constant
        elif isinstance(constant, str):
            yield constant
