"""Stretches of a template that Jinja2 has to run, their static chunks encoded beforehand."""

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from types import CodeType
from typing import Any, NamedTuple

from jinja2 import nodes

from newsletter.composing import mime
from newsletter.composing.slots import MARK, Slot, SlotEnvironment
from newsletter.templating import CampaignContext
from newsletter.templating.limits import CHARACTERS
from newsletter.templating.problems import LimitReached


class Place(NamedTuple):
    """Where a token stands: its number in the list of a reader's tokens."""

    token: int


class Running:
    """One mail's run of Jinja2: the values and the budgets that its segments share."""

    __slots__ = ("_contexts", "_values", "left", "tokens")

    def __init__(self, values: dict[str, Any], tokens: list[bytes]) -> None:
        self.tokens = tokens
        self.left = CHARACTERS  # to be printed
        self._values = values
        self._contexts: dict[SlotEnvironment, CampaignContext] = {}

    def context(self, environment: SlotEnvironment) -> CampaignContext:
        """Return the context of one kind of text."""
        known = self._contexts.get(environment)
        if known is None:
            known = self._contexts[environment] = CampaignContext(environment, self._values)
        return known


class Segment:
    """One stretch. Jinja2 makes it a generator of chunks.

    Those that stand in the source are found in a table; what an expression printed is encoded as it
    comes.
    """

    def __init__(
        self, environment: SlotEnvironment, body: list[nodes.Node], filled: dict[str, Slot]
    ) -> None:
        tree = nodes.Template(body, lineno=1)
        tree.set_environment(environment)
        # What has to be among the values besides these two.
        self.names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        self.names -= {"subscriber", "organisation"}
        self._environment = environment
        self._root = environment.from_string(tree).root_render_func
        # Short strings of the code that are not chunks get in too, which does no harm: wherever a
        # text comes from, it is encoded in one way.
        self._ready = {chunk: _prepare(chunk, filled) for chunk in _strings(self._root.__code__)}

    def render(self, running: Running) -> bytes:
        """Return the stretch, encoded."""
        ready = self._ready
        out: list[bytes] = []
        for chunk in self._root(running.context(self._environment)):
            known = ready.get(chunk)
            if known is None:
                running.left -= len(chunk)
                if running.left < 0:
                    raise too_long()
                out.append(mime.encode(str(chunk)))
            elif known.__class__ is bytes:
                out.append(known)
            else:
                pieces, pick = known
                row = pieces.copy()
                row[1::2] = pick(running.tokens)
                out += row
        return b"".join(out)


def too_long() -> LimitReached:
    """Return the error of a mail whose printed values are gigantic."""
    return LimitReached(f"The mail is longer than {CHARACTERS:,} characters.")


def fill(text: str, filled: dict[str, Slot]) -> Iterator[bytes | Place]:
    """Encode a static text: bytes, with a place for a token between each two."""
    gathered, begin = "", b""
    for number, bit in enumerate(text.split(MARK)):
        if number % 2 == 0:
            gathered += bit
            continue
        before, token, after = filled[bit]
        gathered += before
        if token is None:
            gathered += after
            continue
        yield begin + mime.encode(gathered)
        yield Place(token)
        # The token ends its line, as every piece does.
        gathered, begin = after, mime.SOFT_BREAK
    yield begin + mime.encode(gathered)


def picker(order: list[int]) -> Callable[[Sequence[bytes]], Sequence[bytes]]:
    """Return a function that picks from a list, in one go."""
    # itemgetter gives a bare item for one place, a tuple for several.
    return itemgetter(*order) if len(order) > 1 else itemgetter(slice(order[0], order[0] + 1))


def _prepare(chunk: str, filled: dict[str, Slot]) -> Any:
    items = list(fill(chunk, filled))
    order = [item.token for item in items if isinstance(item, Place)]
    return ([*items], picker(order)) if order else items[0]


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
