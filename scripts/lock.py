"""One launcher at a time for each RUN_DIR: two PostgreSQLs on one folder would be its end."""

import fcntl
import os
import time
from pathlib import Path

from scripts.guard import GRACE, is_alive


class AlreadyRunning(Exception):
    """Another launcher has this RUN_DIR; the message says which."""


class Lock:
    """Held until the process and its guard are gone; the kernel lets go by itself."""

    def __init__(self, run_dir: Path) -> None:
        """Take the lock. Raises AlreadyRunning.

        When the holder was killed its guard may still be clearing up; that is waited for.
        """
        path = run_dir / "lock"
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        deadline = time.monotonic() + GRACE + 5
        while not self._taken():
            holder = _holder(path)
            if time.monotonic() > deadline or (holder and is_alive(holder)):
                os.close(self._descriptor)
                raise AlreadyRunning(
                    f"Broadsheet is already running with this RUN_DIR ({run_dir}), as process "
                    f"{holder or 'unknown'}. Stop that one first, or choose another RUN_DIR and "
                    "other ports (WEB_PORT, EDGE_PORT, MAILCATCHER_PORT)."
                )
            time.sleep(0.2)
        os.truncate(self._descriptor, 0)
        os.write(self._descriptor, f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Let the next one in."""
        os.truncate(self._descriptor, 0)
        os.close(self._descriptor)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def is_running(run_dir: Path) -> bool:
    """Tell whether a launcher has this RUN_DIR at the moment."""
    holder = _holder(run_dir / "lock")
    return bool(holder and is_alive(holder))


def _holder(path: Path) -> int:
    try:
        return int(path.read_text() or 0)
    except (OSError, ValueError):
        return 0
