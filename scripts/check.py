"""`make check`: everything that can be said about the code without running it. All of it is run."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.installing import ROOT
from scripts.private import with_servers
from scripts.supervisor import Supervisor

# What an installation in production looks like, for Django's own deployment checks.
_PRODUCTION = {
    "SECRET_KEY": "checks-only-0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOP",
    "TRACKING_KEYS": "checks-only-tracking-key-0123456789",
    "SUPPRESSION_KEY": "checks-only-suppression-key-0123456789",
    "ENCRYPTION_KEYS": "checks-only-encryption-key-0123456789",
    "PUBLIC_URL": "https://news.example.org",
    "SMTP_URL": "smtp://mail.example.org:587?tls=starttls",
    "DEFAULT_FROM": "The Daily Example <news@example.org>",
    "DJANGO_SETTINGS_MODULE": "newsletter.settings",
}


def main(arguments: list[str]) -> int:
    """Run all checks, say which failed, and return 1 if any did."""
    if arguments:
        print("check takes no arguments.", file=sys.stderr)
        return 2
    return with_servers(_check, durable=False)


def _check(servers: Mapping[str, str], supervisor: Supervisor) -> int:
    tools = Path(sys.executable).parent
    environment = {**_without_settings(), **{k: servers[k] for k in ("DATABASE_URL", "REDIS_URL")}}
    environment |= _PRODUCTION
    manage = [sys.executable, "manage.py"]
    checks = {
        "format": [str(tools / "ruff"), "format", "--check", "."],
        "lint": [str(tools / "ruff"), "check", "."],
        "types": [sys.executable, "-m", "mypy"],
        "layers": [str(tools / "lint-imports")],
        "migrations": [*manage, "makemigrations", "--check", "--dry-run"],
        "deployment": [*manage, "check", "--deploy", "--fail-level", "WARNING"],
    }
    failed = []
    for name, command in checks.items():
        supervisor.say(f"{name}: {' '.join([Path(command[0]).name, *command[1:]])}")
        if supervisor.foreground(command, environment) != 0:
            failed.append(name)
    if addresses := _addresses_in_locks():
        supervisor.say(f"Lock files must not hold addresses: {', '.join(addresses)}")
        failed.append("locks")
    supervisor.say(f"FAILED: {', '.join(failed)}" if failed else "All checks passed.")
    return 1 if failed else 0


def _without_settings() -> dict[str, str]:
    """Return what of our environment has nothing to do with Broadsheet."""
    keep = ("PATH", "HOME", "LANG", "LC_ALL", "TERM", "TMPDIR", "NO_COLOR", "FORCE_COLOR", "CI")
    return {name: os.environ[name] for name in keep if name in os.environ}


def _addresses_in_locks() -> list[str]:
    """Return the lock files that would tie others to this machine's package index."""
    return [lock.name for lock in sorted(ROOT.glob("*.lock")) if "://" in lock.read_text()]
