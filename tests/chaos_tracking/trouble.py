"""What breaks, how often, and for how long. Pure; when it does is drawn by tests.chaos.trouble."""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What is done to whom."""

    EDGE_KILL = "SIGKILL of an edge"
    EDGE_WORKER = "SIGKILL of an edge's serving process alone"
    EDGE_STOP = "SIGSTOP of an edge, then SIGCONT"
    EDGE_TERM = "SIGTERM to an edge"
    EDGE_ALL = "SIGKILL of both edges"
    EDGE_REPLAY = "SIGKILL of an edge in the middle of a replay"
    REDIS_KILL = "SIGKILL of Redis"
    REDIS_STOP = "SIGSTOP of Redis, then SIGCONT"
    REDIS_TERM = "SIGTERM to Redis"
    REDIS_FULL = "Redis full, ingesters killed meanwhile"
    INGEST_KILL = "SIGKILL of an ingester"
    INGEST_STOP = "SIGSTOP of an ingester, then SIGCONT"
    INGEST_LONG = "SIGSTOP of an ingester past DEAD_AFTER, then SIGCONT"
    INGEST_TERM = "SIGTERM to an ingester"
    POSTGRES_KILL = "SIGKILL of PostgreSQL"
    POSTGRES_STOP = "SIGSTOP of PostgreSQL, then SIGCONT"
    POSTGRES_FAST = "PostgreSQL restarted (fast)"
    POSTGRES_CRASH = "PostgreSQL crashed (immediate)"
    POSTGRES_LONG = "PostgreSQL away for long"


class Size(NamedTuple):
    """How large a trial is."""

    hits: int
    rate: float  # hits a second
    clients: int
    kinds: tuple[Kind, ...]
    away: tuple[float, float]  # seconds that a part is away


# Seconds more than what is drawn, for what takes its time to matter.
LONGER = {
    Kind.EDGE_REPLAY: 2.0,  # until there is something to replay
    Kind.INGEST_LONG: 32.0,  # tracking.stream.DEAD_AFTER is 30
    Kind.POSTGRES_LONG: 30.0,
    Kind.REDIS_FULL: 1.0,
}

_ONCE = tuple(Kind)
_OFTEN = tuple(kind for kind in Kind if kind not in (Kind.INGEST_LONG, Kind.POSTGRES_LONG))
_MOST = (Kind.EDGE_KILL, Kind.EDGE_REPLAY, Kind.REDIS_KILL, Kind.INGEST_KILL, Kind.POSTGRES_KILL)
# Long enough for the first minute to be judged again (tracking/judging.py) while all breaks.
FULL = Size(200_000, 520.0, 96, _ONCE + _OFTEN + _MOST, (0.2, 4.0))
SHORT = Size(
    4_000,
    200.0,
    24,
    (
        Kind.EDGE_KILL,
        Kind.EDGE_REPLAY,
        Kind.REDIS_KILL,
        Kind.REDIS_FULL,
        Kind.INGEST_KILL,
        Kind.INGEST_STOP,
        Kind.POSTGRES_KILL,
    ),
    (0.2, 1.5),
)
