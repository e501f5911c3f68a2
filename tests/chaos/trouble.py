"""What breaks, and when: drawn at random from a seed, so that a run can be had again. Pure.

Moments are numbers of mails that the mail server has accepted, so that every kill meets a campaign
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
FIRST, LAST = 0.02, 0.92  # parts of the campaign between which things break


@dataclass(frozen=True)
class Trouble:
    """One misfortune."""

    after: int  # mails in the mail server's record
    wait: float  # seconds more
    kind: Kind
    down: float  # seconds that a server is away, or that a process is stopped past its lease


def plan(seed: int, people: int, kills: int, servers: tuple[Kind, ...]) -> list[Trouble]:
    """Return everything that will break, in order: `kills` of workers, and these servers."""
    draw = random.Random(f"trouble {seed}")
    kinds = [KILLS[number % len(KILLS)] for number in range(kills)]
    found = [
        Trouble(
            after=int(people * draw.uniform(FIRST, LAST)),
            wait=draw.uniform(0, 0.7),
            kind=kind,
            down=draw.uniform(0.2, 3.0),
        )
        for kind in (*kinds, *servers)
    ]
    return sorted(found, key=lambda trouble: trouble.after)
