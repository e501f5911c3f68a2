"""What most expressions of a mail are: a value of the reader's, perhaps through a filter or two.

Such an expression needs no running template. It becomes a plain function from a person to a value,
made of the very filters and look-ups that Jinja2 would call, so that it prints the same (tests
compare the two). Whatever is more than that is left to Jinja2.
"""

import re
from collections.abc import Callable, Hashable
from operator import itemgetter
from typing import Any, NamedTuple

from jinja2 import nodes
from markupsafe import escape

from newsletter.composing import mime
from newsletter.composing.people import Person
from newsletter.templating import CampaignEnvironment
from newsletter.templating.filters import finalize

Reader = Callable[[Person], Any]

_OF_A_PERSON: dict[str, Reader] = {
    **{
        name: itemgetter(Person._fields.index(column))
        for name, column in {
            "id": "subscriber_id",
            "name": "name",
            "email": "email",
            "language": "language",
        }.items()
    },
    "attributes": lambda person: person.attributes,
    "first_name": lambda person: person.first_name,
}


# What is the same in text, in HTML and in quoted-printable.
_PLAIN = re.compile(r"(?!\.|From )[ !#-%(-;?-~]{1,73}")
_NOBODY = Person(0, "")


class _Found(NamedTuple):
    key: Hashable
    read: Reader
    is_personal: bool


class Field(NamedTuple):
    """An expression as a function. Two with the same key give the same value."""

    key: Hashable
    read: Reader
    fixed: Any = None  # what is printed, where it is the same for everybody


class Fields:
    """Turns the expressions of one edition into fields."""

    def __init__(self, environment: CampaignEnvironment, organisation: dict[str, str]) -> None:
        self._environment = environment
        self._organisation = organisation

    def of(self, node: nodes.Node) -> Field | None:
        """Return the field that prints what `node` prints; None: only Jinja2 can do that."""
        found = self._find(node)
        if found is None or found.is_personal:
            return Field(found.key, found.read) if found else None
        try:
            fixed = finalize(found.read(_NOBODY))
            return Field(found.key, found.read, fixed if isinstance(fixed, str) else str(fixed))
        except Exception:  # noqa: BLE001  (a mistake is told when a mail is made, by Jinja2)
            return None

    def _find(self, node: nodes.Node | None) -> _Found | None:
        if isinstance(node, nodes.Const):
            constant = node.value
            return _Found(("constant", repr(constant)), lambda _: constant, False)
        if isinstance(node, nodes.Name) and node.name == "organisation":
            return _Found("organisation", lambda _: self._organisation, False)
        if isinstance(node, nodes.Getattr):
            return self._look_up(node.node, "attribute", node.attr)
        if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
            return self._look_up(node.node, "item", node.arg.value)
        if isinstance(node, nodes.Or):
            return self._either(node)
        return self._filtered(node) if isinstance(node, nodes.Filter) else None

    def _look_up(self, group: nodes.Expr, how: str, name: Any) -> _Found | None:
        if isinstance(group, nodes.Name) and group.name == "subscriber" and name in _OF_A_PERSON:
            return _Found(("subscriber", name), _OF_A_PERSON[name], True)
        inner = self._find(group)
        if inner is None:
            return None
        read = inner.read
        get = self._environment.getattr if how == "attribute" else self._environment.getitem
        key = (how, repr(name), inner.key)
        return _Found(key, lambda person: get(read(person), name), inner.is_personal)

    def _either(self, node: nodes.Or) -> _Found | None:
        left, right = self._find(node.left), self._find(node.right)
        if left is None or right is None:
            return None
        one, other = left.read, right.read
        return _Found(
            ("or", left.key, right.key),
            lambda person: one(person) or other(person),
            left.is_personal or right.is_personal,
        )

    def _filtered(self, node: nodes.Filter) -> _Found | None:
        inner = self._find(node.node)
        work = self._environment.filters[node.name]
        given = [*node.args, *(option.value for option in node.kwargs)]
        if inner is None or node.dyn_args or node.dyn_kwargs or hasattr(work, "jinja_pass_arg"):
            return None
        if not all(isinstance(value, nodes.Const) for value in given):
            return None
        values = [value.as_const() for value in node.args]
        options = {str(option.key): option.value.as_const() for option in node.kwargs}
        read = inner.read
        key = (work, repr(values), repr(options), inner.key)
        return _Found(key, lambda person: work(read(person), *values, **options), inner.is_personal)


def printed(value: Any) -> tuple[bytes, bytes]:
    """Return what Jinja2 prints for a value in a text and in HTML, both encoded."""
    if value.__class__ is str and _PLAIN.fullmatch(value):
        encoded = value.encode() + mime.SOFT_BREAK
        return encoded, encoded
    value = finalize(value)
    text, in_html = str(value), str(escape(value))
    encoded = mime.encode(text)
    return encoded, encoded if in_html == text else mime.encode(in_html)
