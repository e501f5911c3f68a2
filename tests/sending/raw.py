"""A server on a socket that does what a function says, line by line: hangs, drips, closes."""

import contextlib
import socket
import threading
from collections.abc import Callable

Script = Callable[["Line", int], None]  # a connection, and its number from 1


class Line:
    """One connection, from the server's side."""

    def __init__(self, made: socket.socket, is_over: threading.Event) -> None:
        self.socket = made
        self._file = made.makefile("rb")
        self.is_over = is_over

    def say(self, *lines: str) -> None:
        self.socket.sendall("".join(f"{line}\r\n" for line in lines).encode())

    def hear(self) -> str:
        """Return the next command. Raises EOFError."""
        if not (line := self._file.readline()):
            raise EOFError
        return line.decode().strip()

    def body(self) -> list[str]:
        lines: list[str] = []
        while (line := self.hear()) != ".":
            lines.append(line)
        return lines

    def hang(self) -> None:
        """Do nothing until the test is over."""
        self.is_over.wait()

    def drip(self, seconds: float = 0.02) -> None:
        """Send one byte now and then, and no whole line."""
        while not self.is_over.wait(seconds):
            self.socket.sendall(b"2")

    def close(self) -> None:
        self._file.close()
        self.socket.close()


class Raw:
    """The server. Use it as a context manager."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._is_over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> "Raw":
        self._threads[0].start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(60)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                made, _ = self._socket.accept()
                self.connections += 1
                line = Line(made, self._is_over)
                thread = threading.Thread(target=self._serve, args=(line, self.connections))
                self._threads.append(thread)
                thread.start()

    def _serve(self, line: Line, number: int) -> None:
        with contextlib.suppress(EOFError, OSError, ValueError):
            self._script(line, number)
        line.close()
