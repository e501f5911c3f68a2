"""Run the legs that the command line names, or all, and print a table of them."""

import argparse
import signal
import sys
from importlib import import_module
from typing import NoReturn

import django

from benchmarks.report import Incomplete, Ratio, say, table
from benchmarks.tracking.sizes import QUICK, WHOLE, Sizes

LEGS = ("edge", "ingest", "reports")


def main() -> int:
    """Return the exit code: 0 whatever the ratios are, 1 when a leg found something missing."""
    signal.signal(signal.SIGTERM, _stop)  # so that everything that was started is stopped
    legs, sizes = _arguments()
    django.setup()
    ratios: list[Ratio] = []
    failures: list[str] = []
    for name in legs:
        say(f"-- {name}")
        # Imported only now: each imports models, which can be imported after django.setup only.
        measure = import_module(f"benchmarks.tracking.{name}").measure
        try:
            ratios.extend(measure(sizes))
        except Incomplete as problem:
            failures.append(f"{name}: {problem}")
    if ratios:
        print(table(ratios))
    for failure in failures:
        print(f"DID NOT COMPLETE: {failure}")
    return 1 if failures else 0


def _arguments() -> tuple[list[str], Sizes]:
    parser = argparse.ArgumentParser(prog="benchmarks tracking", description=__doc__)
    parser.add_argument("legs", nargs="*", metavar="LEG", help=f"of {', '.join(LEGS)}; else all")
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it")
    parser.add_argument("--rounds", type=int, help="of each ratio's two sides")
    parser.add_argument("--keep", action="store_true", help="the databases of `reports`, for more")
    chosen = parser.parse_args()
    if unknown := set(chosen.legs) - set(LEGS):
        parser.error(f"no such leg: {', '.join(sorted(unknown))} (there are {', '.join(LEGS)})")
    sizes = QUICK if chosen.quick else WHOLE
    sizes = sizes._replace(keep=chosen.keep)
    if chosen.rounds:
        sizes = sizes._replace(rounds=chosen.rounds)
    return chosen.legs or list(LEGS), sizes


def _stop(*_: object) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
