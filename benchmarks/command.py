"""The command line of a benchmark that has legs: runs those it names, and prints a table."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

from benchmarks.report import Incomplete, Ratio, say, table


def parser(benchmark: str, legs: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser of the arguments that every benchmark with legs understands."""
    found = argparse.ArgumentParser(prog=f"benchmarks {benchmark}")
    found.add_argument("legs", nargs="*", metavar="LEG", help=f"of {', '.join(legs)}; else all")
    found.add_argument("--quick", action="store_true", help="little of everything, to try it")
    found.add_argument("--rounds", type=int, help="of each ratio's two sides")
    return found


def parsed(parser: argparse.ArgumentParser, legs: Sequence[str]) -> argparse.Namespace:
    """Return the arguments, with all legs when none is named. Exits on one that does not exist."""
    chosen = parser.parse_args()
    if unknown := set(chosen.legs) - set(legs):
        parser.error(f"no such leg: {', '.join(sorted(unknown))} (there are {', '.join(legs)})")
    chosen.legs = chosen.legs or list(legs)
    return chosen


def end_in_order() -> None:
    """On SIGTERM, leave every block: what was started is stopped, what was made is removed."""
    signal.signal(signal.SIGTERM, _exit)


def measured(legs: Iterable[str], measure: Callable[[str], Iterable[Ratio]]) -> int:
    """Measure one leg after the other, and print what was found.

    Returns the exit code: 0 whatever the ratios are, 1 when a leg did not complete.
    """
    ratios: list[Ratio] = []
    failures: list[str] = []
    for name in legs:
        say(f"-- {name}")
        try:
            ratios.extend(measure(name))
        except Incomplete as problem:
            failures.append(f"{name}: {problem}")
    if ratios:
        print(table(ratios))
    for failure in failures:
        print(f"DID NOT COMPLETE: {failure}")
    return 1 if failures else 0


def _exit(*_: object) -> NoReturn:
    sys.exit(143)
