"""The file of refused rows: the line, the reason, and the row as it was.

It only grows, and the import's row in the database says how far it is valid; so an import that
was stopped between the file and the database writes no line twice.
"""

import csv
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from subscribers.importing.columns import REFUSED_HEADER
from subscribers.importing.reading import Row

# What a spreadsheet would take for a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")

KEPT = 1000  # characters of each cell


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that is not in the list, and why."""

    row: Row
    reason: str


def refuse(row: Row, reason: str) -> Refusal:
    """Keep a row that is refused, and of each cell no more than its beginning."""
    line, cells, mark = row
    return Refusal((line, [cell[:KEPT] for cell in cells], mark), reason)


def append(path: Path, size: int, header: tuple[str, ...], refusals: Iterable[Refusal]) -> int:
    """Write refusals behind the first `size` bytes of the file. Returns the size it has then.

    On the disk when it returns, so the database may be told.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if size == 0:
        text.write("\ufeff")  # else Excel takes it for Windows-1252
        writer.writerow([*REFUSED_HEADER, *map(harmless, header)])
    before = text.tell()
    for refusal in refusals:
        line, cells, _ = refusal.row
        writer.writerow([line, refusal.reason, *(harmless(cell[:KEPT]) for cell in cells)])
    if text.tell() == before:
        return size
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("r+b" if path.exists() else "w+b") as file:
        file.truncate(size)
        file.seek(size)
        file.write(text.getvalue().encode())
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def harmless(cell: str) -> str:
    """Keep a spreadsheet from running a cell. The apostrophe is what it shows as plain text."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell.replace("\0", "\ufffd")
