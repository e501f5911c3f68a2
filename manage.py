#!/usr/bin/env python3
"""Django's command line. In a second terminal it meets the installation that `make run` runs."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def meet_running_installation() -> None:
    """Take what is not set from RUN_DIR/env, which the launcher keeps while it runs.

    Not when DATABASE_URL names another database: that is another installation.
    """
    path = Path(os.environ.get("RUN_DIR") or ROOT / ".run") / "env"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    kept = dict(line.partition("=")[::2] for line in lines if not line.startswith("#"))
    if os.environ.get("DATABASE_URL", kept.get("DATABASE_URL")) == kept.get("DATABASE_URL"):
        for name, value in kept.items():
            os.environ.setdefault(name, value)


def main() -> None:
    """Run one command."""
    meet_running_installation()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "newsletter.settings")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        sys.exit("Django is not here: use .venv/bin/python (`make setup` makes it).")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
