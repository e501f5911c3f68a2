"""The trial by fire: a campaign, a mail server with moods, and everything that breaks meanwhile.

Needs Django to be set up; imported after that only.
"""

import time
from dataclasses import dataclass, field

from newsletter import campaigns
from tests.chaos import audience
from tests.chaos.judge import Verdict
from tests.chaos.moods import Habits
from tests.chaos.scene import LOOK, Progress, Scene
from tests.chaos.stage import Stage
from tests.chaos.trouble import AWAY, KILLS, Kind, Plan
from tests.chaos.wrecker import Done, Wrecker

STATUS = 1.0  # seconds between looks at the campaign's status


@dataclass(frozen=True)
class Variant:
    """What a trial is about."""

    name: str
    people: int
    kills: int
    servers: tuple[Kind, ...]
    workers: int = 3
    tls: bool = False
    pipelining: bool = True
    mails_per_connection: int = 0
    seconds: float = 0.0  # before each answer of the mail server
    away: tuple[float, float] = AWAY  # seconds


@dataclass
class Trial:
    """What came of a variant."""

    variant: Variant
    verdict: Verdict
    done: list[Done]
    seconds: float
    beside_crashes: int  # kills that fell together with a crash of PostgreSQL
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""
        return self.verdict.is_good and not self.problems

    @property
    def kills(self) -> int:
        """How often a worker was killed or stopped."""
        return sum(done.kind in KILLS for done in self.done)

    @property
    def summary(self) -> str:
        """All of it in one line."""
        return f"{self.verdict}"

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What was counted beside the promises."""
        return [
            ("kills of workers", f"{self.kills}", ""),
            ("connections open at these", f"{self.connections}", ""),
            ("kills that fell together with a crash", f"{self.beside_crashes}", ""),
            ("restarts of PostgreSQL and Redis", f"{len(self.done) - self.kills}", ""),
            ("seconds", f"{self.seconds:.0f}", ""),
        ]

    @property
    def connections(self) -> int:
        """How many connections were open at the kills, added up."""
        return sum(done.connections for done in self.done)


def run(stage: Stage, variant: Variant, seed: int, within: float, progress: Progress) -> Trial:
    """Send a campaign through all of it, and judge. `within` is in seconds."""
    begun = time.monotonic()
    habits = Habits(
        seed=seed,
        pipelining=variant.pipelining,
        mails_per_connection=variant.mails_per_connection,
        seconds=variant.seconds,
    )
    with Scene(stage, variant.name, variant.people, habits, variant.tls) as scene:
        for _ in range(variant.workers):
            scene.start_worker()
        wrecker = Wrecker(stage, scene.workers, scene.sink, seed)
        plan = Plan(seed, variant.people, variant.kills, variant.servers, variant.away)
        campaigns.start(scene.number)
        try:
            is_finished = _send(scene, wrecker, plan, begun + within, progress)
        finally:
            wrecker.wind_up()
        if plan.is_left:
            wrecker.problems.append("the campaign was over before everything had broken")
        if not is_finished:
            wrecker.problems.append(scene.unfinished())
        time.sleep(1)  # whoever believes to have mails left shows it now
    kills = [(done.at, done.kind) for done in wrecker.done]
    verdict = scene.judged(
        open_at_kills=sum(done.connections for done in wrecker.done),
        beside_crashes=wrecker.crashes.people(kills),
    )
    seconds, beside = time.monotonic() - begun, wrecker.crashes.beside(kills)
    return Trial(variant, verdict, wrecker.done, seconds, beside, wrecker.problems)


def _send(scene: Scene, wrecker: Wrecker, plan: Plan, end: float, progress: Progress) -> bool:
    """Bring about all troubles and wait for the end. Returns whether it came in time."""
    looked_at = 0.0
    tail = scene.sink.tail
    while (now := time.monotonic()) < end:
        mails = tail.read()
        wrecker.tend()
        trouble = plan.due(mails)
        if trouble:
            time.sleep(trouble.wait)
            wrecker.bring_about(trouble)
            plan.happened(tail.read())
            last = wrecker.done[-1]
            progress(mails, f"{last.kind}: {last.whom}, {last.connections} connections")
            continue
        progress(mails, "")
        if now - looked_at > STATUS and not wrecker.is_server_away:
            looked_at = now
            wrecker.crashes.look()
            if audience.status(scene.number) != "running":
                return audience.status(scene.number) == "finished"
        time.sleep(LOOK)
    return False
