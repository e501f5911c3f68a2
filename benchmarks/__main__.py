"""Run the benchmarks: `make bench` runs all, `make bench ARGS=sending` one.

Each prints ratios against a reference that is measured in the same run, because machines are noisy
and a rate alone says little.
"""

import argparse
import importlib
import os

NAMES = ("composing", "sending", "tracking", "importing")


def main() -> None:
    """Run the benchmarks that the command line names, or all of them."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help="which; all when left out")
    for name in parser.parse_args().names or NAMES:
        print(f"\n== {name} ==", flush=True)
        importlib.import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
