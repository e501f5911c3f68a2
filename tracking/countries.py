"""Which country a network lies in, by a database that the operator has. Nothing is fetched.

It is only asked about networks that are cut to /24 or /48: so it speaks of all who share one, and
what is stored of a hit says no more than the network did.

Databases are files of MaxMind's format (MMDB), of any publisher: docs/breakdowns.md says which are
in the public domain. Countries are stored as numbers, made of the two letters of ISO 3166-1.
"""

import logging
import shutil
from collections.abc import Iterator
from contextlib import closing
from functools import cache, lru_cache
from importlib.resources import files
from itertools import islice
from pathlib import Path
from typing import Any, Final

import maxminddb
from django.conf import settings
from maxminddb import InvalidDatabaseError

logger = logging.getLogger(__name__)

UNKNOWN: Final = 0
HIDDEN: Final = 1  # a mail service came in the reader's stead
_LOOKED_AT: Final = 10_000  # networks of a database, until one has a country
_MOST: Final = 100_000  # networks that are remembered


class BadDatabase(Exception):
    """A file is no database of countries. The message says why."""


class Countries(dict[str, int]):
    """The numbers of countries by network (cut addresses), as they are asked for.

    UNKNOWN where the database does not say. What was asked is remembered, because a person's hits
    mostly come together; asking takes a microsecond.
    """

    def __init__(self, reader: maxminddb.Reader | None = None) -> None:
        """Take a database; without one, no country is known."""
        super().__init__()
        self._reader = reader

    def __missing__(self, network: str) -> int:
        if len(self) >= _MOST:
            self.clear()
        country = self[network] = self._find(network)
        return country

    def _find(self, network: str) -> int:
        if self._reader is None:
            return UNKNOWN
        try:
            return number(_code(self._reader.get(network)))
        except (ValueError, InvalidDatabaseError):
            # No address, one of IPv6 in a database of IPv4 alone, or a page that was damaged.
            return UNKNOWN


def load() -> Countries:
    """Return what settings.TRACKING_COUNTRIES knows; without it, no country is known."""
    path = Path(settings.TRACKING_COUNTRIES)
    if not path.is_file():
        return Countries()
    try:
        return Countries(maxminddb.open_database(path))
    except (OSError, InvalidDatabaseError) as error:
        # Hits are stored all the same, and a recount finds their countries later.
        logger.error("countries are not known: %s can't be read (%s)", path, error)
        return Countries()


def is_installed() -> bool:
    """Say whether there is a database."""
    return Path(settings.TRACKING_COUNTRIES).is_file()


def install(path: Path) -> str:
    """Check a database and put it where ingest looks for it. Returns what it is.

    Raises BadDatabase.
    """
    kind = _check(path)
    target = Path(settings.TRACKING_COUNTRIES)
    target.parent.mkdir(parents=True, exist_ok=True)
    # In one step, so that who looks now reads the old one or the new one.
    fresh = target.with_name(f".{target.name}.new")
    shutil.copyfile(path, fresh)
    fresh.replace(target)
    return kind


@lru_cache(maxsize=1024)
def number(code: str) -> int:
    """Return the number of a country's code of two letters; UNKNOWN for anything else."""
    if len(code) != 2 or not (code.isascii() and code.isalpha()):
        return UNKNOWN
    first, second = code.upper().encode()
    return first << 8 | second


def code_of(number: int) -> str:
    """Return the two letters that a country's number was made of; "" for UNKNOWN and HIDDEN."""
    return chr(number >> 8) + chr(number & 0xFF) if number > HIDDEN else ""


def name(number: int) -> str:
    """Return what people call a country."""
    if number == HIDDEN:
        return "Behind a mail service"
    code = code_of(number)
    return _names().get(code, code) or "Not known"


def _check(path: Path) -> str:
    """Return what kind of database a file is. Raises BadDatabase."""
    try:
        with closing(maxminddb.open_database(path)) as reader:
            metadata = reader.metadata()
            if not any(number(_code(record)) for _, record in islice(reader, _LOOKED_AT)):
                raise BadDatabase(
                    f"{path.name} ({metadata.database_type}) says no country of any network."
                )
            return f"{metadata.database_type}, made on {_day(metadata.build_epoch)}"
    except OSError as error:
        raise BadDatabase(f"{path}: {error.strerror or error}") from error
    except InvalidDatabaseError as error:
        raise BadDatabase(f"{path.name} is no MMDB file: {error}") from error


def _day(epoch: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(epoch, UTC):%Y-%m-%d}"


def _code(record: Any) -> str:
    """Return the country's code in a record, as the publishers write it; "" when it has none."""
    if not isinstance(record, dict):
        return ""
    country = record.get("country_code") or record.get("country")
    if isinstance(country, dict):
        country = country.get("iso_code")
    return country if isinstance(country, str) else ""


@cache
def _names() -> dict[str, str]:
    return dict(_lines((files("tracking") / "data" / "countries.txt").read_text(encoding="utf-8")))


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if not line.startswith("#"):
            code, _, name = line.partition(" ")
            yield code, name
