"""Rows of text to people, and the reason when a row can't be one. Pure but for the keyed hash.

A million rows come through here, so the usual row (a plain ASCII address) takes a few string
operations, and a person is a tuple; whatever is unusual goes through the rules of
subscribers/addresses.py. Both give the same answer for every ASCII address, which a test with
random text holds them to.
"""

import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Sequence
from functools import cache
from json.encoder import encode_basestring_ascii as quoted

from subscribers import addresses, suppression
from subscribers.importing.columns import Columns
from subscribers.importing.reading import CUT, TORN, Row
from subscribers.models import TrackingChoice

LONGEST_NAME = 200  # characters
LONGEST_CELL = 10_000  # characters
LONGEST_LANGUAGE = 35  # characters

# The row, the keyed hash of the address in hexadecimal digits, and what `FIELDS` holds as one text
# that COPY reads. No cell can hold SEPARATOR: a name loses control characters, JSON escapes them.
Person = tuple[Row, str, str]
FIELDS = "email, email_key, email_hash, name, attributes, language, timezone, tracking"
SEPARATOR = "\x1f"

_JOINERS = "\u200c\u200d"  # invisible, and part of Persian and Indian names
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_TOP = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])"
_plain_address = re.compile(
    rf"(?=[^@]{{1,64}}@)(?![^@]*=\?){_ATEXT}(?:\.{_ATEXT})*@(?:{_LABEL}\.)+{_TOP}"
).fullmatch
_language = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3}").fullmatch


class Refused(Exception):
    """The row is no person. The message says why, to who made the file."""


Check = Callable[[Row], tuple[str, Person]]


def checker(columns: Columns) -> Check:
    """Return a function that makes a row to a person with their key, or raises Refused."""
    email_at, width = columns.email, len(columns.header)
    keys = [(number, quoted(key) + ":") for number, key in columns.attributes]
    email_hash = suppression.hasher()
    header = [cell.strip().casefold() for cell in columns.header]
    name_at = columns.name
    name_parts = [number for number in (columns.first, columns.last) if number >= 0]
    details_of = _details(columns)

    def check(row: Row) -> tuple[str, Person]:
        _, cells, mark = row
        if mark or len(cells) != width:
            cells = _second_look(cells, mark, width)
        email = cells[email_at].strip()
        if _plain_address(email) and len(email) <= addresses.LONGEST:
            key = email.lower()
        else:
            email, key = _parse(email, cells, header)
        if name_at >= 0:
            name = cells[name_at].strip()
        else:
            name = " ".join([text for part in name_parts if (text := cells[part].strip())])
        if not name.isprintable() or len(name) > LONGEST_NAME:
            name = _one_line(name)
        extra, details = details_of(cells) if details_of else ("", "\x1f\x1f\x1f")
        attributes = ",".join(
            [name + quoted(text) for number, name in keys if (text := cells[number].strip())]
        )
        if extra and attributes:
            extra = "," + extra
        digest = email_hash(key)
        fields = f"{email}\x1f{key}\x1f\\x{digest}\x1f{name}\x1f{{{attributes}{extra}}}{details}\n"
        return key, (row, digest, fields)

    return check


def merge(first: Person, second: Person, columns: Columns) -> Row:
    """Return the row that says what two rows of one address say; of two values, the second."""
    (line, before, _), (_, after, _) = first[0], second[0]
    width = len(columns.header)
    pairs = zip(_padded(before, width), _padded(after, width), strict=True)
    cells = [new if new.strip() else old for old, new in pairs]
    cells[columns.email] = _padded(before, width)[columns.email]
    return line, cells, 0


def tracking_of(person: Person) -> str:
    """Return a person's choice about tracking, as the file has it."""
    return person[2].rpartition(SEPARATOR)[2].rstrip("\n")


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells[:width], *[""] * (width - len(cells))]


def _second_look(cells: list[str], mark: int, width: int) -> list[str]:
    """Look at a row that is long, holds a NUL byte or has not as many cells as the header."""
    if mark == CUT:
        raise Refused("is longer than 130,000 characters")
    if mark == TORN:
        raise Refused("a quotation mark is opened and never closed")
    # Empty cells beyond the last column are a spreadsheet's habit.
    if any(cell.strip() for cell in cells[width:]):
        raise Refused(
            f"has {len(cells)} cells, but the file has {width} columns "
            "(a cell with the delimiter in it needs quotation marks)"
        )
    for cell in cells:
        if len(cell) > LONGEST_CELL:
            raise Refused(f"a cell is longer than {LONGEST_CELL:,} characters")
        if "\0" in cell:
            raise Refused("holds a NUL byte")
    return _padded(cells, width)


def _parse(email: str, cells: list[str], header: list[str]) -> tuple[str, str]:
    try:
        address = addresses.parse(email)
    except addresses.BadAddress as error:
        if [cell.strip().casefold() for cell in cells] == header:
            raise Refused("is the header once more") from None
        raise Refused(str(error)) from None
    return address.email, address.key


def _one_line(name: str) -> str:
    """Return a name without line ends and other control characters."""
    name = "".join(
        " " if unicodedata.category(character)[0] in "CZ" and character not in _JOINERS
        else character
        for character in name
    )  # fmt: skip
    name = " ".join(name.split())
    if len(name) > LONGEST_NAME:
        raise Refused(f"the name is longer than {LONGEST_NAME} characters")
    return name


def _details(columns: Columns) -> Callable[[list[str]], tuple[str, str]] | None:
    """Return what reads language, time zone and tracking; None when the file has none of them.

    A value that we don't know is kept as an attribute: nobody is refused for it.
    """
    readers = [
        (columns.language, _known_language),
        (columns.timezone, lambda text: text if text in _timezones() else ""),
        (columns.tracking, lambda text: text.lower() if text.lower() in TrackingChoice else ""),
    ]
    if all(number < 0 for number, _ in readers):
        return None

    def details_of(cells: list[str]) -> tuple[str, str]:
        known, strange = "", []
        for number, read in readers:
            text = cells[number].strip() if number >= 0 else ""
            value = read(text)
            known += SEPARATOR + value
            if text and not value:
                strange.append(f"{quoted(columns.header[number])}:{quoted(text)}")
        return ",".join(strange), known

    return details_of


def _known_language(text: str) -> str:
    is_known = len(text) <= LONGEST_LANGUAGE and _language(text)
    return text.replace("_", "-") if is_known else ""


@cache
def _timezones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())
