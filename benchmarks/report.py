"""What is printed: progress on standard error, figures and the table on standard output."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


class Incomplete(Exception):
    """Something is missing at the end, or broke: there is no number to print."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one leg found. `ours` and `reference` are medians, in words, with their units."""

    leg: str
    ours: str
    reference: str
    ratios: Sequence[float]  # one for each round
    aim: float | None  # None: it is for comparison only
    at_most: bool = False  # the aim is an upper bound

    @property
    def ratio(self) -> float:
        """Return the median."""
        return median(self.ratios)

    @property
    def is_met(self) -> bool:
        """Whether the median reaches the aim."""
        if self.aim is None:
            return True
        return self.ratio <= self.aim if self.at_most else self.ratio >= self.aim


def say(text: str) -> None:
    """Show that something goes on."""
    print(text, file=sys.stderr, flush=True)


def rate(mails: int, seconds: Sequence[float]) -> str:
    """Return the median rate of some rounds, in words."""
    return f"{mails / median(seconds):,.0f} mails/s"


def table(ratios: Sequence[Ratio]) -> str:
    """Return all legs, one a line."""
    rows = [("leg", "ours", "reference", "ratio", "of rounds", "aim", "")]
    for found in ratios:
        rows.append(
            (
                found.leg,
                found.ours,
                found.reference,
                f"{found.ratio:.2f}",
                f"{min(found.ratios):.2f} to {max(found.ratios):.2f}",
                *_aimed(found),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths).rstrip())
    return "\n" + "\n".join(lines)


def _aimed(found: Ratio) -> tuple[str, str]:
    if found.aim is None:
        return "", ""
    bound = f"{'<=' if found.at_most else '>='} {found.aim:g}"
    return bound, "met" if found.is_met else "MISSED"
