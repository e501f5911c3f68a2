"""A second process that clears up if the launcher itself is killed without a chance to do so.

It holds the read end of a pipe whose write end only the launcher has: when the launcher is gone,
however that came about, the pipe ends. The children that were alive then are stopped (on Linux
the kernel has already told them) and, after a grace, killed with their families. It also shares
the lock on RUN_DIR, so a new launcher starts only when the old one's children are gone.
"""

import os
import signal
import sys
import time
from contextlib import suppress

from scripts.children import signal_group, signal_one

GRACE = 12  # seconds


class Guard:
    """The launcher's end: tells the guard which children there are."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self._writing)
            _watch(reading)
            os._exit(0)
        os.close(reading)

    def watch(self, pid: int, stop_signal: int) -> None:
        """Answer for this child from now on."""
        self._tell(f"+{pid} {stop_signal}\n")

    def forget(self, pid: int) -> None:
        """This child has ended."""
        self._tell(f"-{pid} 0\n")

    def dismiss(self) -> None:
        """All is cleared up: let the guard go home."""
        os.close(self._writing)
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _tell(self, line: str) -> None:
        # Without its guard the launcher still does all that it does itself.
        with suppress(BrokenPipeError):
            os.write(self._writing, line.encode())


def _watch(reading: int) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    alive: dict[int, int] = {}
    with os.fdopen(reading) as lines:
        for line in lines:
            pid, stop_signal = int(line[1:].split()[0]), int(line.split()[1])
            if line.startswith("+"):
                alive[pid] = stop_signal
            else:
                alive.pop(pid, None)
    _clear_up(alive)


def _clear_up(alive: dict[int, int]) -> None:
    if sys.platform != "linux":
        for pid, stop_signal in alive.items():
            signal_one(pid, stop_signal)
    deadline = time.monotonic() + GRACE
    while any(map(is_alive, alive)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in alive:
        signal_group(pid, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Tell whether a process is there and has not ended (a zombie has)."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's, or no /proc
