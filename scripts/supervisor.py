"""Keep programs running, as one: start, watch, restart, stop in order, leave nothing behind.

One thread and one loop, which sleeps until something happens. The promises:

- a program that ends unasked is started again, later each time it fails, and this is said;
- SIGINT, SIGTERM and SIGHUP stop everything in order; a second SIGINT kills;
- when stop() returns no child is left, nor a child's child;
- a launcher that is killed itself takes its children along (see children.py and guard.py).
"""

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType

from scripts import children
from scripts.children import Program
from scripts.console import Console
from scripts.guard import Guard
from scripts.lines import Lines
from scripts.notify import NotifySocket

LONGEST_WAIT = 30.0  # seconds between two attempts
HEALTHY_AFTER = 30.0  # seconds of life after which earlier failures are forgotten
ATTEMPTS = 5  # failures in a row before a start is given up


class StartProblem(Exception):
    """A program can't be brought up; the message says which."""


class StopRequested(Exception):
    """Somebody asked us to stop while we were waiting for something."""


@dataclass
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    ready: bool = False
    started: float = 0
    failures: int = 0
    restart_at: float = 0
    status: int | None = None  # wait status of the last end
    asked: bool = False  # we told it to stop
    notify: NotifySocket | None = None

    @property
    def alive(self) -> bool:
        return self.process is not None

    @property
    def asks(self) -> Callable[[], bool] | None:
        """What tells whether it is ready, as long as that is the question."""
        if self.ready or not self.process or not self.program.ready:
            return None
        return partial(self.program.ready, self.process.pid)


class Supervisor:
    """All children of one launcher. Use it as a context: leaving it stops everything."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console()
        self._children: dict[str, _Child] = {}
        self._stop_asked = 0
        self._stopping = False
        self._foreground = False
        self._selector = selectors.DefaultSelector()
        self._guard = Guard()  # forked first: it should hold no pipe of a child
        children.adopt_orphans()
        self._listen_to_signals()

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # --- what callers use -------------------------------------------------------------

    def say(self, text: str) -> None:
        """Print a line of the launcher's own."""
        self.console.say(text)

    def start(self, program: Program) -> None:
        """Start a program and keep it running (a `once` program is left to end)."""
        child = self._children.setdefault(program.name, _Child(program))
        child.program = program
        self._spawn(child)

    def wait_ready(self, within: float) -> None:
        """Wait until all are ready. Raises StartProblem after `within` seconds or five failures."""
        deadline = time.monotonic() + within
        said = time.monotonic() + 10
        while waiting := self._unready():
            now = time.monotonic()
            hopeless = [child.program.name for child in waiting if child.failures >= ATTEMPTS]
            if hopeless:
                raise StartProblem(f"{_names(hopeless)} does not start; its lines above say why.")
            names = _names([child.program.name for child in waiting])
            if now > deadline:
                raise StartProblem(f"{names} did not get ready within {within:.0f} seconds.")
            if now > said:
                self.say(f"Still waiting for {names} ...")
                said = now + 10
            self._turn()

    def once(self, program: Program) -> int:
        """Run a program to its end and return its exit code (negative: killed by that signal)."""
        self.start(program)
        child = self._children[program.name]
        while child.alive:
            self._turn()
        del self._children[program.name]
        return os.waitstatus_to_exitcode(child.status or 0)

    def foreground(self, command: list[str], environment: Mapping[str, str]) -> int:
        """Run a command that has the terminal, Ctrl-C included. Returns its exit code."""
        # In our own group, so that the terminal's signals reach it; it decides about them.
        self._foreground = True
        process = subprocess.Popen(command, env=dict(environment))
        child = _Child(Program("command", command, once=True), process)
        self._children["command"] = child
        try:
            while child.alive:
                try:
                    self._turn()
                except StopRequested:
                    self._stop_asked = 0
                    children.signal_one(process.pid, signal.SIGTERM)
        finally:
            self._foreground = False
        del self._children["command"]
        return os.waitstatus_to_exitcode(child.status or 0)

    def forever(self) -> None:
        """Watch over everything until StopRequested."""
        while True:
            self._turn()

    def stop(self) -> None:
        """Stop all children in order and wait until they are gone. Safe to call twice."""
        if self._stopping:
            return
        self._stopping = True
        for order in sorted({child.program.stop_order for child in self._children.values()}):
            self._stop_stage(order)
        self._kill_orphans()
        self._guard.dismiss()
        signal.set_wakeup_fd(-1)
        self._selector.close()

    # --- one turn of the loop ---------------------------------------------------------

    def _turn(self, longest: float | None = None) -> None:
        """Wait for something to happen and deal with it. Raises StopRequested."""
        for key, _ in self._selector.select(self._patience(longest)):
            key.data()
        self._reap()
        if self._stopping:
            return
        if self._stop_asked or self.console.broken:
            raise StopRequested
        now = time.monotonic()
        for child in list(self._children.values()):
            if child.restart_at and child.restart_at <= now:
                self._spawn(child)
            elif child.asks and child.asks():
                self._is_ready(child)

    def _patience(self, longest: float | None) -> float | None:
        now = time.monotonic()
        waits = [] if longest is None else [longest]
        for child in self._children.values():
            if child.restart_at:
                waits.append(max(0.0, child.restart_at - now))
            elif child.alive and not child.ready:
                waits.append(0.05)
        return min(waits, default=None)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for child in self._children.values():
                if child.process and child.process.pid == pid:
                    self._ended(child, status)

    def _ended(self, child: _Child, status: int) -> None:
        assert child.process is not None  # noqa: S101
        pid = child.process.pid
        child.process.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it
        child.process, child.status = None, status
        lived = time.monotonic() - child.started
        # What it started itself (pool processes, server workers) must not go on without it.
        children.signal_group(pid, signal.SIGKILL)
        self._guard.forget(pid)
        if child.notify:
            self._selector.unregister(child.notify.socket)
            child.notify.close()
            child.notify = None
        if child.program.once or child.asked or self._stopping:
            return
        child.failures = 1 if child.ready and lived > HEALTHY_AFTER else child.failures + 1
        child.ready = False
        wait = min(LONGEST_WAIT, 0.25 * 2**child.failures)
        child.restart_at = time.monotonic() + wait
        self.say(
            f"{child.program.name} {children.exit_text(status)}; starting it again in {wait:g} s."
        )

    def _is_ready(self, child: _Child) -> None:
        child.ready = True
        if child.failures:
            self.say(f"{child.program.name} is back.")

    def _unready(self) -> list[_Child]:
        return [
            child for child in self._children.values() if not child.ready and not child.program.once
        ]

    # --- starting ---------------------------------------------------------------------

    def _spawn(self, child: _Child) -> None:
        program = child.program
        child.restart_at, child.ready = 0, program.once
        if program.ready is None and not program.once:
            child.notify = notify = NotifySocket()
            heard = partial(self._heard, child, notify)
            self._selector.register(notify.socket, selectors.EVENT_READ, heard)
        child.started = time.monotonic()
        try:
            process = children.spawn(program, child.notify.address if child.notify else "")
        except OSError as error:
            raise StartProblem(
                f"{program.name}: can't start {program.command[0]}: {error}"
            ) from None
        child.process, child.asked = process, False
        self._guard.watch(process.pid, signal.Signals[program.stop_signal].value)
        assert process.stdout is not None  # noqa: S101
        os.set_blocking(process.stdout.fileno(), False)
        lines = Lines(process.stdout, partial(self._show, program))
        self._selector.register(lines.pipe, selectors.EVENT_READ, partial(self._read, lines))

    # --- what children say ------------------------------------------------------------

    def _read(self, lines: Lines) -> None:
        if not lines.read():
            self._selector.unregister(lines.pipe)
            lines.pipe.close()

    def _show(self, program: Program, line: str) -> None:
        if program.hears is None or program.hears(line):
            self.console.line(program.name, line)

    def _heard(self, child: _Child, notify: NotifySocket) -> None:
        if notify.heard_ready():
            self._is_ready(child)

    # --- stopping ---------------------------------------------------------------------

    def _stop_stage(self, order: int) -> None:
        stage = [child for child in self._children.values() if child.program.stop_order == order]
        for child in stage:
            child.asked, child.restart_at = True, 0
            if child.process:
                children.signal_one(child.process.pid, signal.Signals[child.program.stop_signal])
        begun = time.monotonic()
        while alive := [child for child in stage if child.process]:
            waited = time.monotonic() - begun
            for child in alive:
                late = waited > child.program.stop_within
                if child.process and (late or self._stop_asked > 1):
                    if late:
                        self.say(f"{child.program.name} does not stop; killing it.")
                    children.signal_group(child.process.pid, signal.SIGKILL)
            self._turn(0.2)

    def _kill_orphans(self) -> None:
        """Kill what our children left behind (Linux gives it to us, see adopt_orphans)."""
        deadline = time.monotonic() + 5
        while (orphans := self._orphans()) and time.monotonic() < deadline:
            for pid in orphans:
                children.signal_one(pid, signal.SIGKILL)
            time.sleep(0.02)
            self._reap()

    def _orphans(self) -> list[int]:
        try:
            pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        except OSError:
            return []
        return [int(pid) for pid in pids if int(pid) != self._guard.pid]

    # --- signals ----------------------------------------------------------------------

    def _listen_to_signals(self) -> None:
        reading, writing = socket.socketpair()
        reading.setblocking(False)
        writing.setblocking(False)
        self._wakeup = (reading, writing)
        self._selector.register(reading, selectors.EVENT_READ, lambda: reading.recv(4096))
        signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop

    def _asked_to_stop(self, number: int, _frame: FrameType | None) -> None:
        if self._foreground and number == signal.SIGINT:
            return  # the command in the foreground got it as well
        self._stop_asked += 1


def _names(names: list[str]) -> str:
    return ", ".join(names)
