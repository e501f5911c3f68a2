"""`manage.py worker` and `manage.py beat` as processes of their own, and what they cost.

Reads /proc, so it runs on Linux only.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from benchmarks.report import Incomplete
from scripts.notify import NotifySocket
from scripts.processes import manage

# Of each worker, or to each of several servers. With more, fewer moments are without work, and
# more mails share a row of the journal.
CONNECTIONS = 48
START_PATIENCE = 60  # seconds
STOP_PATIENCE = 30
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_TICKS = os.sysconf("SC_CLK_TCK")  # a second, in /proc


class Workers:
    """Some running workers, seen from outside."""

    def __init__(self, processes: Sequence["subprocess.Popen[bytes]"]) -> None:
        self._processes = processes

    def cpu_seconds(self) -> float:
        """Return the processor time of all their processes so far."""
        return sum(_cpu_seconds(pid) for pid in self._pids())

    def peak_memory(self) -> int:
        """Return the most that the largest of their processes ever held in memory, in KiB."""
        return max(_peak_memory(pid) for pid in self._pids())

    def check(self) -> None:
        """Raise Incomplete when one has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise Incomplete(f"a worker ended with exit code {process.returncode}")

    def _pids(self) -> list[int]:
        return [pid for process in self._processes for pid in _family(process.pid)]


@contextmanager
def running(count: int, smtp_url: str) -> Iterator[Workers]:
    """Start some workers and one beat, wait until they are ready, and stop them afterwards.

    Each worker is what `manage.py worker` is by default: WORKER_CONCURRENCY processes, of which
    all but one send.
    """
    environment = {
        **os.environ,
        "SMTP_URL": smtp_url,
        "SEND_CONNECTIONS": str(CONNECTIONS),
        "LOG_LEVEL": "WARNING",
    }
    with ExitStack() as stack, tempfile.TemporaryFile() as log:
        workers = [stack.enter_context(_running("worker", environment, log)) for _ in range(count)]
        stack.enter_context(_running("beat", environment, log))
        try:
            yield Workers(workers)
        finally:
            log.seek(0)
            # What they have to say is a warning, an error or a traceback.
            sys.stderr.write(log.read().decode(errors="replace"))


@contextmanager
def _running(
    name: str, environment: dict[str, str], log: IO[bytes]
) -> "Iterator[subprocess.Popen[bytes]]":
    ready = NotifySocket()
    process = subprocess.Popen(
        manage(name),
        env={**environment, "NOTIFY_SOCKET": ready.address},
        stdout=log,
        stderr=subprocess.STDOUT,
        preexec_fn=_die_with_parent,
    )
    try:
        if not select.select([ready.socket], [], [], START_PATIENCE)[0]:
            raise Incomplete(f"{name} was not ready within {START_PATIENCE} seconds")
        yield process
    finally:
        ready.close()
        process.terminate()
        try:
            process.wait(STOP_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _cpu_seconds(pid: int) -> float:
    # Behind the name, which may hold anything: user and system time, and those of children that
    # have ended.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak_memory(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0


def machine_seconds() -> float:
    """Return the processor time that everything on this machine has taken, on all processors."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / _TICKS
