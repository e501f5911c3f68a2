#!/usr/bin/env python3
"""Django's command line. Without DATABASE_URL it meets the installation that `make run` runs."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def meet_running_installation() -> None:
    """Take what is not set from RUN_DIR/env, which the launcher keeps while it runs."""
    if os.environ.get("DATABASE_URL"):
        return
    path = Path(os.environ.get("RUN_DIR") or ROOT / ".run") / "env"
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
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
