"""`make chaos` and `make chaos-tracking`: everything breaks meanwhile (docs/chaos.md)."""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from scripts.run import guarded
from scripts.supervisor import Supervisor

INTERRUPTED = 130  # what it returns after Ctrl-C


def main(arguments: list[str]) -> int:
    """Run tests.chaos, or tests.chaos_tracking when `tracking` comes first.

    Returns its exit code. What failed stays to be looked at.
    """
    module = "tests.chaos"
    if arguments[:1] == ["tracking"]:
        module, arguments = "tests.chaos_tracking", arguments[1:]
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-chaos-"))
    # PostgreSQL and Redis, run under another account when we are root, pass through.
    folder.chmod(0o711)
    command = [sys.executable, "-m", module, "--folder", str(folder / "trial"), *arguments]

    def story(_: Path, supervisor: Supervisor) -> int:
        return supervisor.foreground(command, os.environ)

    code = guarded(folder, story)
    if code in (0, INTERRUPTED):
        shutil.rmtree(folder, ignore_errors=True)
    return code
