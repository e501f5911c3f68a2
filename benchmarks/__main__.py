"""Run the benchmarks: `make bench` runs all, `make bench-sending` one.

    python -m benchmarks [NAME ...]
    python -m benchmarks sending [LEG ...] [--quick] [--rounds N]
    python -m benchmarks tracking [LEG ...] [--quick] [--rounds N] [--keep]

Each prints ratios against a reference that is measured in the same run, because machines are noisy
and a rate alone says little. Each runs in a process of its own, so that none inherits the settings,
the memory or the rubbish of the one before.
"""

import os
import signal
import subprocess
import sys
from itertools import takewhile

NAMES = ("composing", "sending", "tracking", "importing", "listing")
WITH_ARGUMENTS = {"sending", "tracking"}


def main(arguments: list[str]) -> int:
    """Run the benchmarks that the arguments name, or all of them. Returns 1 when one failed."""
    names = list(takewhile(NAMES.__contains__, arguments))
    rest = arguments[len(names) :]
    if rest and not (len(names) == 1 and names[0] in WITH_ARGUMENTS):
        print(__doc__, f"The benchmarks are {', '.join(NAMES)}.", sep="\n", file=sys.stderr)
        return 2
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    codes = []
    for name in names or NAMES:
        print(f"\n== {name} ==", flush=True)
        codes.append(_run([sys.executable, "-m", f"benchmarks.{name}", *rest]))
    return int(any(codes))


def _run(command: list[str]) -> int:
    with subprocess.Popen(command) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()  # it removes what it has made; leaving the block waits for that
            raise


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
