"""The filters and tests that campaigns may use. None can make much out of little."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote, urlsplit

from jinja2 import pass_context
from jinja2.filters import FILTERS
from jinja2.runtime import Undefined, markup_join, str_join
from jinja2.tests import TESTS

from newsletter.templating.limits import CHARACTERS, Turns, weigh
from newsletter.templating.problems import LimitReached

_PLAIN_FILTERS = [
    *["abs", "capitalize", "count", "dictsort", "e", "escape", "first", "float", "int", "items"],
    *["last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse"],
    *["select", "selectattr", "sort", "string", "striptags", "sum", "title", "trim", "truncate"],
    *["unique", "upper", "urlencode", "wordcount"],
]
_PLAIN_TESTS = [
    *["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true"],
    *["false", "mapping", "iterable", "sequence", "even", "odd", "divisibleby", "in", "lower"],
    *["upper", "eq", "equalto", "==", "ne", "!=", "lt", "lessthan", "<", "le", "<=", "gt"],
    *["greaterthan", ">", "ge", ">="],
]
_BATCH = 100  # columns
_PRECISION = 10  # digits
_SCHEMES = ("http", "https", "mailto", "tel")


def finalize(value: Any) -> Any:
    """Let through what can be printed: text and numbers. None prints as nothing.

    Every line end becomes LF, so that a reader's value can't end a line in any other way.
    """
    if isinstance(value, str):
        return _plain_lines(value) if "\r" in value or "\0" in value else value
    if value is None:
        return ""
    if isinstance(value, int | float):
        return value
    if type(value) is Undefined:  # {{ "…" if … }} without an else
        return ""
    if isinstance(value, Undefined):
        return str(value)
    raise LimitReached(
        "This is a list or a group of values, which can't be printed as it is. "
        "Print one of its values, loop over it, or write {{ … | join(', ') }}."
    )


def _plain_lines(value: str) -> str:
    return value.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def default(value: Any, fallback: Any = "", boolean: bool = False) -> Any:
    """Return `fallback` for a value that is missing, null or empty.

    Unlike Jinja2's own, an empty text counts: "Dear ," is what nobody wants. `boolean` is kept
    for people who know it: it makes 0 and false count too.
    """
    if isinstance(value, Undefined) or value is None or value == "" or (boolean and not value):
        return fallback
    return value


@pass_context
def join(context: Any, value: Iterable[Any], by: str = "", attribute: Any = None) -> str:
    """Join printable values with `by` between them."""
    items: Iterable[Any] = value
    if attribute is not None:
        items = (context.environment.getitem(item, attribute) for item in value)
    parts: list[Any] = []
    for item in islice(items, CHARACTERS):
        part = finalize(item)
        context.budget.produce(len(str(part)) + len(by))
        parts += [by, part] if parts else [part]
    return joined_text(context, parts, paid=True)


@pass_context
def joined_text(context: Any, items: Iterable[Any], paid: bool = False) -> str:
    """Do the work of `~`: put values one after the other."""
    parts = [finalize(item) for item in items]
    if not paid:
        context.budget.produce(sum(len(str(part)) for part in parts))
    return markup_join(parts) if context.environment.autoescape else str_join(parts)


@pass_context
def replace(context: Any, s: str, old: str, new: str, count: int | None = None) -> str:
    """Replace `old` with `new`, as long as the result is not gigantic."""
    context.budget.produce(len(s) + str(s).count(str(old)) * len(str(new)))
    result: str = FILTERS["replace"](context.eval_ctx, s, old, new, count)
    return result


def round_number(value: float, precision: int = 0, method: str = "common") -> float:
    """Round to at most 10 digits."""
    if abs(precision) > _PRECISION:
        raise LimitReached(f"“round” takes at most {_PRECISION} digits.")
    result: float = FILTERS["round"](value, precision, method)
    return result


def batch(value: Iterable[Any], size: int, fill_with: Any = None) -> Iterator[list[Any]]:
    """Group values into rows of `size`."""
    if not 1 <= size <= _BATCH:
        raise LimitReached(f"“batch” makes rows of 1 to {_BATCH}.")
    rows: Iterator[list[Any]] = FILTERS["batch"](value, size, fill_with)
    return rows


def url_part(value: Any) -> str:
    """Escape a value for a place inside an address, after its beginning."""
    return quote(str(finalize(value)).strip(), safe="")


def web_address(value: Any) -> str:
    """Return an address that begins with a value, or "#" when a reader must not be led there.

    A reader's own data decides here, so scripts and data addresses are not let through.
    """
    text = "".join(str(finalize(value)).split())
    try:
        scheme = urlsplit(text).scheme
    except ValueError:
        return "#"
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~") if scheme in _SCHEMES else "#"


@pass_context
def turns(context: Any, items: Any, weight: int) -> Turns:
    """Count a loop's turns."""
    return Turns(items, context.budget, weight)


def weighed(value: Any) -> Any:
    """Refuse a list that holds too much."""
    weigh(value)
    return value


def plain(value: Any) -> Any:
    """Escape nothing: the `escape` of texts that are not HTML."""
    return value


FILTERS_ALLOWED: dict[str, Callable[..., Any]] = {
    **{name: FILTERS[name] for name in _PLAIN_FILTERS},
    "default": default,
    "d": default,
    "join": join,
    "replace": replace,
    "round": round_number,
    "batch": batch,
    "url_part": url_part,
    "web_address": web_address,
}
# What the compiler puts in. A name with a blank can't be written in a template.
FILTERS_INTERNAL: dict[str, Callable[..., Any]] = {
    "joined text": joined_text,
    "turns of": turns,
    "weighed value": weighed,
}
TESTS_ALLOWED: dict[str, Any] = {name: TESTS[name] for name in _PLAIN_TESTS}
