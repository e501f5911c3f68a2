"""How much each leg sends."""

from collections.abc import Iterable
from typing import NamedTuple


class Sizes(NamedTuple):
    """Mails of one round, by leg."""

    rounds: int
    warm_up: int  # mails before the first round, which nobody counts
    people: int  # a campaign of one or two workers, and as many for smtp-source
    django: int  # a rate is all that is asked of it, and it is slow
    delayed: int
    few: int  # the campaign that a million's memory is compared with
    many: int

    def largest(self, legs: Iterable[str]) -> int:
        """Return how many people have to be there for some legs."""
        return max(self.many if leg == "million" else self.people for leg in legs)


WHOLE = Sizes(
    rounds=5, warm_up=10_000, people=100_000, django=2_000, delayed=3_000, few=10_000,
    many=1_000_000,
)  # fmt: skip
QUICK = Sizes(
    rounds=2, warm_up=1_000, people=6_000, django=200, delayed=400, few=2_000, many=20_000,
)  # fmt: skip
