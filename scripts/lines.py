"""Take the output of a child apart into lines."""

from collections.abc import Callable
from typing import IO

LONGEST = 8192  # bytes; a longer line is cut


class Lines:
    """Reads a pipe when there is something in it, and passes whole lines on."""

    def __init__(self, pipe: IO[bytes], pass_on: Callable[[str], None]) -> None:
        self.pipe = pipe
        self._pass_on = pass_on
        self._partial = b""

    def read(self) -> bool:
        """Read what there is, without waiting; False once the last writer has closed the pipe."""
        chunk = self.pipe.read(65536)
        if chunk is None:
            return True
        *lines, self._partial = (self._partial + (chunk or b"\n")).split(b"\n")
        if len(self._partial) > LONGEST:
            lines.append(self._partial)
            self._partial = b""
        for line in lines:
            if text := line.decode("utf-8", "replace").rstrip():
                self._pass_on(text)
        return bool(chunk)
