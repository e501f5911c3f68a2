"""`make bench`: the measurements of benchmarks/, on private servers that keep their guarantees.

`make bench-sending` is `scripts/bootstrap.py bench sending`; arguments go to that benchmark.
"""

import sys

from scripts.private import with_servers


def main(arguments: list[str]) -> int:
    """Run `python -m benchmarks` and return its exit code."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return with_servers(
        lambda environment, supervisor: supervisor.foreground(command, environment), durable=True
    )
