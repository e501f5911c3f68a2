"""Tables of events and reports as CSV files, row by row while they are read.

Promise: memory does not grow with the table, and the first bytes come before the first row is read.
PostgreSQL writes the CSV itself (COPY), in one statement, so that a file shows one moment. Nobody
is named who may not be named by now, whatever the tables still hold.

In a CSV file (RFC 4180, UTF-8, CRLF) no cell of text begins like a formula: in front of `=`, `+`,
`-`, `@`, TAB, CR and their full-width forms stands an apostrophe, and one more where there were
some already; so taking one away from such cells gives back what was there. Numbers are as they are.
"""

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

from django.db import connection

from subscribers import recording
from subscribers.models import TrackingChoice
from tracking.models import CampaignTotal

PIECE: Final = 64 * 1024  # bytes that are handed on together
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"  # without it, Excel takes UTF-8 for Windows-1252

# A column's SQL as a cell of text, and as a moment (UTC, ISO 8601).
_HARMLESS = "CASE WHEN {sql} ~ E'^''*[=+@\\t\\r＝＋－＠-]' THEN '''' || {sql} ELSE {sql} END"
_MOMENT = """to_char({sql} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')"""

Report = Callable[[int], None]  # is told now and then how many rows there are so far


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a file, and the expression that it is read by."""

    name: str
    sql: str
    type: Literal["int", "real", "text", "time"] = "int"
    is_personal: bool = False  # left out for who may not see people's data


@dataclass(frozen=True, slots=True)
class Table:
    """What can be exported. All of it is constant SQL; values come as parameters."""

    name: str
    columns: tuple[Column, ...]
    source: str  # from FROM on, with %(campaign)s (0: all) where it says which
    moment: str = ""  # what `since` and `until` are about; empty: the table has no such thing
    is_personal: bool = False  # a row is about a person


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows and columns."""

    campaign_id: int = 0  # 0: all campaigns
    since: datetime | None = None  # this moment and later
    until: datetime | None = None  # before this moment
    with_people: bool = False  # who asks may see people's data


class NotPossible(Exception):
    """This table can't be exported so. The message says why, for the person who asked."""


def columns(table: Table, wanted: Wanted) -> list[Column]:
    """Return the columns of the file. Raises NotPossible."""
    if table.is_personal and not wanted.with_people:
        raise NotPossible(f"The table “{table.name}” is about people, whom you may not see.")
    if (wanted.since or wanted.until) and not table.moment:
        raise NotPossible(f"The table “{table.name}” holds sums of all times.")
    return [each for each in table.columns if wanted.with_people or not each.is_personal]


def as_csv(
    table: Table, wanted: Wanted, *, with_mark: bool = False, report: Report = lambda rows: None
) -> Iterator[bytes]:
    """Return the pieces of a CSV file, with a header. Raises NotPossible before the first.

    `with_mark` begins it with the byte order mark that Excel asks for.
    """
    header = ",".join(column.name for column in columns(table, wanted)).encode() + b"\r\n"
    return _csv(table, wanted, BYTE_ORDER_MARK * with_mark + header, report)


def rows(table: Table, wanted: Wanted, *, is_harmless: bool = True) -> Generator[bytes, None, None]:
    """Yield each row as a line of CSV that ends with LF.

    An empty text is `""`, and no value is nothing at all. `is_harmless`: see above.
    """
    with connection.cursor() as cursor:
        statement = cursor.mogrify(_statement(table, wanted, is_harmless), _parameters(wanted))
        with cursor.copy(statement) as copy:
            # One message is one row, says the protocol ("Copy-out mode").
            for row in copy:
                yield bytes(row)


def save(pieces: Iterable[bytes], path: Path, *, mode: int = 0o666) -> None:
    """Write a new file, which appears when it is complete. `mode` is narrowed by the umask.

    Raises FileExistsError, OSError, and what `pieces` raises.
    """
    if path.exists():
        raise FileExistsError(path)
    unfinished = path.with_name(f"{path.name}.part")
    # One that stands here already has a mode, or a target, of somebody else's choice.
    unfinished.unlink(missing_ok=True)
    try:
        with open(unfinished, "xb", opener=partial(os.open, mode=mode)) as file:
            file.writelines(pieces)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _csv(table: Table, wanted: Wanted, header: bytes, report: Report) -> Iterator[bytes]:
    yield header
    piece, count = bytearray(), 0
    with closing(rows(table, wanted)) as lines:
        for count, line in enumerate(lines, 1):
            piece += line[:-1]
            piece += b"\r\n"
            if len(piece) >= PIECE:
                report(count)
                yield bytes(piece)
                piece.clear()
    report(count)
    yield bytes(piece)


def _statement(table: Table, wanted: Wanted, is_harmless: bool) -> str:
    selected = ", ".join(_cell(column, is_harmless) for column in columns(table, wanted))
    conditions = ["true"]
    conditions += [f"{table.moment} >= %(since)s"] * (wanted.since is not None)
    conditions += [f"{table.moment} < %(until)s"] * (wanted.until is not None)
    where = " AND ".join(conditions)
    # Of constants alone: values are parameters.
    query = f"SELECT {selected} {table.source} AND {where}"
    return f"COPY ({query}) TO STDOUT (FORMAT csv)"


def _cell(column: Column, is_harmless: bool) -> str:
    if column.type == "time":
        return _MOMENT.format(sql=column.sql)
    if column.type == "text" and is_harmless:
        return _HARMLESS.format(sql=column.sql)
    return column.sql


def _parameters(wanted: Wanted) -> dict[str, Any]:
    """Return what the sources take: besides what is wanted, what each campaign's lists record."""
    totals = CampaignTotal.objects.values_list("campaign_id", flat=True)
    campaigns = [wanted.campaign_id] if wanted.campaign_id else list(totals)
    usual = recording.of_campaigns(campaigns)
    return {
        "campaign": wanted.campaign_id,
        "since": wanted.since,
        "until": wanted.until,
        "campaigns": campaigns,
        "usual": [usual[campaign].value for campaign in campaigns],
        "individual": TrackingChoice.INDIVIDUAL.value,
    }
