"""Lets whoever waits for a long judgement have a word now and then."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Pulse = Callable[[], None]  # what it raises ends the judgement
Item = TypeVar("Item")

_EVERY = 1000  # items: some hundredths of a second's work


def silent() -> None:
    """Say nothing."""


def beating(items: Iterable[Item], pulse: Pulse) -> Iterator[Item]:
    """Yield `items`, and call `pulse` before the first and every thousandth of them."""
    for count, item in enumerate(items):
        if not count % _EVERY:
            pulse()
        yield item
