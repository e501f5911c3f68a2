"""`make chaos ARGS=...`: run the trials that are named, print what came of each, fail if one did."""

import argparse
import os
import random
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import django
from rich.console import Console

from tests.chaos.stage import Stage
from tests.chaos.trouble import Kind

BOUND = 600  # seconds, for everything together

_SERVERS = (Kind.REDIS, Kind.REDIS_EMPTY, Kind.POSTGRES, Kind.POSTGRES_CRASH)
_NAMES = ("plain", "tls", "no-pipelining", "closes-after-20")


def variants(names: list[str]):
    """Return what is to be tried. All of them have to fit into ten minutes."""
    from tests.chaos.trial import Variant

    if names == ["short"]:
        servers = (Kind.REDIS_EMPTY, Kind.POSTGRES_CRASH)
        return [Variant("short", 3_000, 6, servers, workers=2, seconds=0.05)]
    plain = Variant("plain", 100_000, 30, _SERVERS * 2)
    smaller = {
        "tls": Variant("tls", 15_000, 6, _SERVERS, tls=True, seconds=0.01),
        "no-pipelining": Variant(
            "no-pipelining", 15_000, 6, _SERVERS, pipelining=False, seconds=0.01
        ),
        "closes-after-20": Variant(
            "closes-after-20", 15_000, 6, _SERVERS, mails_per_connection=20, seconds=0.01
        ),
    }
    if names == ["all"]:
        names = list(_NAMES)
    return [smaller.get(name, plain) for name in names]


def main(arguments: list[str]) -> int:
    """Return the exit code."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    choices = [*_NAMES, "all", "short", "hosts", "leaving", "pause"]
    parser.add_argument("what", nargs="*", default=["plain"], choices=choices, metavar="WHAT")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--within", type=int, default=BOUND, help="seconds for everything")
    parser.add_argument("--folder", type=Path, help="where everything goes, and stays")
    parser.add_argument("--people", type=int, help="another size of the campaigns")
    options = parser.parse_args(arguments)
    folder = options.folder or Path(tempfile.mkdtemp(prefix="broadsheet-chaos-"))
    folder.chmod(0o711)
    console = Console()
    console.print(f'Seed {options.seed} (again: make chaos ARGS="... --seed {options.seed}")')
    console.print(f"Logs and records: {folder}")
    return _run(options, folder, console)


def _run(options: argparse.Namespace, folder: Path, console: Console) -> int:
    end = time.monotonic() + options.within
    with Stage(folder) as stage:
        os.environ.update(stage.environment)
        django.setup()
        from tests.chaos import table, trial

        trials = []
        for variant in variants(options.what):
            if options.people:
                variant = replace(variant, people=options.people)
            with table.progress(console, variant.name, variant.people) as progress:
                left = end - time.monotonic() - 10
                trials.append(trial.run(stage, variant, options.seed, left, progress))
            table.show(console, trials[-1])
    for each in trials:
        console.print(f"{each.variant.name}: {each.verdict}", soft_wrap=True)
    return 0 if all(each.is_good for each in trials) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
