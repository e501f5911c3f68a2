"""The trial: readers, everything that breaks meanwhile, and the judgement.

Needs Django to be set up; imported after that only.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

from django.db.models import Max, Min

from subscribers import erase
from tests.chaos import audience
from tests.chaos.scene import LOOK, Progress
from tests.chaos.stage import Stage
from tests.chaos.trouble import Plan
from tests.chaos_tracking import hits
from tests.chaos_tracking.judge import Away, Verdict, judge
from tests.chaos_tracking.scene import Scene
from tests.chaos_tracking.trouble import Size
from tests.chaos_tracking.wrecker import Wrecker
from tests.tracking import exact
from tracking import judging
from tracking.models import Event
from tracking.portions import Span

ERASED = 20  # people, at the end
SETTLES_WITHIN = 120.0  # seconds after the last hit until all is stored


@dataclass
class Trial:
    """What came of it."""

    verdict: Verdict
    away: list[Away]
    facts: list[tuple[str, str]]
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""
        return self.verdict.is_good and not self.problems


def run(stage: Stage, size: Size, seed: int, within: float, progress: Progress) -> Trial:
    """Let readers read through all of it, and judge. `within` is in seconds."""
    begun = time.monotonic()
    with Scene(stage, size, seed) as scene:
        wrecker = Wrecker(scene, seed)
        plan = Plan(seed, size.hits, 0, size.kinds, size.away)
        scene.start_readers()
        try:
            is_finished = _read(scene, wrecker, plan, begun + within, progress)
            wrecker.finish()
        finally:
            wrecker.wind_up()
        last_hit = time.monotonic()
        if plan.is_left:
            wrecker.problems.append("the readers were done before everything had broken")
        if not is_finished:
            wrecker.problems.append(f"the readers were not done within {within:.0f} seconds")
        left = scene.wait_for_ingest(last_hit + SETTLES_WITHIN)
        if left:
            wrecker.problems.append(f"not all was stored: {left}")
        settled = time.monotonic()
        scene.tail.read()
        verdict = _judge(scene, wrecker)
    facts = [
        ("misfortunes", f"{len(wrecker.done)}"),
        ("replays cut in their middle", f"{wrecker.in_the_middle}"),
        ("seconds, all", f"{time.monotonic() - begun:.0f}"),
        ("seconds from the last hit until all was stored", f"{settled - last_hit:.1f}"),
    ]
    return Trial(verdict, wrecker.away, facts, wrecker.problems)


def _judge(scene: Scene, wrecker: Wrecker) -> Verdict:
    hit_of = lru_cache(maxsize=1000)(lambda number: hits.draw(scene.seed, number, scene.world))
    events = audience.again(scene.events)
    verdict = judge(scene.size.hits, hit_of, scene.tail.lines, events, wrecker.away)
    for what, act in (
        ("after everything", lambda: None),
        ("after judging anew", _judge_anew),
        ("after erasing people", lambda: _erase(scene)),
    ):
        act()
        verdict.differing += [f"{what}: {line}" for line in exact.differences()]
    return verdict


def _judge_anew() -> None:
    seen = Event.objects.aggregate(first=Min("occurred_at"), last=Max("occurred_at"))
    if seen["first"]:
        judging.judge_span(Span(seen["first"], seen["last"] + timedelta(seconds=1)))


def _erase(scene: Scene) -> None:
    named = [person.id for person in scene.world.people if person.choice == hits.INDIVIDUAL]
    for subscriber_id in named[:ERASED]:
        erase.erase(subscriber_id)


def _read(scene: Scene, wrecker: Wrecker, plan: Plan, end: float, progress: Progress) -> bool:
    """Bring about all troubles and wait for the readers. Returns whether they ended in time."""
    while time.monotonic() < end:
        answered = scene.tail.read()
        trouble = plan.due(answered)
        if trouble:
            time.sleep(trouble.wait)
            wrecker.bring_about(trouble)
            plan.happened(scene.tail.read())
        for news in wrecker.tend():
            progress(answered, news)
        progress(answered, "")
        if not scene.are_reading:
            return True
        time.sleep(LOOK)
    return False
