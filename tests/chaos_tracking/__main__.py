"""`make chaos-tracking ARGS=...`: run a trial, and say what came of it."""

import argparse
import os
import sys
import time
from functools import partial
from pathlib import Path

import django
from rich.console import Console

from tests.chaos import command
from tests.chaos import table as bar
from tests.chaos.stage import Stage
from tests.chaos_tracking import table
from tests.chaos_tracking.trouble import FULL, SHORT

PROGRAM = "make chaos-tracking"
SPARE = 60.0  # seconds that are kept for storing and judging


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 when every promise was kept."""
    options = _read(arguments)
    return command.run(PROGRAM, options.what, options, partial(_run, options))


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = command.parser(PROGRAM, __doc__)
    parser.add_argument("what", nargs="?", choices=("full", "short"), default="full")
    parser.add_argument("--hits", type=int, default=0, help="another number of hits")
    parser.add_argument("--rate", type=float, default=0, help="hits a second")
    return parser.parse_args(arguments)


def _run(options: argparse.Namespace, folder: Path, console: Console) -> int:
    end = time.monotonic() + options.within
    size = FULL if options.what == "full" else SHORT
    size = size._replace(hits=options.hits or size.hits, rate=options.rate or size.rate)
    with Stage(folder) as stage:
        stage.environment |= {
            "TRUSTED_PROXIES": "127.0.0.1",
            # Small, so that a PostgreSQL that is away for long fills it.
            "TRACKING_STREAM_LIMIT": "2",
        }
        os.environ.update(stage.environment)
        django.setup()
        from tests.chaos_tracking import trial  # it needs Django to be set up

        name = f"tracking, {options.what}"
        with bar.progress(console, name, size.hits, "hits") as progress:
            within = end - SPARE - time.monotonic()
            result = trial.run(stage, size, options.seed, within, progress)
    table.show(console, result.verdict, result.away, result.facts, result.problems)
    mark = "" if result.is_good else "FAILED: "
    console.print(f"tracking: {mark}{result.verdict}", soft_wrap=True, highlight=False)
    return 0 if result.is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
