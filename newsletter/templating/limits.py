"""What a template may cost, and the budget of one rendering."""

from collections.abc import Iterable, Iterator
from typing import Any

from newsletter.templating.problems import LimitReached

SOURCE = 1_000_000  # characters of one text
TAGS = 5_000  # {{ }}, {% %} and {# #} in one text
DEPTH = 60  # of the syntax tree
LOOPS_DEEP = 4  # a loop in a loop in a loop in a loop
RANGE = 1_000
STEPS = 10_000  # turns of all loops and calls of all macros and functions, in one rendering
CHARACTERS = 2_000_000  # made by loops, joined and buffered, in one rendering
NUMBER = 10**15  # what may be multiplied
ITEMS = 1_000  # in a list that the template makes, with all that its items hold


class Budget:
    """What one rendering has left."""

    __slots__ = ("characters", "steps")

    def __init__(self) -> None:
        self.steps = STEPS
        self.characters = CHARACTERS

    def step(self) -> None:
        """Pay for one turn of a loop, or one call."""
        self.steps -= 1
        if self.steps < 0:
            raise LimitReached(f"The loops here take more than {STEPS:,} turns in all.")

    def produce(self, count: int) -> None:
        """Pay for `count` characters."""
        self.characters -= count
        if self.characters < 0:
            raise LimitReached(f"This makes more than {CHARACTERS:,} characters.")


class Buffer(list[str]):
    """What a macro or a block gathers before it is put out. Draws on the budget as it grows."""

    def __init__(self, budget: Budget) -> None:
        super().__init__()
        self.budget = budget

    def append(self, chunk: str) -> None:
        """Add a chunk."""
        self.budget.produce(len(chunk))
        super().append(chunk)

    def extend(self, chunks: Iterable[str]) -> None:
        """Add several chunks."""
        for chunk in chunks:
            self.append(chunk)


class Turns:
    """The items of a loop, each paid for as it comes with the loop's own text."""

    __slots__ = ("budget", "items", "weight")

    def __init__(self, items: Iterable[Any], budget: Budget, weight: int) -> None:
        self.items = items
        self.budget = budget
        self.weight = weight

    def __iter__(self) -> Iterator[Any]:
        for item in self.items:
            self.budget.step()
            self.budget.produce(self.weight)
            yield item

    def __len__(self) -> int:
        return len(self.items)  # type: ignore[arg-type]  # TypeError for a generator, as it should


def weigh(value: Any, left: int = ITEMS) -> int:
    """Count what a value holds, all the way down. Raises LimitReached beyond ITEMS.

    A list of lists of lists costs its maker little and its printer, or comparer, everything.
    """
    if not isinstance(value, list | tuple | dict):
        return 1
    held = 1
    for item in value.values() if isinstance(value, dict) else value:
        held += weigh(item, left - held)
        if held > left:
            raise LimitReached(f"A list made here holds more than {ITEMS:,} things.")
    return held
