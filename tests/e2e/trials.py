"""A trial of `make chaos` or `make chaos-tracking`, in a process of its own."""

import os
import subprocess
import sys
from typing import NamedTuple

from tests.launcher.launched import BARE, ROOT, open_folder


class Said(NamedTuple):
    """How a trial ended."""

    code: int
    text: str  # all that it said, its seed first


def run(package: str, *arguments: str, within: int) -> Said:
    """Run a trial that has to end by itself `within` some seconds."""
    clean = {name: os.environ[name] for name in BARE if name in os.environ}
    with open_folder() as folder:
        trial = subprocess.Popen(
            [
                *(sys.executable, "-m", package, *arguments),
                *("--folder", str(folder / "trial"), "--within", str(within)),
            ],
            cwd=ROOT,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            text, _ = trial.communicate(timeout=within + 60)
        finally:
            trial.terminate()  # it ends everything that it started
            trial.wait(120)
    return Said(trial.returncode, text)
