"""`make chaos` and `make chaos-tracking` in short: kills and restarts while mail is sent and read.

The long forms, and their variants, are for a person who has ten minutes (docs/chaos.md).
"""

import pytest

from tests.e2e import trials

pytestmark = pytest.mark.e2e

SENDING_WITHIN = 300  # seconds; it takes about 50, and 65 on a machine that is busy
READING_WITHIN = 240  # seconds; it takes about 50, and 100 on a machine that is very busy


def test_nobody_is_missed_and_nobody_gets_two_while_everything_breaks():
    trial = trials.run("tests.chaos", "short", within=SENDING_WITHIN)

    # Everything that it says is in the report of a failure.
    assert trial.code == 0, trial.text
    assert "short: missed 0, twice 0, in doubt" in trial.text
    assert "sum balanced" in trial.text


def test_no_hit_is_lost_or_counted_twice_while_everything_breaks():
    trial = trials.run("tests.chaos_tracking", "short", within=READING_WITHIN)

    assert trial.code == 0, trial.text
    assert "lost 0, twice 0, wrong answers 0, wrongly stored 0, never answered 0" in trial.text
    assert "rollups exact: yes" in trial.text
