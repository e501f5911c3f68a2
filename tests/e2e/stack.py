"""A whole Broadsheet in a folder of its own, started as a new user starts it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PORTS = ("WEB_PORT", "EDGE_PORT", "MAILCATCHER_PORT")
# What the tests themselves run on, and what would make this installation theirs.
NOT_OURS = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "SECRET_KEY", "TRACKING_KEYS", "EMBEDDED")
FOREIGN = (*NOT_OURS, "SUPPRESSION_KEY", "PUBLIC_URL", "SMTP_URL", "DEFAULT_FROM", "DEBUG")


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports


class Stack:
    """`make run` in the background, with its log."""

    def __init__(self, run_dir: Path, **variables: str) -> None:
        ports = dict(zip(PORTS, map(str, free_ports(3)), strict=True))
        self.run_dir = run_dir
        clean = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        self.environment = {**clean, **ports, "RUN_DIR": str(run_dir), **variables}
        self.url = f"http://127.0.0.1:{self.environment['WEB_PORT']}"
        self.edge_url = f"http://127.0.0.1:{self.environment['EDGE_PORT']}"
        self.lines: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def start(self, within: float = 180) -> None:
        """Start, and wait for the box with address and password."""
        self.lines.clear()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts" / "bootstrap.py"), "run"],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait_for_line("Password", within)
        self.wait_for_line("Ctrl-C stops", within)

    def _read(self) -> None:
        assert self.process and self.process.stdout
        with self.process.stdout as output:
            for line in output:
                self.lines.append(line.rstrip())

    @property
    def log(self) -> str:
        return "\n".join(self.lines)

    @property
    def password(self) -> str:
        found = re.search(r"Password\s+(\S+)", self.log)
        assert found, self.log
        return found[1]

    def wait_for_line(self, text: str, within: float) -> None:
        end = time.monotonic() + within
        while text not in self.log:
            assert self.process
            assert self.process.poll() is None, f"make run ended:\n{self.log}"
            assert time.monotonic() < end, f"no {text!r} within {within:g} s:\n{self.log}"
            time.sleep(0.1)

    def manage(
        self, *arguments: str, check: bool = True, timeout: float = 180
    ) -> subprocess.CompletedProcess[str]:
        """Run manage.py as in a second terminal."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does, and return its exit code."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=90)
        self._reader.join()
        return code
