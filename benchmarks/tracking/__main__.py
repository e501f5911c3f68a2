"""Run the legs of tracking that the command line names, or all: `make bench-tracking`."""

import sys
from collections.abc import Iterable
from functools import partial
from importlib import import_module

import django

from benchmarks import command
from benchmarks.report import Ratio
from benchmarks.tracking.sizes import QUICK, WHOLE, Sizes

LEGS = ("edge", "ingest", "judging", "reports")


def main() -> int:
    """Return the exit code: 0 whatever the ratios are, 1 when a leg found something missing."""
    command.end_in_order()
    parser = command.parser("tracking", LEGS)
    parser.add_argument("--keep", action="store_true", help="the databases of `reports`, for more")
    chosen = command.parsed(parser, LEGS)
    sizes = QUICK if chosen.quick else WHOLE
    sizes = sizes._replace(keep=chosen.keep, rounds=chosen.rounds or sizes.rounds)
    django.setup()
    return command.measured(chosen.legs, partial(_measure, sizes))


def _measure(sizes: Sizes, name: str) -> Iterable[Ratio]:
    # Imported only now: each imports models, which can be imported after django.setup only.
    found: Iterable[Ratio] = import_module(f"benchmarks.tracking.{name}").measure(sizes)
    return found


if __name__ == "__main__":
    sys.exit(main())
