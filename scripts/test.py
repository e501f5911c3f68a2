"""`make test`: the whole suite on real servers, browser included when there is one.

Tests that start the real processes run alone, after the others have run in two processes.
"""

import sys
from collections.abc import Mapping

from scripts.browser import find_browser
from scripts.installing import ROOT
from scripts.private import with_servers
from scripts.supervisor import Supervisor

_NOTHING_COLLECTED = 5  # pytest's exit code


def main(arguments: list[str]) -> int:
    """Run pytest and return the worst exit code. With arguments, pytest gets them as they are."""
    return with_servers(lambda env, boss: _run(env, boss, arguments), durable=False)


def _run(environment: Mapping[str, str], supervisor: Supervisor, arguments: list[str]) -> int:
    pytest = [sys.executable, "-m", "pytest", "--rootdir", str(ROOT)]
    if arguments:
        return supervisor.foreground([*pytest, *arguments], environment)
    browser = find_browser()
    rounds = [["-n", "2", "-m", "not e2e"], ["-m", "e2e"]]
    codes = [supervisor.foreground([*pytest, *options], environment) for options in rounds]
    failed = max(0 if code == _NOTHING_COLLECTED else code for code in codes)
    if not browser:
        print(_LOUD, flush=True)
    return failed


_LOUD = """
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
!!  LEFT OUT: every test that needs a browser, because none was found here.    !!
!!  Install one (`sudo apt install chromium`, `brew install --cask chromium`)  !!
!!  or name one in BROWSER_PATH, and run `make test` again.                    !!
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
"""
