"""A whole Broadsheet in a folder of its own, started as a new user starts it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from scripts.ports import free_port
from tests.launcher.launched import BARE, ROOT, Launched

PORTS = ("WEB_PORT", "EDGE_PORT", "MAILCATCHER_PORT")


class Stack:
    """`make run` in the background, and manage.py in a second terminal."""

    def __init__(self, run_dir: Path, **variables: str) -> None:
        self.run_dir = run_dir
        self.variables = {"RUN_DIR": str(run_dir), **variables}
        self.variables |= {name: str(free_port()) for name in PORTS}
        self.url = f"http://127.0.0.1:{self.variables['WEB_PORT']}"
        self.launched: Launched

    def start(self, within: float = 240) -> None:
        """Start, and wait for the box with address and password."""
        script = str(ROOT / "scripts" / "bootstrap.py")
        self.launched = Launched(script, "run", **self.variables)
        self.launched.wait_for("Ctrl-C stops everything", within=within)

    @property
    def password(self) -> str:
        found = re.search(r"Password\s+(\S+)", self.launched.output)
        assert found, self.launched.output
        return found[1]

    def manage(self, *arguments: str, timeout: float = 600) -> str:
        """Run manage.py as in a second terminal, and return what it prints."""
        clean = {name: os.environ[name] for name in BARE if name in os.environ}
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env={**clean, **self.variables},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def kill(self, pattern: str) -> None:
        """Pull the plug of one process: no signal that it could answer."""
        os.kill(self.launched.child(pattern), signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to stop, as Ctrl-C does, and return its exit code."""
        return self.launched.stop(signal.SIGINT)
