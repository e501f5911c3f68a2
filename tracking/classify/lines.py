"""Reads hits from text, one JSON object a line, liberally. Pure.

    {"id": 1, "at": "2026-07-01T12:00:43Z", "kind": "click", "method": "GET", "campaign": 7,
     "subscriber": 42, "link": 3, "sent_at": "2026-07-01T12:00:00Z", "ip": "203.0.113.9",
     "user_agent": "Mozilla/5.0 (...)", "headers": {"Accept-Language": "en"}}

Only `id` and `kind` are needed. docs/verdicts.md says what else may stand there.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from math import isfinite
from typing import Any

from tracking import facts
from tracking.classify.verdicts import CANARY, CLICK, OPEN, QUOTE, SHARE, Evidence

_HIDDEN = ("canary", "honeypot", "hidden", "trap")
_KINDS = {
    **dict.fromkeys(("open", "opened", "opens", "pixel", "image", "view", "1"), OPEN),
    **dict.fromkeys(("click", "clicked", "clicks", "link", "2"), CLICK),
    **dict.fromkeys((*_HIDDEN, "3"), CANARY),
    **dict.fromkeys(("share", "shared", "4"), SHARE),
    **dict.fromkeys(("quote", "quoted", "5"), QUOTE),
}
_LAST_WORD = re.compile(r"[^a-z0-9]+")
_MILLISECONDS = 1e11  # numbers from here on are no seconds: the year would be 5138
_NO_HEADERS = "unknown"  # a mark: what headers there were is not known


class BadLine(ValueError):
    """A line can't be read; the message names the field."""


def read_line(text: str | bytes, number: int) -> tuple[Any, Evidence]:
    """Return the id of a hit, and what is known of it; its evidence bears the line's number.

    A time that is not given is NaN. Raises BadLine.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"not JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadLine("not a JSON object")
    if found.get("id") is None:
        raise BadLine("id: missing")
    return found["id"], _evidence(found, number)


def _evidence(found: dict[str, Any], number: int) -> Evidence:
    at, sent_at = _time(found, "at"), _time(found, "sent_at")
    kind = _kind(found.get("kind"))
    if kind == CLICK and _is_hidden(found):
        kind = CANARY
    marks, agent = _request(found)
    return Evidence(
        id=number,
        at=at if at is not None else float("nan"),
        kind=kind,
        campaign=_number(found, "campaign"),
        subscriber=_number(found, "subscriber"),
        forward=_number(found, "forward"),
        link=0 if kind == CANARY else _link(found),
        since_sent=None if at is None or sent_at is None else at - sent_at,
        network=facts.network(_address(found.get("ip"))),
        user_agent=agent,
        marks=marks,
    )


def _is_hidden(found: dict[str, Any]) -> bool:
    """Return whether it is said in another way that the link is the hidden one."""
    link = str(found.get("link")).strip().lower()
    return link in _HIDDEN or any(found.get(name) is True for name in _HIDDEN)


def _kind(value: Any) -> int:
    text = str(value).strip().lower().removesuffix(".0")
    # Also email.opened, link_click and the like.
    kind = _KINDS.get(text) or _KINDS.get(_LAST_WORD.split(text)[-1])
    if kind is None:
        raise BadLine(f"kind: {value!r} is none of open, click, canary, share, quote")
    return kind


def _time(found: dict[str, Any], field: str) -> float | None:
    value = found.get(field)
    if value is None or value == "":
        return None
    try:
        if isinstance(value, str) and not _is_number(value):
            parsed = datetime.fromisoformat(value.strip().upper().removesuffix(" UTC"))
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise BadLine(f"{field}: {value!r} is no time, such as 2026-07-01T12:00:00Z") from None
    if not isfinite(seconds):
        raise BadLine(f"{field}: {value!r} is no time")
    while abs(seconds) >= _MILLISECONDS:  # milliseconds, microseconds or nanoseconds
        seconds /= 1000
    return seconds


def _is_number(text: str) -> bool:
    digits = text.strip().lstrip("+-")
    # Eight digits without a point are a date.
    return digits.replace(".", "", 1).isdigit() and not (len(digits) == 8 and digits.isdigit())


def _number(found: dict[str, Any], field: str) -> int:
    """Return an id as a number; of another text a number that stands for it."""
    value = found.get(field)
    if value is None or isinstance(value, bool):
        return 0
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if not isinstance(value, str):
        raise BadLine(f"{field}: {value!r} is neither a number nor a text")
    return _named(value.strip())


def _link(found: dict[str, Any]) -> int:
    """Return a link's number; not 0, which is none, where links are counted from 0."""
    value = found.get("link")
    is_first = not isinstance(value, bool) and value in (0, "0")
    return _named("link 0") if is_first else _number(found, "link")


@lru_cache(maxsize=16_384)
def _named(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    return (
        int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=7).digest())
        if text
        else 0
    )


def _address(value: Any) -> str:
    """Return an address without a port or brackets around it."""
    text = str(value or "").strip()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text.partition("/")[0]


class _Headers:
    """Headers as tracking/facts.py reads them; an empty value: not known."""

    def __init__(self, lines: tuple[tuple[str, str], ...]) -> None:
        self._values = dict(reversed(lines))

    def get(self, name: str, default: str = "") -> str:
        return self._values.get(name, default)

    def keys(self) -> list[str]:
        return list(self._values)

    def items(self) -> list[tuple[str, str]]:
        return list(self._values.items())


def _headers(value: Any) -> tuple[tuple[str, str], ...] | None:
    """Read headers: an object, a list of pairs, or a list of names. None when not given."""
    if value is None:
        return None
    if isinstance(value, dict):
        return tuple([_header(name, text) for name, text in value.items() if text is not None])
    if not isinstance(value, list):
        raise BadLine("headers: neither an object nor a list")
    return tuple([_listed(entry) for entry in value])


def _listed(entry: Any) -> tuple[str, str]:
    if isinstance(entry, str):
        name, _, text = entry.partition(":")
        return _header(name, text)
    if isinstance(entry, list) and len(entry) == 2:
        return _header(entry[0], entry[1])
    raise BadLine(f"headers: {entry!r} is neither a name nor a pair")


def _header(name: Any, value: Any) -> tuple[str, str]:
    if isinstance(value, str):
        return str(name), value
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return str(name), "" if value is True else str(value)


# Programs send the same headers each time, so that most lines are looked up here.
@lru_cache(maxsize=4_096)
def _read_headers(
    lines: tuple[tuple[str, str], ...] | None, version: str, method: str
) -> tuple[Mapping[str, Any], str]:
    """Return marks as tracking/facts.py makes them, and the agent that stands in the headers."""
    tidy = [(name.strip().lower(), value.strip()) for name, value in lines or ()]
    headers = _Headers(tuple(tidy))
    marks: dict[str, Any] = json.loads(facts.marks(headers, version, method))
    if lines is None:
        marks[_NO_HEADERS] = True
    return marks, headers.get("user-agent")


def _request(found: dict[str, Any]) -> tuple[Mapping[str, Any], str]:
    """Return the marks and the agent of a hit."""
    method = str(found.get("method") or "GET").strip().upper()
    version = str(found.get("http_version") or found.get("protocol") or "").upper()
    old = "1" if version.removeprefix("HTTP/") in ("1", "1.0") else "1.1"
    marks, agent = _read_headers(_headers(found.get("headers")), old, method)
    return marks, str(found.get("user_agent") or agent)[: facts.LONGEST_AGENT]
