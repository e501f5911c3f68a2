"""Rows of text to people, and the reason when a row can't be one. Pure but for the keyed hash.

A million rows come through here, so the usual row (a plain ASCII address) takes a few string
operations; whatever is unusual goes through the rules of subscribers/addresses.py. Both give the
same answer for every ASCII address, which a test with random text holds them to.
"""

import json
import re
import unicodedata
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring_ascii as quoted

from subscribers import addresses, suppression
from subscribers.importing.columns import Columns
from subscribers.importing.reading import Row
from subscribers.models import TrackingChoice

LONGEST_NAME = 200  # characters
LONGEST_CELL = 10_000  # characters

_JOINERS = "\u200c\u200d"  # invisible, and part of Persian and Indian names

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_TOP = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])"
_plain_address = re.compile(
    rf"(?=[^@]{{1,64}}@){_ATEXT}(?:\.{_ATEXT})*@(?:{_LABEL}\.)+{_TOP}"
).fullmatch
_language = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}").fullmatch


class Refused(Exception):
    """The row is no person. The message says why, to who made the file."""


@dataclass(slots=True)
class Person:
    """One person of a file. `attributes` is JSON text; `row` is kept for the file of refusals."""

    email: str
    email_hash: str
    name: str
    attributes: str
    language: str
    timezone: str
    tracking: str
    row: Row


Check = Callable[[Row], tuple[str, Person]]


def checker(columns: Columns) -> Check:
    """Return a function that makes a row to a person with their key, or raises Refused."""
    email_at, width = columns.email, columns.width
    keys = [(number, quoted(key) + ":") for number, key in columns.attributes]
    email_hash = suppression.hasher()
    header = [cell.strip().casefold() for cell in columns.header]
    name_of = _namer(columns)
    has_details = max(columns.language, columns.timezone, columns.tracking) >= 0

    def check(row: Row) -> tuple[str, Person]:
        cells = row.cells
        if len(cells) != width:
            cells = _fit(cells, width)
        if row.unusual:
            _refuse_unusual(row)
        email = cells[email_at].strip()
        if _plain_address(email) and len(email) <= addresses.LONGEST:
            key = email.lower()
        else:
            email, key = _parse(cells, email_at, header)
        values = [name + quoted(cell.strip()) for number, name in keys if (cell := cells[number])]
        person = Person(
            email, email_hash(key), name_of(cells), f"{{{','.join(values)}}}", "", "", "", row
        )
        if has_details:
            _add_details(person, cells, columns)
        return key, person

    return check


def merge(first: Person, second: Person) -> bool:
    """Add to a person what a later row of the same address says. Returns whether it changed."""
    before = (first.name, first.attributes, first.language, first.timezone, first.tracking)
    first.name = second.name or first.name
    first.language = second.language or first.language
    first.timezone = second.timezone or first.timezone
    first.tracking = second.tracking or first.tracking
    if second.attributes != first.attributes:
        attributes = {**json.loads(first.attributes), **json.loads(second.attributes)}
        first.attributes = json.dumps(attributes, separators=(",", ":"))
    after = (first.name, first.attributes, first.language, first.timezone, first.tracking)
    return after != before


def _fit(cells: list[str], width: int) -> list[str]:
    """Fill up a short row; empty cells beyond the last column are a spreadsheet's habit."""
    if any(cell.strip() for cell in cells[width:]):
        raise Refused(
            f"has {len(cells)} cells, but the file has {width} columns "
            "(a cell with the delimiter in it needs quotation marks)"
        )
    return cells[:width] + [""] * (width - len(cells))


def _refuse_unusual(row: Row) -> None:
    if row.cut:
        raise Refused("is longer than 130,000 characters, or a quotation mark is not closed")
    for cell in row.cells:
        if len(cell) > LONGEST_CELL:
            raise Refused(f"a cell is longer than {LONGEST_CELL:,} characters")
        if "\0" in cell:
            raise Refused("holds a NUL byte")


def _parse(cells: list[str], email_at: int, header: list[str]) -> tuple[str, str]:
    try:
        address = addresses.parse(cells[email_at])
    except addresses.BadAddress as error:
        if [cell.strip().casefold() for cell in cells] == header:
            raise Refused("is the header once more") from None
        raise Refused(str(error)) from None
    return address.email, address.key


def _namer(columns: Columns) -> Callable[[list[str]], str]:
    """Return what makes the name out of the cells."""
    parts = [columns.name] if columns.name >= 0 else []
    parts = parts or [number for number in (columns.first, columns.last) if number >= 0]

    def name_of(cells: list[str]) -> str:
        if not parts:
            return ""
        name = " ".join([cell for part in parts if (cell := cells[part].strip())])
        if not name.isprintable():
            name = "".join(
                " "
                if unicodedata.category(character)[0] in "CZ" and character not in _JOINERS
                else character
                for character in name
            )
            name = " ".join(name.split())
        if len(name) > LONGEST_NAME:
            raise Refused(f"the name is longer than {LONGEST_NAME} characters")
        return name

    return name_of


def _add_details(person: Person, cells: list[str], columns: Columns) -> None:
    """Take what is a known language, time zone or choice; keep anything else as an attribute."""
    found = {
        "language": _known_language(_cell(cells, columns.language)),
        "timezone": _known(_cell(cells, columns.timezone), _timezones()),
        "tracking": _known(_cell(cells, columns.tracking).lower(), frozenset(TrackingChoice)),
    }
    person.language, person.timezone = found["language"], found["timezone"]
    person.tracking = found["tracking"]
    strange = {
        columns.header[number]: cells[number].strip()
        for number in (columns.language, columns.timezone, columns.tracking)
        if number >= 0 and cells[number].strip()
    }
    for field, value in found.items():
        if value:
            strange.pop(columns.header[getattr(columns, field)], None)
    if strange:
        person.attributes = json.dumps({**json.loads(person.attributes), **strange})


def _cell(cells: list[str], number: int) -> str:
    return cells[number].strip() if number >= 0 else ""


def _known_language(text: str) -> str:
    return text.replace("_", "-") if len(text) <= 35 and _language(text) else ""


def _known(text: str, values: frozenset[str]) -> str:
    return text if text in values else ""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
