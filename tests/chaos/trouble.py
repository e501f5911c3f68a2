"""What breaks, and when: drawn at random from a seed, so that a run can be had again. Pure.

Moments are counted in mails that the mail server has accepted, so that every kill meets a campaign
that is being sent, however quick the machine is; a short random wait is added to each.
"""

import random
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What is done to whom."""

    KILL_CHILD = "SIGKILL of a worker's sending process"
    KILL_TREE = "SIGKILL of a whole worker"
    TERMINATE = "SIGTERM to a worker"
    FREEZE = "SIGSTOP past the lease, then SIGCONT"
    REDIS = "Redis killed"
    REDIS_EMPTY = "Redis killed and emptied"
    POSTGRES = "PostgreSQL restarted (fast)"
    POSTGRES_CRASH = "PostgreSQL crashed (immediate)"


KILLS = (Kind.KILL_CHILD, Kind.KILL_TREE, Kind.TERMINATE, Kind.FREEZE)
SERVERS = (Kind.REDIS, Kind.REDIS_EMPTY, Kind.POSTGRES, Kind.POSTGRES_CRASH)
AWAY = (0.2, 3.0)  # seconds that a server is away, or a process stopped past its lease
LAST = 0.93  # part of the campaign after which nothing breaks any more


@dataclass(frozen=True)
class Trouble:
    """One misfortune."""

    share: float  # of the mails that are sent between the beginning and LAST
    wait: float  # seconds more
    kind: Kind
    down: float  # seconds that a server is away, or that a process is stopped past its lease


class Plan:
    """Everything that will break, in order, and after how many mails.

    What came late (a worker had to be found, a server to come up) moves the rest together, so that
    all of it happens.
    """

    def __init__(
        self,
        seed: int,
        people: int,
        kills: int,
        servers: tuple[Kind, ...],
        away: tuple[float, float] = AWAY,
    ) -> None:
        draw = random.Random(f"trouble {seed}")
        kinds = [*(KILLS[number % len(KILLS)] for number in range(kills)), *servers]
        draw.shuffle(kinds)
        self._left = [
            Trouble(draw.expovariate(1), draw.uniform(0, 0.5), kind, draw.uniform(*away))
            for kind in kinds
        ]
        self._last = int(people * LAST)
        self._after = 0
        self._space(0)

    def due(self, mails: int) -> Trouble | None:
        """Return what breaks now, when so many mails were accepted."""
        return self._left[0] if self._left and mails >= self._after else None

    @property
    def is_left(self) -> bool:
        """Whether something has not happened yet."""
        return bool(self._left)

    def happened(self, mails: int) -> None:
        """Go on to the next."""
        self._left.pop(0)
        self._space(mails)

    def _space(self, mails: int) -> None:
        if self._left:
            shares = sum(trouble.share for trouble in self._left)
            self._after = mails + int((self._last - mails) * self._left[0].share / shares)
