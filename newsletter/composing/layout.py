"""A mail as one row of pieces: what everybody gets, and between each two what is a reader's own."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from newsletter.composing.bodies import Value
from newsletter.composing.fields import Reader, printed
from newsletter.composing.people import Person
from newsletter.composing.segments import Place, Running, Segment, picker, too_long
from newsletter.templating.limits import CHARACTERS, TAGS

HEADS = TO, SUBJECT, DATE = range(3)
_HARMLESS = CHARACTERS // TAGS  # bytes that can stand in all tags of a mail at once


class Head(NamedTuple):
    """Where a header line stands that is made for each mail."""

    number: int


class Layout:
    """The pieces of an edition's mails, for one way of tracking.

    A mail is then a copy of the row with its gaps filled, and one join: nothing that everybody gets
    is looked at again.
    """

    def __init__(
        self, items: Sequence[bytes | Head | Place | Value | Segment], tokens: int
    ) -> None:
        self._readers: list[Reader] = []
        self._segments = [item for item in items if isinstance(item, Segment)]
        self._known: dict[Hashable, int] = {}
        first_field = len(HEADS) + tokens
        for item in items:
            if isinstance(item, Value) and item.field.key not in self._known:
                self._known[item.field.key] = first_field + 2 * len(self._readers)
                self._readers.append(item.field.read)
        self._first_segment = first_field + 2 * len(self._readers)
        self._row, order = [b""], []
        for item in items:
            if isinstance(item, bytes):
                self._row[-1] += item
            else:
                order.append(self._place(item))
                self._row += [b"", b""]
        self._pick = picker(order)

    def render(
        self,
        person: Person,
        heads: Sequence[bytes],
        tokens: list[bytes],
        run: Callable[[list[bytes]], Running],
    ) -> bytes:
        """Return one person's mail. `run` begins a run of Jinja2, for mails that need one."""
        values = [*heads, *tokens]
        size = 0
        for read in self._readers:
            pair = printed(read(person))
            size += len(pair[1])
            values += pair
        if self._segments:
            running = run(tokens)
            values += [segment.render(running) for segment in self._segments]
        picked = self._pick(values)
        if size > _HARMLESS and sum(map(len, picked)) > 4 * CHARACTERS:
            raise too_long()
        row = self._row.copy()
        row[1::2] = picked
        return b"".join(row)

    def _place(self, item: Head | Place | Value | Segment) -> int:
        if isinstance(item, Head):
            return item.number
        if isinstance(item, Place):
            return len(HEADS) + item.token
        if isinstance(item, Value):
            return self._known[item.field.key] + item.in_html
        return self._first_segment + self._segments.index(item)
