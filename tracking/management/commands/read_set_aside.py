"""Try again to store hits that ingest set aside. Exit codes: 0 all are stored, 1 some are not."""

from typing import Any

from django.core.management import BaseCommand, CommandError

from tracking import stream, unreadable


class Command(BaseCommand):
    """Store what ingest had to set aside because it could not read it.

    For after an upgrade, or whenever `tracking_status` shows packs that are set aside. Nothing is
    counted twice, ingest may go on meanwhile, and what still can't be stored stays where it is.
    """

    help = __doc__
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        """Try each, and say what came of it."""
        try:
            stored, left = unreadable.read_again()
        except stream.AWAY as error:
            raise CommandError(f"Redis does not answer: {error}") from error
        self.stdout.write(f"stored: {stored:,} packs")
        if left:
            reasons = "".join(f"\n  {count:,}: {reason}" for reason, count in left.items())
            raise CommandError(f"still set aside: {sum(left.values()):,} packs{reasons}")
