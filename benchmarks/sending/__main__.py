"""Run the legs that the command line names, or all, and print a table of them."""

import argparse
import signal
import sys
from typing import NoReturn

from benchmarks.report import Incomplete, Ratio, say, table
from benchmarks.sending import place, postfix
from benchmarks.sending.sizes import QUICK, WHOLE, Sizes

LEGS = ("one", "two", "django", "delay", "million")


def main() -> int:
    """Return the exit code: 0 whatever the ratios are, 1 when a campaign did not complete."""
    signal.signal(signal.SIGTERM, _stop)  # so that everything that was started is stopped
    legs, sizes = _arguments()
    if not postfix.is_here():
        print("LEFT OUT: smtp-source and smtp-sink are not here (Debian package postfix).")
        return 0
    ratios: list[Ratio] = []
    failures: list[str] = []
    with place.prepared(sizes.largest(legs)):
        for name in legs:
            say(f"-- {name}")
            try:
                ratios.extend(_measure(name, sizes))
            except Incomplete as problem:
                failures.append(f"{name}: {problem}")
    if ratios:
        print(table(ratios))
    for failure in failures:
        print(f"DID NOT COMPLETE: {failure}")
    return 1 if failures else 0


def _arguments() -> tuple[list[str], Sizes]:
    parser = argparse.ArgumentParser(prog="benchmarks sending", description=__doc__)
    parser.add_argument("legs", nargs="*", metavar="LEG", help=f"of {', '.join(LEGS)}; else all")
    parser.add_argument("--quick", action="store_true", help="small campaigns, to try it")
    parser.add_argument("--rounds", type=int, help="of each ratio's two sides; else five")
    chosen = parser.parse_args()
    if unknown := set(chosen.legs) - set(LEGS):
        parser.error(f"no such leg: {', '.join(sorted(unknown))} (there are {', '.join(LEGS)})")
    sizes = QUICK if chosen.quick else WHOLE
    if chosen.rounds:
        sizes = sizes._replace(rounds=chosen.rounds)
    return chosen.legs or list(LEGS), sizes


def _measure(name: str, sizes: Sizes) -> list[Ratio]:
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


def _stop(*_: object) -> NoReturn:
    sys.exit(143)


if __name__ == "__main__":
    sys.exit(main())
