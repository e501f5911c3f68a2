"""`make chaos ARGS=...`: run the trials that are named, and say what came of each."""

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import django
from rich.console import Console

from tests.chaos import command, network
from tests.chaos.stage import Stage

PROGRAM = "make chaos"
NAMES = ("plain", "tls", "no-pipelining", "closes-after-20")
OTHERS = ("short", "crashes", "away", "hosts", "leaving", "pause")


def main(arguments: list[str]) -> int:
    """Return the exit code: 0 when every promise was kept."""
    options = _read(arguments)

    def trial(folder: Path, console: Console) -> int:
        with ExitStack() as stack:
            return _run(options, folder, console, stack)

    return command.run(PROGRAM, " ".join(options.what), options, trial)


def _read(arguments: list[str]) -> argparse.Namespace:
    parser = command.parser(PROGRAM, __doc__)
    choices = [*NAMES, "all", *OTHERS]
    words = f"any of {', '.join(choices)} (all: the first {len(NAMES)}); plain"
    parser.add_argument("what", nargs="*", default=["plain"], metavar="WHAT", help=words)
    parser.add_argument("--people", type=int, default=0, help="another size of the campaigns")
    parser.add_argument("--bound", type=float, default=0.25, help="seconds, for leaving")
    options = parser.parse_args(arguments)
    if unknown := set(options.what) - set(choices):
        parser.error(f"no such trial: {', '.join(sorted(unknown))}")
    return options


def _run(options: argparse.Namespace, folder: Path, console: Console, stack: ExitStack) -> int:
    names = [*NAMES] if options.what == ["all"] else [*options.what]
    end = time.monotonic() + options.within
    lines = []
    hosts: list[network.Host] = []
    if "hosts" in names:
        try:
            hosts = stack.enter_context(network.hosts())
        except network.NoNamespaces as problem:
            names.remove("hosts")
            lines.append(f"hosts: SKIPPED, since network namespaces can't be made here: {problem}")
    is_good = True
    if names:
        stage = stack.enter_context(Stage(folder, network.ADDRESSES if hosts else ()))
        os.environ.update(stage.environment)
        django.setup()
        from tests.chaos import trials  # it needs Django to be set up

        for name in names:
            # Smaller ones beside others: all have to fit into ten minutes.
            around = trials.Around(stage, console, end, options.seed, len(names) > 1, hosts)
            try:
                result = trials.run(name, around, people=options.people, bound=options.bound)
            except TimeoutError as problem:
                lines.append(f"{name}: FAILED, {problem}")
                is_good = False
                continue
            lines.append(f"{name}: {result.summary}")
            is_good = is_good and result.is_good
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
