"""`make chaos`: a campaign while everything around it breaks (docs/chaos.md)."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.run import guarded
from scripts.supervisor import Supervisor

INTERRUPTED = 130  # what it returns after Ctrl-C


def main(arguments: list[str]) -> int:
    """Run `python -m tests.chaos` and return its exit code. What failed stays to be looked at."""
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-chaos-"))
    # PostgreSQL and Redis, run under another account when we are root, pass through.
    folder.chmod(0o711)
    command = [sys.executable, "-m", "tests.chaos", "--folder", str(folder / "trial"), *arguments]

    def story(_: Path, supervisor: Supervisor) -> int:
        return supervisor.foreground(command, os.environ)

    code = guarded(folder, story)
    if code in (0, INTERRUPTED):
        shutil.rmtree(folder, ignore_errors=True)
    return code
