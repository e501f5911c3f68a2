"""`make chaos` in short: kills of workers and restarts of servers while a campaign is sent.

The long form, and its variants, are for a person who has ten minutes (docs/chaos.md).
"""

import os
import subprocess
import sys

import pytest

from tests.launcher.launched import BARE, ROOT, open_folder

pytestmark = pytest.mark.e2e

WITHIN = 85  # seconds


def test_nobody_is_missed_and_nobody_gets_two_while_everything_breaks():
    clean = {name: os.environ[name] for name in BARE if name in os.environ}
    with open_folder() as folder:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.chaos", "short"),
                *("--folder", str(folder / "trial"), "--within", str(WITHIN)),
            ],
            cwd=ROOT,
            env=clean,
            capture_output=True,
            text=True,
            timeout=WITHIN + 60,
            check=False,
        )

    # Everything that it says, its seed first, is in the report of a failure.
    assert done.returncode == 0, done.stdout + done.stderr
    assert "short: missed 0, twice 0, in doubt" in done.stdout
    assert "sum balanced" in done.stdout
