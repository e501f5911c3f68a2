"""`make services`: PostgreSQL and Redis only, in the foreground."""

import sys
from pathlib import Path

from scripts import installation, services
from scripts.run import guarded
from scripts.supervisor import Supervisor


def main(arguments: list[str]) -> int:
    """Serve until somebody asks us to stop. Returns the exit code."""
    if arguments:
        print("services takes no arguments.", file=sys.stderr)
        return 2
    return guarded(installation.run_dir(), _serve)


def _serve(run_dir: Path, supervisor: Supervisor) -> int:
    servers = services.choose(run_dir)
    services.start(servers, supervisor)
    supervisor.console.plain(
        "".join(f"{name}={url}\n" for name, url in sorted(servers.urls.items()))
    )
    if not servers.programs():
        supervisor.say("Both servers are configured, so there is nothing to start.")
        return 0
    supervisor.say("Ready. Ctrl-C stops them.")
    supervisor.forever()
    return 0
