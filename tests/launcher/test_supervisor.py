"""The supervisor with small real programs: what dies comes back, what is stopped is gone."""

import os
import re
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.launcher.launched import LONG, Launched, wait_until


@pytest.fixture
def stage() -> Iterator[Callable[..., Launched]]:
    started = []

    def start(*names: str, **variables: str) -> Launched:
        started.append(Launched("-m", "tests.launcher.stage", *names, **variables))
        return started[-1]

    yield start
    for launched in started:
        launched.finish()


def test_ready_is_said_when_all_are(stage):
    launched = stage("plain", "late")

    launched.wait_for("ALL READY")

    assert launched.output.index("begun") < launched.output.index("ALL READY")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_the_whole_family(stage, number):
    launched = stage("plain", "family", "runaway")
    launched.wait_for("ALL READY")
    assert len(launched.family()) >= 6  # three programs, two of their children, the guard

    code = launched.stop(number)

    assert code == 0
    assert launched.left() == []


def test_stopping_keeps_the_order(stage):
    """What comes later in the order must not stop before the earlier has ended."""
    launched = stage("slow_to_stop", "plain")
    launched.wait_for("ALL READY")

    launched.stop()

    assert "bye" in launched.output


def test_a_program_that_does_not_stop_is_killed_and_named(stage):
    launched = stage("stubborn", STOP_WITHIN="2")
    launched.wait_for("ALL READY")

    launched.stop()

    assert "stubborn does not stop; killing it." in launched.output
    assert launched.left() == []


def test_a_second_interrupt_kills(stage):
    launched = stage("stubborn", "family")
    launched.wait_for("ALL READY")
    launched.family()

    launched.process.send_signal(signal.SIGINT)
    launched.wait_for("Stopping")
    launched.process.send_signal(signal.SIGINT)

    assert launched.process.wait(LONG) == 0  # the patience of the stage is longer
    assert launched.left() == []


def test_a_killed_program_comes_back_without_its_orphans(stage):
    launched = stage("family")
    launched.wait_for("ALL READY")
    before = launched.family()
    leader = next(pid for pid in before if os.getpgid(pid) == pid and child_of(pid, before))

    os.kill(leader, signal.SIGKILL)
    launched.wait_for("family is back")

    assert "family was killed by SIGKILL; starting it again in 0.5 s." in launched.output
    wait_until(lambda: not alive(before - launched.family()))


def child_of(pid: int, pids: set[int]) -> bool:
    return any(os.getpgid(other) == pid for other in pids - {pid})


def alive(pids: set[int]) -> list[int]:
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


def test_a_program_that_keeps_failing_is_tried_later_each_time_then_given_up(stage):
    launched = stage("broken", "plain")

    launched.wait_for("broken does not start")

    waits = [float(wait) for wait in re.findall(r"again in ([\d.]+) s", launched.output)]
    assert waits == sorted(waits)
    assert len(set(waits)) == len(waits) >= 4
    assert "no good" in launched.output
    assert launched.process.wait(LONG) != 0


def test_stopping_while_still_starting(stage):
    launched = stage("plain", "waits")
    launched.wait_for("up")

    code = launched.stop()

    assert code == 0
    assert "ALL READY" not in launched.output
    assert launched.left() == []


def test_a_killed_launcher_takes_everything_along(stage):
    """Nobody is there to clear up but the kernel and the guard."""
    launched = stage("plain", "family")
    launched.wait_for("ALL READY")
    launched.family()

    launched.process.kill()
    launched.process.wait()

    wait_until(lambda: not launched.left(), why=lambda: str(launched.left()))


def test_a_launcher_whose_reader_went_away_stops(stage):
    """As `make run | head` does."""
    launched = stage("chatty", "family")
    launched.wait_for("ALL READY")
    launched.family()

    launched.stop_reading()

    assert launched.process.wait(LONG) == 0
    assert launched.left() == []
