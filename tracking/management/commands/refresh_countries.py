"""Check a database of countries, and use it from now on. Exit codes: 0 installed, 1 it is bad."""

from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from tracking import countries


class Command(BaseCommand):
    """Check a database of countries and put it to TRACKING_COUNTRIES. Nothing is fetched.

    Ingest uses it within about a minute; `recount_events` gives old hits their countries.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file's name."""
        parser.add_argument("file", type=Path, help="a database of countries in MMDB format")

    def handle(self, *args: Any, **options: Any) -> None:
        """Check the database, and install it if it is good."""
        try:
            kind = countries.install(options["file"])
        except countries.BadDatabase as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"countries are known from now on: {kind}")
