"""`make chaos` in short: kills of workers and restarts of servers while a campaign is sent.

The long form, and its variants, are for a person who has ten minutes (docs/chaos.md).
"""

import os
import subprocess
import sys

import pytest

from tests.launcher.launched import BARE, ROOT, open_folder

pytestmark = pytest.mark.e2e

WITHIN = 90  # seconds; it takes about 50, and 65 on a machine that is busy


def test_nobody_is_missed_and_nobody_gets_two_while_everything_breaks():
    clean = {name: os.environ[name] for name in BARE if name in os.environ}
    with open_folder() as folder:
        trial = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.chaos", "short"),
                *("--folder", str(folder / "trial"), "--within", str(WITHIN)),
            ],
            cwd=ROOT,
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            said, _ = trial.communicate(timeout=WITHIN + 60)
        finally:
            trial.terminate()  # it ends everything that it started
            trial.wait(30)

    # Everything that it says, its seed first, is in the report of a failure.
    assert trial.returncode == 0, said
    assert "short: missed 0, twice 0, in doubt" in said
    assert "sum balanced" in said
