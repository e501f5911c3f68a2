"""How much each leg does."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """The size of one round, by leg."""

    rounds: int
    seconds: int  # of load on the edge, and as many on its reference
    tokens: int  # people whose mail is opened, one after the other
    events: int  # that are stored, and copied by the reference


WHOLE = Sizes(rounds=3, seconds=6, tokens=50_000, events=600_000)
QUICK = Sizes(rounds=1, seconds=2, tokens=5_000, events=60_000)
