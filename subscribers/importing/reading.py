"""A file of people as rows of text, whatever program wrote it.

Read as a stream: neither a cell of ten megabytes nor a quote that is never closed takes more
memory than ROW_LIMIT. Text is UTF-8 or UTF-16; a byte that is neither is read as Windows-1252,
where it is the accented letter that was meant.
"""

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
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
        raise BadFile("The file is empty.")
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
    named = re.fullmatch(r"sep=(.)\s*", lines[0])
    if named and len(lines) > 1:
        return Form(encoding, named[1], 2, _sample(lines[1:], named[1]))
    delimiter = max(DELIMITERS, key=lambda each: _regularity(lines, each))
    return Form(encoding, delimiter, 1, _sample(lines, delimiter))


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
    try:
        rows = [tuple(row) for row in csv.reader(lines[:1000], delimiter=delimiter) if row]
    except csv.Error:  # a cell over the limit: the header is all that is needed
        rows = [tuple(row) for row in csv.reader(lines[:1], delimiter=delimiter)]
    return tuple(rows[:SAMPLE_ROWS])


def _regularity(lines: list[str], delimiter: str) -> tuple[float, int]:
    """Rate a delimiter: the share of rows with the usual number of cells, and that number."""
    widths = Counter(len(row) for row in _sample(lines, delimiter))
    if not widths:
        return 0.0, 0
    width, rows = widths.most_common(1)[0]
    return (rows / widths.total(), width) if width > 1 else (0.0, 1)


class Reader:
    """The rows of a file, from its first to its last."""

    def __init__(self, path: Path, form: Form) -> None:
        self._raw = path.open("rb")
        self._text = io.TextIOWrapper(
            self._raw, encoding=form.encoding, errors="broadsheet.windows", newline=""
        )
        self._form = form
        self._size = 0  # characters of the row in hand
        self._quotes = 0  # quotation marks in it
        self._mark = USUAL
        self._swallowed = 0  # lines that the csv module did not see
        self.unclosed = False

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
        shift = self._form.first_line - 1
        reader = csv.reader(self._lines(), delimiter=self._form.delimiter)
        before = shift
        for cells in reader:
            line, before = before + 1, reader.line_num + shift + self._swallowed
            mark = self._mark
            if self._size > LONG and mark == USUAL:
                mark = UNUSUAL
            if cells or mark == CUT:
                yield line, cells, mark
            self._size = self._quotes = 0
            self._mark = USUAL

    def _lines(self) -> Iterator[str]:
        for line in iter(partial(self._text.readline, ROW_LIMIT + 1), ""):
            self._size += len(line)
            self._quotes += line.count('"')
            if "\0" in line:
                self._mark = UNUSUAL
            yield line if self._size <= ROW_LIMIT else self._swallow(line)

    def _swallow(self, piece: str) -> str:
        """Read on to the end of a row that is too long, and return a line that ends it."""
        inside = (self._quotes - piece.count('"')) % 2 == 1
        while piece and (self._quotes % 2 or not piece.endswith(("\n", "\r"))):
            if piece.endswith(("\n", "\r")):
                self._swallowed += 1
            piece = self._text.readline(ROW_LIMIT + 1)
            self._quotes += piece.count('"')
        self.unclosed = not piece and self._quotes % 2 == 1
        self._mark = CUT
        return '"\n' if inside else "\n"
