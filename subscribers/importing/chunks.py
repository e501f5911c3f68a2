"""A file cut into chunks of people, each of which is stored at once."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from subscribers.importing import checking, columns, reading
from subscribers.importing.checking import Person
from subscribers.importing.columns import Columns
from subscribers.importing.reading import CUT, BadFile, Reader, Row, is_blank
from subscribers.importing.refusals import Refusal, refuse

# Characters after which a chunk ends, however few rows it has: memory has to stay flat.
CHARACTERS = 16_000_000


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
        self._check = checking.checker(self.columns)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def chunks(self, size: int, *, skip: int = 0) -> Iterator[Chunk]:
        """Yield chunks of `size` rows, but for the first `skip` rows, which are done.

        A chunk with as many as CHARACTERS ends there.
        """
        rows, reader = self._rows(), self._reader
        for _ in range(skip):
            next(rows, None)
        check, chunk = self._check, Chunk(skip)
        people, full = chunk.people, reader.characters + CHARACTERS
        for row in rows:
            chunk.rows += 1
            try:
                key, person = check(row)
            except checking.Refused as error:
                chunk.refusals.append(refuse(row, str(error)))
            else:
                if people.setdefault(key, person) is not person:
                    self._merge(chunk, key, person)
            if chunk.rows == size or reader.characters >= full:
                chunk.bytes_done = reader.position
                yield chunk
                chunk = Chunk(chunk.end)
                people, full = chunk.people, reader.characters + CHARACTERS
        if chunk.rows:
            chunk.bytes_done = reader.position
            yield chunk

    def _rows(self) -> Iterator[Row]:
        """Yield the rows without the header and without a spreadsheet's empty lines."""
        rows = (row for row in self._reader if any(row[1]) or row[2] >= CUT)
        if self.columns.has_header:
            next((row for row in rows if not is_blank(row[1])), None)
        return rows

    def _merge(self, chunk: Chunk, key: str, person: Person) -> None:
        first = chunk.people[key]
        try:
            _, merged = self._check(checking.merge(first, person, self.columns))
        except checking.Refused as error:  # too long together
            chunk.refusals.append(refuse(person[0], str(error)))
            return
        chunk.people[key] = merged
        if merged[2] == first[2]:
            chunk.unchanged += 1
        else:
            chunk.updated += 1
