"""The one log of all processes: a line each, with the name of the process in front.

On a terminal the names are coloured (unless NO_COLOR is set); elsewhere they are plain.
"""

import os
import sys

WIDTH = 11
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)
_LAUNCHER = "broadsheet"


class Console:
    """Where lines go. `broken` is true once nobody reads them any more."""

    def __init__(self) -> None:
        self.broken = False
        self._stream = sys.stdout
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self._names: dict[str, str] = {}

    def line(self, name: str, text: str) -> None:
        """Print one line of a process."""
        self._write(f"{self._prefix(name)} {text}\n")

    def say(self, text: str) -> None:
        """Print what the launcher itself has to say."""
        if self._stream is sys.stdout:
            self.line(_LAUNCHER, text)

    def step_aside(self) -> None:
        """Leave standard output to another program: what children say goes to standard error."""
        self._stream = sys.stderr

    def plain(self, text: str) -> None:
        """Print text as it is, for programs to read."""
        self._write(text)

    def box(self, lines: list[str]) -> None:
        """Print lines that must not be overlooked."""
        width = max(len(line) for line in lines)
        edge = "─" * (width + 4)
        body = "".join(f"│  {line.ljust(width)}  │\n" for line in lines)
        self._write(f"\n╭{edge}╮\n{body}╰{edge}╯\n\n")

    def _prefix(self, name: str) -> str:
        if name not in self._names:
            shown = name.ljust(WIDTH)
            if self._coloured:
                bold = "1;" if name == _LAUNCHER else ""
                colour = _COLOURS[len(self._names) % len(_COLOURS)]
                shown = f"\x1b[{bold}{colour}m{shown}\x1b[0m"
            self._names[name] = f"{shown}│"
        return self._names[name]

    def _write(self, text: str) -> None:
        if self.broken:
            return
        try:
            self._stream.buffer.write(text.encode(self._stream.encoding or "utf-8", "replace"))
            self._stream.buffer.flush()
        except OSError:  # the reader of our output went away
            self.broken = True
            # What is still in the buffer would fail again when Python ends.
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self._stream.fileno())
            os.close(nothing)
