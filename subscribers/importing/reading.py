"""A file of people as rows of text, whatever program wrote it.

Read as a stream: neither a cell of ten megabytes nor a quote that is never closed takes more
memory than ROW_LIMIT. A row that is torn (its quotation mark is never closed, or closed where a
cell goes on) is refused, and the lines that the mark would have swallowed are read again, one by
one. Text is UTF-8 or UTF-16; a byte that is neither is read as Windows-1252, where it is the
accented letter that was meant.
"""

import codecs
import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import dropwhile
from pathlib import Path

# Characters. Not above the limit of the csv module (131,072), which would raise in mid-row.
ROW_LIMIT = 130_000
LONG = 10_000  # a row whose cells are worth measuring
SAMPLE = 65_536  # bytes looked at to find out what kind of file it is
SAMPLE_ROWS = 50
DELIMITERS = ",;\t|"
KINDS = {
    b"PK\x03\x04": "an Excel workbook or a zip archive. Open it and save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook. Open it and save it as CSV",
    b"\x1f\x8b": "compressed (gzip). Unpack it first",
    b"%PDF": "a PDF document. The people have to come as CSV",
    b"SQLite": "a database. The people have to come as CSV",
}
# A text has tabs and line ends among the control characters, and no others.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


class BadFile(Exception):
    """The file is no CSV file of people. The message is for who handed it in."""


@dataclass(frozen=True, slots=True)
class Form:
    """How a file is written."""

    encoding: str
    delimiter: str
    first_line: int  # 2 when the first one only names the delimiter ("sep=;")
    sample: tuple[tuple[str, ...], ...]  # its first rows, header included


# The line of the file on which a row begins, its cells, and what is remarkable about it. A tuple,
# because there are millions of them.
Row = tuple[int, list[str], int]
USUAL = 0
UNUSUAL = 1  # long, or with a NUL byte: deserves a second look
CUT = 2  # longer than ROW_LIMIT; its cells are gone
TORN = 3  # opens a quotation mark that is never closed; only its first line is in it


def _windows(error: UnicodeError) -> tuple[str, int]:
    """Read what is not UTF-8 as Windows-1252 (an error handler of codecs)."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    if not error.encoding.startswith("utf-8"):
        return "\ufffd", error.end
    wrong = error.object[error.start : error.end]
    return wrong.decode("cp1252", errors="replace"), error.end


codecs.register_error("broadsheet.windows", _windows)


def recognise(path: Path) -> Form:
    """Find out how a file is written. Raises BadFile when it can't hold people."""
    with path.open("rb") as file:
        raw = file.read(SAMPLE)
    if not raw.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
        blank = "The file begins with tens of thousands of blank characters. Remove them."
        raise BadFile(blank if len(raw) == SAMPLE else "The file is empty.")
    for magic, kind in KINDS.items():
        if raw.startswith(magic):
            raise BadFile(f"This is not CSV: the file is {kind}.")
    encoding = _encoding(raw)
    decoder = codecs.getincrementaldecoder(encoding)(errors="broadsheet.windows")
    text = decoder.decode(raw)
    if len(_CONTROL.findall(text)) > len(text) / 100:
        raise BadFile("This is not CSV: the file does not hold text.")
    lines = text.splitlines(keepends=True)
    if len(raw) == SAMPLE and len(lines) > 1:
        lines.pop()  # cut in two by the end of the sample
    named = re.fullmatch(r"sep=([^\w\s\"]|\t)\s*", lines[0])
    if named and len(lines) > 1:
        form = Form(encoding, named[1], 2, _sample(lines[1:], named[1]))
    else:
        delimiter = max(DELIMITERS, key=lambda each: _regularity(lines, each))
        form = Form(encoding, delimiter, 1, _sample(lines, delimiter))
    if not form.sample:
        raise BadFile("The file begins with nothing but empty rows. Remove them.")
    return form


def _encoding(raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    # Without a mark, every other byte of Latin text in UTF-16 is zero.
    if raw[1::2].count(0) > len(raw) / 4:
        return "utf-16-le"
    if raw[::2].count(0) > len(raw) / 4:
        return "utf-16-be"
    return "utf-8-sig"


def _sample(lines: list[str], delimiter: str) -> tuple[tuple[str, ...], ...]:
    """Return the first rows that hold something."""
    lines = list(dropwhile(lambda line: not line.strip(f" \t\r\n{delimiter}"), lines))
    try:
        rows = list(csv.reader(lines[:1000], delimiter=delimiter))
    except csv.Error:  # a cell over the limit: the header is all that is needed
        rows = list(csv.reader(lines[:1], delimiter=delimiter))
    return tuple(tuple(row) for row in rows if not is_blank(row))[:SAMPLE_ROWS]


def is_blank(cells: list[str]) -> bool:
    """Say whether nothing stands in a row."""
    return not any(map(str.strip, cells))


def _regularity(lines: list[str], delimiter: str) -> tuple[float, int]:
    """Rate a delimiter: the share of rows with the usual number of cells, and that number."""
    widths = Counter(len(row) for row in _sample(lines, delimiter))
    if not widths:
        return 0.0, 0
    width, rows = widths.most_common(1)[0]
    return (rows / widths.total(), width) if width > 1 else (0.0, 1)


# From inside a quoted cell to the mark that closes it. A doubled mark is a character of the cell.
_close = re.compile(r'[^"]*(?:""[^"]*)*"').match
_ENDS = ("\n", "\r")


class Reader:
    """The rows of a file, from its first to its last."""

    def __init__(self, path: Path, form: Form) -> None:
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(
            self._raw, encoding=form.encoding, errors="broadsheet.windows", newline=""
        )
        self._form = form
        self._held: list[str] = []  # lines of the row in hand
        self._again: deque[str] = deque()  # lines to be read before the file goes on
        self._size = 0  # characters of the row in hand
        self._mark = USUAL
        self._line = form.first_line  # where that row begins
        self._is_done = False
        self._swallowed = 0  # lines of the row in hand that the csv module did not see
        self.characters = 0  # in all rows read so far

    @property
    def position(self) -> int:
        """Bytes read so far, for a progress bar."""
        return self._raw.tell()

    def close(self) -> None:
        """Close the file."""
        self._text.close()

    def __iter__(self) -> Iterator[Row]:
        for _ in range(self._form.first_line - 1):
            self._text.readline(ROW_LIMIT)
        while not self._is_done:
            # Begun anew behind each torn row: csv may believe that the file is at its end.
            yield from self._rows()

    def _rows(self) -> Iterator[Row]:
        """Yield the rows up to the next torn one, or to the end of the file."""
        held = self._held
        for cells in csv.reader(self._lines(), delimiter=self._form.delimiter):
            mark, lines = self._mark, len(held) + self._swallowed
            if self._size > LONG and mark == USUAL:
                mark = UNUSUAL
            if lines > 1 and mark < CUT and self._holds_torn():
                self._again.extendleft(reversed(held[1:]))
                mark = TORN
            if mark == TORN:
                cells, lines = self._first_line(), 1
            self.characters += self._size
            if cells or mark >= CUT:
                yield self._line, cells, mark
            self._line += lines
            held.clear()
            self._size = self._swallowed = 0
            self._mark = USUAL
            if mark == TORN:
                return
        self._is_done = True

    def _first_line(self) -> list[str]:
        first = self._held[0]
        if len(first) > ROW_LIMIT:
            return []
        return next(csv.reader([first], delimiter=self._form.delimiter), [])

    def _lines(self) -> Iterator[str]:
        for line in self._raw_lines():
            self._size += len(line)
            self._held.append(line)
            if "\0" in line:
                self._mark = UNUSUAL
            yield line if self._size <= ROW_LIMIT else self._swallow()

    def _raw_lines(self) -> Iterator[str]:
        while self._again:
            yield self._again.popleft()
        yield from iter(partial(self._text.readline, ROW_LIMIT + 1), "")

    def _holds_torn(self) -> bool:
        """Say whether the row in hand, of several lines, has a mark that is not rightly closed."""
        ends = re.compile(rf'" +(?=[{re.escape(self._form.delimiter)}\r\n])')
        lines = [ends.sub('"', line) for line in self._held]  # blanks around a cell are usual
        try:
            list(csv.reader(lines, delimiter=self._form.delimiter, strict=True))
        except csv.Error:
            return True
        return False

    def _swallow(self) -> str:
        """Read on to the end of a row that is too long, and return a line that ends it.

        When the row turns out to be torn, the place behind its first line is taken up again.
        """
        piece = self._held[-1]
        seen = len(self._held) - 1  # lines that the csv module has
        place = self._place(self._held[1:]) if seen else None
        is_inside, lines = bool(seen), self._raw_lines()
        self._mark = CUT
        while True:
            is_torn = place is not None and is_inside and self._closes_wrongly(piece)
            is_inside ^= piece.count('"') % 2 == 1
            is_line = piece.endswith(_ENDS)
            if is_torn or (is_line and not is_inside):
                break
            if is_line and place is None:
                place = self._place([])
            self._swallowed += is_line
            piece = next(lines, "")
            if not piece:
                is_torn = is_inside
                break
        if is_torn and place is not None:
            self._mark = TORN
            self._again = place[1]
            self._text.seek(place[0])
        return '"\n' if seen else "\n"

    def _place(self, lines: list[str]) -> tuple[int, deque[str]]:
        """Return what to go back to: where the file is, and which lines come before that."""
        return self._text.tell(), deque([*lines, *self._again])

    def _closes_wrongly(self, piece: str) -> bool:
        """Say whether a mark that ends a quoted cell has more of the cell behind it."""
        mark = _close(piece)
        if mark is None:
            return False
        behind = piece[mark.end() :].lstrip(" ")[:1]
        return behind not in ("", *_ENDS, self._form.delimiter)
