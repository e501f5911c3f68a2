"""How much each leg does."""

from typing import NamedTuple


class Sizes(NamedTuple):
    """The size of one round, by leg."""

    rounds: int
    seconds: int  # of load on the edge, and as many on its reference
    tokens: int  # people whose mail is opened, one after the other
    events: int  # that are stored, and copied by the reference
    looked_at: int  # events of three days, of which one is judged
    few: int  # events, when the same pages are opened over few and over many
    many: int
    keep: bool = False  # the databases of these, which take minutes to make


WHOLE = Sizes(
    rounds=3, seconds=6, tokens=50_000, events=600_000, looked_at=190_000,
    few=1_000_000, many=10_000_000,
)  # fmt: skip
QUICK = Sizes(
    rounds=1, seconds=2, tokens=5_000, events=60_000, looked_at=20_000,
    few=50_000, many=500_000,
)  # fmt: skip
