"""Read reports of mail servers about mails that could not be delivered, one mail in each file.

For a mail server that hands over what comes to the bounce addresses: an alias that pipes each mail
into "manage.py read_bounces -", or a folder of such mails. May be run again with the same mails.
Exit codes: 0 read, 1 some files can't be read.
"""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from newsletter import bounces


class Command(BaseCommand):
    """Settle mails in doubt by what mail servers report."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the mails, and to whom they came."""
        parser.add_argument("files", nargs="+", metavar="FILE", help="a mail; - for the input")
        parser.add_argument(
            "--to",
            default="",
            metavar="ADDRESS",
            help="the address that it came to, where no header of the mail says it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Read each, and print how many had which effect."""
        effects: Counter[bounces.Effect] = Counter()
        bad = 0
        for name in options["files"]:
            try:
                effects[bounces.take(_read(name), options["to"])] += 1
            except OSError as error:
                bad += 1
                self.stderr.write(f"{name} can't be read: {error.strerror}")
        for effect, count in effects.items():
            self.stdout.write(f"{count} {effect.value}")
        if bad:
            raise CommandError(f"{bad} files could not be read.")


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read(bounces.LARGEST)
    with Path(name).open("rb") as file:
        return file.read(bounces.LARGEST)
