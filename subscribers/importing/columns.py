"""What the columns of a file hold, by the names in its header or by what stands in them. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from subscribers import addresses
from subscribers.importing.reading import BadFile

LONGEST_KEY = 100  # characters of the name of an attribute

# As programs that keep addresses call them, without case, blanks and punctuation.
NAMES = {
    "email": "email e-mail emailaddress e-mail-address mail mailaddress address adresse "
    "correo correoelectronico courriel emailadresse mailadresse subscriberemail",
    "name": "name fullname nom nombre displayname contactname subscribername",
    "first": "firstname first givenname forename prenom vorname fname nombrepila",
    "last": "lastname last surname familyname nachname lname apellido apellidos nomfamille",
    "language": "language lang locale langue sprache idioma preferredlanguage",
    "timezone": "timezone tz zoneinfo",
    "tracking": "tracking trackingconsent",
}
_FIELDS = {
    re.sub(r"\W", "", name): field for field, names in NAMES.items() for name in names.split()
}
# The first columns of a file of refused rows, which may come back after it was put right.
REFUSED_HEADER = ("line", "reason")


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column holds what. Numbers count from 0; -1 means that there is none."""

    header: tuple[str, ...]  # as it stands in the file; made up when there is none
    has_header: bool
    email: int
    name: int = -1
    first: int = -1
    last: int = -1
    language: int = -1
    timezone: int = -1
    tracking: int = -1
    attributes: tuple[tuple[int, str], ...] = ()  # column and key


def find(sample: Sequence[Sequence[str]]) -> Columns:
    """Name the columns of a file by its first rows. Raises BadFile when none holds addresses."""
    first = [cell.strip() for cell in sample[0]]
    if any(is_address(cell) for cell in first):
        return _without_header(sample)
    fields = [_FIELDS.get(re.sub(r"[\W_]", "", cell.casefold()), "") for cell in first]
    if tuple(cell.casefold() for cell in first[:2]) == REFUSED_HEADER:
        fields[:2] = ["ignored", "ignored"]
    if "email" not in fields:
        fields[_address_column(sample[1:])] = "email"
    return _assemble(tuple(first), fields, has_header=True)


def is_address(text: str) -> bool:
    """Say whether a text is an address."""
    try:
        return "@" in text and bool(addresses.parse(text))
    except addresses.BadAddress:
        return False


def _without_header(sample: Sequence[Sequence[str]]) -> Columns:
    width = max(map(len, sample))
    fields = [""] * width
    fields[_address_column(sample)] = "email"
    for number in range(width):
        if not fields[number] and all(_looks_like_name(row, number) for row in sample):
            fields[number] = "name"
            break
    header = tuple(f"column {number}" for number in range(1, width + 1))
    return _assemble(header, fields, has_header=False)


def _looks_like_name(row: Sequence[str], number: int) -> bool:
    text = row[number].strip() if number < len(row) else ""
    return not text or (any(map(str.isalpha, text)) and not any(map(str.isdigit, text)))


def _address_column(rows: Sequence[Sequence[str]]) -> int:
    counts: dict[int, int] = {}
    for row in rows:
        for number, cell in enumerate(row):
            if is_address(cell):
                counts[number] = counts.get(number, 0) + 1
    if not counts:
        raise BadFile(
            "No column holds e-mail addresses. Call one “email” in the first line of the file."
        )
    return max(counts, key=lambda number: (counts[number], -number))


def _assemble(header: tuple[str, ...], fields: list[str], *, has_header: bool) -> Columns:
    """Give each column its use; of two with the same, the second becomes an attribute."""
    used: dict[str, int] = {}
    keys: dict[str, int] = {}
    for number, field in enumerate(fields):
        if field and field not in used:
            used[field] = number
        elif field != "ignored":
            keys[_key(header[number], number, keys)] = number
    used.pop("ignored", None)
    return Columns(
        header=header,
        has_header=has_header,
        attributes=tuple((number, key) for key, number in keys.items()),
        **used,
    )


def _key(title: str, number: int, taken: dict[str, int]) -> str:
    """Return a name for an attribute that no other column has."""
    plain = " ".join(title.replace("\0", " ").split())[:LONGEST_KEY] or f"column {number + 1}"
    key, count = plain, 1
    while key in taken:
        count += 1
        key = f"{plain} {count}"
    return key
