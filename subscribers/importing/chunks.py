"""A file cut into chunks of people, each of which is stored at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from subscribers.importing import checking, columns, reading
from subscribers.importing.checking import Person
from subscribers.importing.columns import Columns
from subscribers.importing.reading import BadFile, Reader
from subscribers.importing.refusals import Refusal


@dataclass(slots=True)
class Chunk:
    """Some thousands of rows of a file. `start` counts the rows before it."""

    start: int
    rows: int = 0
    bytes_done: int = 0
    people: dict[str, Person] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    # Rows whose address came before in the same chunk: what they say is merged into that person.
    updated: int = 0
    unchanged: int = 0

    @property
    def end(self) -> int:
        """How many rows of the file are done when this chunk is."""
        return self.start + self.rows


class Source:
    """A file of people, open. Raises BadFile when it isn't one."""

    def __init__(self, path: Path) -> None:
        try:
            form = reading.recognise(path)
            self.columns: Columns = columns.find(form.sample)
            self._reader = Reader(path, form)
        except OSError as error:
            raise BadFile(f"The file can't be read: {error.strerror}.") from None

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def chunks(self, size: int, *, skip: int = 0) -> Iterator[Chunk]:
        """Yield chunks of `size` rows, but for the first `skip` rows, which are done."""
        check = checking.checker(self.columns)
        rows = iter(self._reader)
        if self.columns.has_header:
            next(rows)
        for _ in range(skip):
            next(rows, None)
        chunk = Chunk(skip)
        for row in rows:
            if not any(row.cells) and not row.cut:
                continue  # a spreadsheet's empty line
            chunk.rows += 1
            _add(chunk, row, check)
            if chunk.rows == size:
                yield self._closed(chunk)
                chunk = Chunk(chunk.end)
        if chunk.rows:
            yield self._closed(chunk)

    def _closed(self, chunk: Chunk) -> Chunk:
        chunk.bytes_done = self._reader.position
        return chunk


def _add(chunk: Chunk, row: reading.Row, check: checking.Check) -> None:
    try:
        key, person = check(row)
    except checking.Refused as error:
        chunk.refusals.append(Refusal(row, str(error)))
        return
    first = chunk.people.setdefault(key, person)
    if first is person:
        return
    if checking.merge(first, person):
        chunk.updated += 1
    else:
        chunk.unchanged += 1
