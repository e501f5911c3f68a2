"""Reads a file while it is being written."""

from pathlib import Path


class GrowingFile:
    """A file of lines to which another process adds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> str:
        """Return the whole lines that have come since the last time."""
        if not self._path.exists():
            return ""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        # The end may be half a line, or half a letter.
        complete, _, self._rest = (self._rest + data).rpartition(b"\n")
        return complete.decode()
