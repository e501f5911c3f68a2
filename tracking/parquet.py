"""Tables of events and reports as Parquet files, while they are read. Loads a large library.

Rows are gathered to BLOCK bytes, read into columns, and written as a row group; so memory holds a
few blocks, whatever the table's size. Values are as they are: no spreadsheet runs what is in them.
"""

import io
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet

from tracking import exports
from tracking.exports import Report, Table, Wanted

BLOCK: Final = 8 * 1024 * 1024  # bytes of CSV

_TYPES: Final = {
    "int": pa.int64(),
    "real": pa.float64(),
    "text": pa.string(),
    "time": pa.timestamp("ms", "UTC"),
}


def as_parquet(table: Table, wanted: Wanted, report: Report = lambda rows: None) -> Iterator[bytes]:
    """Return the pieces of a Parquet file. Raises exports.NotPossible before the first."""
    fields = [(each.name, _TYPES[each.type]) for each in exports.columns(table, wanted)]
    return _parquet(table, wanted, pa.schema(fields), report)


def _parquet(table: Table, wanted: Wanted, schema: Any, report: Report) -> Iterator[bytes]:
    sink = _Sink()
    count = 0
    with pa_parquet.ParquetWriter(sink, schema, compression="zstd") as writer:
        yield sink.take()
        for block in _blocks(table, wanted):
            group = _read(block, schema)
            writer.write_table(group)
            count += group.num_rows
            report(count)
            yield sink.take()
    yield sink.take()


def _blocks(table: Table, wanted: Wanted) -> Iterator[bytearray]:
    block = bytearray()
    with closing(exports.rows(table, wanted, is_harmless=False)) as lines:
        for line in lines:
            block += line
            if len(block) >= BLOCK:
                yield block
                block = bytearray()
    if block:
        yield block


def _read(block: bytearray, schema: Any) -> Any:
    return pa_csv.read_csv(
        pa.py_buffer(block),
        read_options=pa_csv.ReadOptions(
            column_names=schema.names, use_threads=False, block_size=2 * len(block)
        ),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pa_csv.ConvertOptions(
            column_types=schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


class _Sink(io.RawIOBase):
    """A file that is written to its end, and gives away what it has."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += memoryview(data)
        written = memoryview(data).nbytes
        self._size += written
        return written

    def tell(self) -> int:
        return self._size

    def take(self) -> bytes:
        """Return what was written since the last time."""
        data = bytes(self._held)
        self._held.clear()
        return data
