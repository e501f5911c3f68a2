"""A launcher in a process of its own, as a person at a terminal has it."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Seconds: so long that only what never comes is waited for in vain, however busy the machine is.
LONG = 180
BARE = ("PATH", "HOME", "LANG", "TMPDIR")


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that root's unprivileged servers can reach, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="broadsheet-test-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


class Launched:
    """A running launcher whose lines are collected."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        environment = {name: os.environ[name] for name in BARE if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, "PYTHONPATH": str(ROOT), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._seen: set[int] = set()
        self._reading = True
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return "\n".join(self.lines)

    def wait_for(self, pattern: str, *, times: int = 1, within: float = LONG) -> str:
        """Return the first match once it was printed `times` times."""

        def found() -> bool:
            if len(re.findall(pattern, self.output)) < times and self.process.poll() is not None:
                self._reader.join(LONG)
                assert len(re.findall(pattern, self.output)) >= times, self.output
            return len(re.findall(pattern, self.output)) >= times

        wait_until(found, within, lambda: f"no {pattern!r} in:\n{self.output}")
        return re.findall(pattern, self.output)[-1]

    def family(self) -> set[int]:
        """Return every process below the launcher; remembered for `left`."""
        children: dict[int, list[int]] = {}
        for pid, parent in _parents():
            children.setdefault(parent, []).append(pid)
        found, queue = set(), [self.pid]
        while queue:
            below = children.get(queue.pop(), [])
            found.update(below)
            queue += below
        self._seen |= found
        return found

    def child(self, pattern: str) -> int:
        """Return the one process, of those the launcher itself has started, that looks like it."""

        def found() -> list[int]:
            own = (pid for pid, parent in _parents() if parent == self.pid)
            return [pid for pid in own if re.search(pattern, _command(pid))]

        # It may be about to be started again.
        wait_until(lambda: len(found()) == 1, why=lambda: f"{pattern}: {found()}")
        return found()[0]

    def left(self) -> list[str]:
        """Return those of all processes ever seen that still run."""
        return [f"{pid} {command}" for pid in self._seen if (command := _command(pid))]

    def stop(self, number: int = signal.SIGTERM, within: float = LONG) -> int:
        """Send a signal and return the exit code."""
        self.family()
        self.process.send_signal(number)
        code = self.process.wait(within)
        self._reader.join(within)
        return code

    def stop_reading(self) -> None:
        """Close our end of its output, after the next line."""
        self._reading = False
        self._reader.join(LONG)

    def finish(self) -> None:
        """End it whatever happened."""
        if self.process.poll() is None:
            self.family()
            self.process.terminate()
            try:
                self.process.wait(LONG)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._reader.join(LONG)

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                self.lines.append(line.rstrip("\n"))
                if not self._reading:
                    return


def wait_until(
    condition: Callable[[], object], within: float = LONG, why: Callable[[], str] = lambda: ""
) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, why()
        time.sleep(0.05)


def _parents() -> Iterable[tuple[int, int]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue


def _command(pid: int) -> str:
    """Return the command line of a process that runs; a zombie has none."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
