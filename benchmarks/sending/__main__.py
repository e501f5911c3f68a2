"""Run the legs of sending that the command line names, or all: `make bench-sending`."""

import sys
from functools import partial

from benchmarks import command
from benchmarks.report import Ratio
from benchmarks.sending import place, postfix
from benchmarks.sending.sizes import QUICK, WHOLE, Sizes

LEGS = ("one", "two", "django", "delay", "million")


def main() -> int:
    """Return the exit code: 0 whatever the ratios are, 1 when a campaign did not complete."""
    command.end_in_order()
    chosen = command.parsed(command.parser("sending", LEGS), LEGS)
    sizes = QUICK if chosen.quick else WHOLE
    sizes = sizes._replace(rounds=chosen.rounds or sizes.rounds)
    if not postfix.is_here():
        print("LEFT OUT: smtp-source and smtp-sink are not here (Debian package postfix).")
        return 0
    with place.prepared(sizes.largest(chosen.legs)):
        return command.measured(chosen.legs, partial(_measure, sizes))


def _measure(sizes: Sizes, name: str) -> list[Ratio]:
    # Their modules import models, which can be imported after django.setup only.
    from benchmarks.sending import legs

    measure = {
        "one": legs.one_worker,
        "two": legs.two_workers,
        "django": legs.against_django,
        "delay": legs.over_a_delay,
        "million": legs.a_million,
    }[name]
    return measure(sizes)


if __name__ == "__main__":
    sys.exit(main())
