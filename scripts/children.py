"""Programs as children of the launcher: how one is started, stopped, and kept from outliving us.

Each child leads a session and a process group of its own: Ctrl-C in the terminal reaches only the
launcher, which then stops the children in order, and a whole family can be killed by its group.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.account import Account, clean_environment

LAST = 9  # stop_order of what the others need to the end

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
# Loaded here: between fork and exec nothing may be imported.
_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Program:
    """What to start, and how to tell that it is ready."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Asked with the process id until it says yes. None: ready when the program itself says so.
    ready: Callable[[int], bool] | None = None
    stop_signal: str = "SIGTERM"
    stop_within: float = 15  # seconds, then it is killed
    stop_order: int = 0  # the lowest first; equal ones together
    account: Account | None = None
    folder: Path | None = None  # where it starts
    private: bool = False  # gets nothing of our environment
    once: bool = False  # expected to end
    stdin: bytes = b""  # a few bytes: written before it reads
    # Gets each line of output; says whether it goes to the log as well.
    hears: Callable[[str], bool] | None = None


def adopt_orphans() -> None:
    """Let grandchildren that lose their parent become our children, so that none escapes us."""
    if _LIBC:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def spawn(program: Program, notify: str = "") -> "subprocess.Popen[bytes]":
    """Start a program with its output in a pipe. Call it from the main thread only.

    It can report to the socket `notify` as systemd's services do (newsletter/readiness.py).
    On Linux the kernel stops it when the thread that started it is gone, however that came about.
    """
    end = signal.Signals[program.stop_signal].value

    def die_with_parent() -> None:
        if _LIBC:
            _LIBC.prctl(_PR_SET_PDEATHSIG, end, 0, 0, 0)

    environment = clean_environment() if program.private else dict(program.environment)
    environment.pop("NOTIFY_SOCKET", None)  # that of whoever started us
    if notify:
        environment["NOTIFY_SOCKET"] = notify
    account: dict[str, Any] = program.account.popen() if program.account else {}
    process = subprocess.Popen(
        program.command,
        env=environment,
        cwd=program.folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent,  # safe: the launcher has no threads
        **account,
    )
    assert process.stdin is not None  # noqa: S101
    with process.stdin as pipe:
        pipe.write(program.stdin)
    return process


def signal_group(pid: int, number: int) -> None:
    """Send a signal to the whole process group that `pid` leads, if any of it is left."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def signal_one(pid: int, number: int) -> None:
    """Send a signal to one process, if it is still there."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return


def exit_text(status: int) -> str:
    """Say how a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"was killed by {signal.Signals(number).name}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"
