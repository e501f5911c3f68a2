"""Pause, throttle, and a mail server that stops: what a campaign at full speed does about them.

Moments are read from the mail server's record, which has the same clock as we have. Needs Django to
be set up; imported after that only.
"""

import time
from dataclasses import dataclass, field

from newsletter import campaigns
from tests.chaos import record
from tests.chaos.judge import Verdict
from tests.chaos.moods import Habits
from tests.chaos.scene import Progress, Scene
from tests.chaos.stage import CONNECTIONS, Stage

WORKERS = 2
SOON = 2.0  # seconds until a pause or another throttle has to show
RESUMED = 5.0  # seconds until a resumed campaign has to send again
AWAY = 20.0  # seconds that the mail server is away
# A campaign that waits is tried again when it has waited half as long again (sending/waiting.py).
BACK = 15.0  # seconds until it has to send again when the mail server is back
SLOWLY = 600  # mails a minute
WATCH = 6.0  # seconds that a rate is measured


@dataclass
class Measure:
    """One thing that was measured, and what was promised."""

    what: str
    found: float
    promised: float
    unit: str = "s"
    least: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether it is what was promised."""
        return self.least <= self.found <= self.promised

    @property
    def promise(self) -> str:
        """What was promised, in words."""
        return f"{self.least:.2f} to {self.promised:.2f}" if self.least else f"{self.promised:.2f}"


@dataclass
class Pausing:
    """What was found."""

    measures: list[Measure] = field(default_factory=list)
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether everything was quick enough, and nobody was missed or mailed twice by it."""
        is_quick = all(measure.is_good for measure in self.measures)
        return is_quick and self.verdict.is_good and not self.problems

    @property
    def summary(self) -> str:
        """All of it in one line."""
        parts = [f"{each.what} {each.found:.2f} {each.unit}" for each in self.measures]
        return "; ".join([*parts, f"{self.verdict}"])

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What was measured."""
        return [
            (each.what, f"{each.found:.2f} {each.unit}", each.promise) for each in self.measures
        ]


def run(stage: Stage, people: int, seed: int, within: float, progress: Progress) -> Pausing:
    """Interrupt one campaign in all these ways, and judge."""
    end = time.monotonic() + within
    found = Pausing()
    with Scene(stage, "pause", people, Habits(seed=seed, is_wild=False)) as scene:
        for _ in range(WORKERS):
            scene.start_worker()
        campaigns.start(scene.number)
        scene.wait_for_mails(people // 10, end, progress)
        _pause(scene, found, end, progress)
        _throttle(scene, found, progress)
        open_connections = _stop_server(scene, found, end, progress)
        scene.wait_for_end(end, progress)
    found.verdict = scene.judged(open_at_kills=open_connections)
    return found


def _pause(scene: Scene, found: Pausing, end: float, progress: Progress) -> None:
    begun = time.monotonic()
    campaigns.pause(scene.number)
    paused = time.monotonic()
    _watch(scene, WATCH, progress)
    found.measures.append(Measure("change of status", paused - begun, SOON))
    found.measures.append(
        Measure("pause, until the last mail", max(0.0, scene.sink.tail.last_at - paused), SOON)
    )
    before = scene.sink.tail.mails
    campaigns.resume(scene.number)
    resumed = time.monotonic()
    scene.wait_for_mails(before + 1, min(end, resumed + 60), progress)
    found.measures.append(
        Measure("resume, until the first mail", _first_since(scene, resumed), RESUMED)
    )


def _throttle(scene: Scene, found: Pausing, progress: Progress) -> None:
    """Throttle, and lift it again: both show within SOON."""
    _watch(scene, WATCH, progress)
    now = time.monotonic()
    full = _rate(scene, now - WATCH / 2, now)
    campaigns.set_pace(scene.number, throttle=SLOWLY)
    changed = time.monotonic()
    _watch(scene, SOON + WATCH, progress)
    slow = _rate(scene, changed + SOON, changed + SOON + WATCH)
    # What a bucket may hold beside its rate: a second's worth, and a tenth for measuring.
    rate = SLOWLY / 60
    promised = rate * (1 + 1 / WATCH) * 1.1
    found.measures.append(
        Measure("rate under the throttle", slow, promised, "mails/s", least=0.8 * rate)
    )
    campaigns.set_pace(scene.number, throttle=None)
    lifted = time.monotonic()
    _watch(scene, SOON + WATCH, progress)
    again = _rate(scene, lifted + SOON, lifted + SOON + WATCH / 2)
    found.measures.append(
        Measure("slower than before, when it is lifted", full / max(again, 0.1), 2, "times")
    )


def _stop_server(scene: Scene, found: Pausing, end: float, progress: Progress) -> int:
    """Take the mail server away. Returns how many connections may have been open then."""
    scene.sink.kill()
    _watch(scene, AWAY, progress)
    before = scene.sink.tail.mails
    scene.sink.start()
    back = time.monotonic()
    scene.wait_for_mails(before + 1, min(end, back + 120), progress)
    found.measures.append(
        Measure("mail server back, until the first mail", _first_since(scene, back), BACK)
    )
    return CONNECTIONS * WORKERS


def _watch(scene: Scene, seconds: float, progress: Progress) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress(scene.sink.tail.read(), "")
        time.sleep(0.05)
    scene.sink.tail.read()


def _times(scene: Scene) -> list[float]:
    return [line.at for line in scene.sink.tail.lines if line.what in record.MAILS]


def _first_since(scene: Scene, moment: float) -> float:
    return min(at for at in _times(scene) if at > moment) - moment


def _rate(scene: Scene, begin: float, end: float) -> float:
    return sum(begin <= at < end for at in _times(scene)) / (end - begin)
