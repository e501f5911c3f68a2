"""Bring the database up to date and make sure that somebody can sign in."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import BaseCommand, CommandError, call_command
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

ADMIN = "admin"


class Command(BaseCommand):
    """Migrate, if there is something to migrate; make the first account, if there is none.

    Running it again changes nothing. The password comes through standard input, where neither the
    process list nor a file shows it. Prints `admin: made`, `admin: known` (the account is there and
    the password fits), `admin: other` (people have accounts of their own).
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take --first-admin."""
        parser.add_argument(
            "--first-admin",
            action="store_true",
            help=f"make the account {ADMIN!r} with the password on standard input, if there is "
            "no superuser yet",
        )

    def handle(self, *args: Any, first_admin: bool, **options: Any) -> None:
        """Do both, in this order."""
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.stdout.write(f"Bringing the database up to date: {len(plan)} steps.")
            call_command("migrate", interactive=False, verbosity=options["verbosity"] - 1)
        if first_admin:
            password = sys.stdin.readline().strip()
            if len(password) < 12:
                raise CommandError("The first password needs at least 12 characters.")
            self.stdout.write(f"admin: {self._ensure_admin(password)}")

    def _ensure_admin(self, password: str) -> str:
        users = get_user_model()._default_manager
        if not users.filter(is_superuser=True).exists():
            get_user_model().objects.create_superuser(ADMIN, "", password)
            return "made"
        admin = users.filter(username=ADMIN, is_superuser=True, is_active=True).first()
        return "known" if admin and admin.check_password(password) else "other"
