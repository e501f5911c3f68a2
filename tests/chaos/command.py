"""What the commands of all trials share: a seed, a folder, and an end in order."""

import argparse
import random
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from rich.console import Console

from scripts.chaos import INTERRUPTED

_BOUND = 600  # seconds, for everything together


def parser(program: str, description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every trial understands."""
    found = argparse.ArgumentParser(prog=program, description=description)
    found.add_argument("--seed", type=int, default=random.randrange(10**6))
    found.add_argument("--within", type=int, default=_BOUND, help="seconds for everything")
    found.add_argument("--folder", type=Path, help="where logs and records go, and stay")
    return found


def run(
    program: str, what: str, options: argparse.Namespace, trial: Callable[[Path, Console], int]
) -> int:
    """Run a trial in its folder, after saying how to run it again; return its exit code.

    Whoever ends it, by Ctrl-C or a signal, ends every process that it started.
    """
    folder = options.folder or Path(tempfile.mkdtemp(prefix="broadsheet-chaos-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    console = Console()
    again = f'{program} ARGS="{what} --seed {options.seed}"'
    console.print(f"Seed {options.seed}: again with {again}")
    console.print(f"Logs and records: {folder}", soft_wrap=True)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        return trial(folder, console)
    except KeyboardInterrupt:
        console.print("Stopped.")
        return INTERRUPTED


def _stop(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
