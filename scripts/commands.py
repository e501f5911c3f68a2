"""What `make` and scripts/bootstrap.py understand, and which packages each command needs.

Stdlib only, as everything that it imports before .venv exists.
"""

import argparse
import importlib
import os
import sys

from scripts import installing

# command -> (module with main(arguments) -> exit code, lock file, help)
COMMANDS = {
    "run": ("scripts.run", installing.RUN, "start everything, and stop it with Ctrl-C"),
    "services": ("scripts.serve", installing.RUN, "start PostgreSQL and Redis only"),
    "manage": ("scripts.manage", installing.RUN, "run a manage.py command on this installation"),
    "test": ("scripts.test", installing.DEVELOP, "run the tests; arguments go to pytest"),
    "check": ("scripts.check", installing.DEVELOP, "format, lint, types, layers, migrations"),
    "bench": ("scripts.bench", installing.DEVELOP, "measure, against references"),
    "chaos": ("scripts.chaos", installing.DEVELOP, "break everything while mail is sent, or read"),
    "setup": (None, installing.DEVELOP, "only make .venv and fill it"),
}


def main(arguments: list[str]) -> int:
    """Run one command inside .venv, which is made first. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/bootstrap.py", description=__doc__)
    choices = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, _, description) in COMMANDS.items():
        choices.add_parser(name, help=description, add_help=False)
    known, rest = parser.parse_known_args(arguments[:1])
    rest += arguments[1:]
    module, lock, _ = COMMANDS[known.command]
    try:
        installing.ensure(lock)
    except installing.InstallProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    if module is None:
        print("Ready: .venv is complete.")
        return 0
    if not installing.inside():
        python = str(installing.PYTHON)
        script = str(installing.ROOT / "scripts" / "bootstrap.py")
        os.execv(python, [python, script, known.command, *rest])
    return int(importlib.import_module(module).main(rest))
