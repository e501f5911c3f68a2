"""Which trials there are, and how big each is. Needs Django to be set up."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console

from tests.chaos import breaking, leaving, pausing, power, table
from tests.chaos.breaking import Variant
from tests.chaos.network import Host
from tests.chaos.stage import LEASE, Stage
from tests.chaos.trouble import SERVERS, Kind

SPARE = 10.0  # seconds that are kept for winding up


class Result(Protocol):
    """What comes of a trial."""

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""

    @property
    def summary(self) -> str:
        """All of it in one line."""


@dataclass(frozen=True)
class Around:
    """What a trial finds when it begins."""

    stage: Stage
    console: Console
    end: float  # on the monotonic clock
    seed: int
    is_one_of_many: bool
    hosts: list[Host]

    @property
    def within(self) -> float:
        """Seconds that are left."""
        return self.end - SPARE - time.monotonic()


_POSTGRES = (Kind.POSTGRES, Kind.POSTGRES_CRASH)
# A mail server that takes some milliseconds for each mail, as every real one does, keeps the
# campaign going long enough for everything to break in the middle of it.
_VARIANTS = (
    Variant("plain", 100_000, 30, SERVERS * 2, seconds=0.01),
    Variant("tls", 15_000, 6, SERVERS, seconds=0.03, tls=True),
    Variant("no-pipelining", 15_000, 6, SERVERS, seconds=0.03, pipelining=False),
    Variant("closes-after-20", 15_000, 6, SERVERS, seconds=0.03, mails_per_connection=20),
    Variant("crashes", 30_000, 10, (Kind.POSTGRES_CRASH,) * 4, seconds=0.02),
    # Longer than a lease, so that every worker finds all leases over, and nobody was killed.
    Variant("away", 20_000, 0, _POSTGRES * 2, seconds=0.02, away=(LEASE + 1, LEASE + 4)),
    Variant(
        "short",
        3_000,
        6,
        (Kind.REDIS_EMPTY, Kind.POSTGRES),
        seconds=0.05,
        workers=2,
    ),
)
_BY_NAME = {variant.name: variant for variant in _VARIANTS}


def run(name: str, around: Around, *, people: int, bound: float) -> Result:
    """Run one trial and show what came of it. `people` is 0 for the usual number."""
    if name in _BY_NAME:
        return _break(around, _BY_NAME[name], people)
    size = people or _usual(name, around)
    with table.progress(around.console, name, size) as progress:
        begin: dict[str, Callable[[], Result]] = {
            "leaving": lambda: leaving.run(
                around.stage, size, around.seed, around.within, bound, progress
            ),
            "pause": lambda: pausing.run(around.stage, size, around.seed, around.within, progress),
            "hosts": lambda: power.run(
                around.stage, around.hosts, size, around.seed, around.within, progress
            ),
        }
        result = begin[name]()
    table.show(around.console, name, size, result)
    return result


def _usual(name: str, around: Around) -> int:
    if name == "pause":
        return 250_000  # it goes at full speed for some 20 seconds, and has to have some left then
    return 30_000 if around.is_one_of_many or name == "hosts" else 100_000


def _break(around: Around, variant: Variant, people: int) -> Result:
    variant = replace(variant, people=people or variant.people)
    with table.progress(around.console, variant.name, variant.people) as progress:
        trial = breaking.run(around.stage, variant, around.seed, around.within, progress)
    table.show(around.console, variant.name, variant.people, trial)
    return trial
