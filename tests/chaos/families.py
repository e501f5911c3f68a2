"""Processes with their children, as Linux shows them: who belongs to whom, and who is connected."""

import os
import signal
from collections.abc import Iterable
from pathlib import Path

# Established, and closed by the other side alone, of which the process may not have heard.
_OPEN = ("01", "08")


def family(pid: int) -> list[int]:
    """Return a process and everything below it, the eldest first."""
    found = [pid]
    for each in found:
        found += children(each)
    return found


def children(pid: int) -> list[int]:
    """Return the children of a process; none when it is gone."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except OSError:
        return []


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to each that is still there."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def connections(pid: int, port: int) -> int:
    """Return how many connections a process holds to a port, in its own network namespace."""
    ours = _sockets(pid)
    return len(ours & _open(pid, port)) if ours else 0


def _sockets(pid: int) -> set[str]:
    found = set()
    try:
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        return found
    return found


def _open(pid: int, port: int) -> set[str]:
    """Return the inodes of a namespace's connections to `port`."""
    found = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] in _OPEN and int(fields[2].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
