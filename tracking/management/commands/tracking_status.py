"""Show how far tracking is behind its readers. Exit codes: 0 shown, 1 Redis does not answer."""

import json
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from tracking import lag, stream


class Command(BaseCommand):
    """Show what waits to be stored and to be judged."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the lag."""
        try:
            now = lag.lag()
        except stream.AWAY as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        if options["json"]:
            self.stdout.write(json.dumps(now._asdict(), indent=2))
            return
        self.stdout.write(
            f"to be stored: {now.packs:,} packs, the oldest for {now.seconds:.0f} s\n"
            f"to be judged again: {now.minutes:,} minutes, the oldest for "
            f"{now.judging_seconds:.0f} s; whole days for {now.looking_seconds:.0f} s"
        )
        if now.set_aside:
            self.stdout.write(
                f"set aside: {now.set_aside:,} packs that could not be stored. After an upgrade, "
                "manage.py read_set_aside tries again."
            )
