"""Set Broadsheet up and start it: python3 scripts/bootstrap.py run (see --help for the rest).

Needs nothing but Python: it makes .venv, fills it from a lock file, and goes on inside it.
This one file keeps to the syntax of old Pythons, so that they can say what is wrong.
"""

import os
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036  (an old python3 is what this is about)
    # Executed, not only looked up: a version manager's shim may exist and still not work.
    for name in ("python3.14", "python3.13", "python3.12", "python3.11"):
        try:
            old = subprocess.call([name, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"])
        except OSError:
            continue
        if old == 0:
            os.execvp(name, [name] + sys.argv)  # noqa: RUF005  (old syntax)
    sys.exit(
        "Broadsheet needs Python 3.11 or newer and found only %d.%d: install one with "  # noqa: UP031
        "`sudo apt install python3.11` or `brew install python`, then try again."
        % sys.version_info[:2]
    )

# Started by path, Python looks for modules beside this file; ours are named scripts.x.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from scripts import commands  # noqa: E402

if __name__ == "__main__":
    sys.exit(commands.main(sys.argv[1:]))
