"""Which server's turn it is: by priority, and among equals by weight. Pure.

Every connection asks for mail when it can take some, so a quick server would get more than its
weight. It may run ahead of the others by SLACK mails for each unit of weight; then it waits for
them. A server that stands still, or whose limit is reached, is waited for by nobody; nor is one
that could never keep up, which would make everything as slow as itself.
"""

from collections.abc import Iterable
from typing import Protocol

SLACK = 100.0  # mails, for each unit of weight
TOO_SLOW = 3.0  # times what a server can take, for each unit of weight: then nobody waits for it
STANDING = 5.0  # seconds without an accepted mail after which a server stands still


class Share(Protocol):
    """What is to be known of a server."""

    served: float  # mails offered, for each unit of weight
    moved_at: float  # when it last accepted a mail, on the monotonic clock

    @property
    def capacity(self) -> float:
        """How many mails a second it could take, for each unit of weight; 0: not known."""

    @property
    def priority(self) -> int:
        """Lower goes first."""

    @property
    def is_usable(self) -> bool:
        """Whether it takes mails now."""


def is_turn_of(one: Share, others: Iterable[Share], now: float) -> bool:
    """Whether `one` may take a mail that any of `others` could take too."""
    for other in others:
        if other is one or not other.is_usable or now - other.moved_at > STANDING:
            continue
        if other.priority < one.priority:
            return False
        is_ahead = other.priority == one.priority and one.served > other.served + SLACK
        if is_ahead and not _is_too_slow(other, one):
            return False
    return True


def _is_too_slow(other: Share, one: Share) -> bool:
    return 0 < other.capacity * TOO_SLOW < one.capacity


def catch_up(lanes: Iterable[Share], now: float) -> None:
    """Let nobody be waited for because of the time in which they stood still."""
    everybody = list(lanes)
    moving = [each for each in everybody if each.is_usable and now - each.moved_at <= STANDING]
    least = min((each.served for each in moving), default=0.0)
    for each in everybody:
        each.served = max(each.served, least)
