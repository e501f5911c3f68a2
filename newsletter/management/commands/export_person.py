"""Write all that is held of one person to a JSON file, to be given to them.

The address is read from standard input, so that it stands in no history of commands and no list of
processes; --key takes the person's number instead. The file appears when it is complete, and nobody
but its owner may read it. Exit codes: 0 written, 1 it can't be, 2 wrong arguments.
"""

import sys
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from newsletter.person_export import as_json
from subscribers import addresses
from subscribers.models import Subscriber
from tracking import exports


class Command(BaseCommand):
    """Export one person's own data."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take who, and where to."""
        parser.add_argument("file", metavar="FILE", help="a new file; - for the output")
        parser.add_argument(
            "--key", type=int, metavar="NUMBER", help="the number in the address of their page"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        person = _by_key(options["key"]) if options["key"] is not None else _by_address()
        pieces = as_json(person)
        if options["file"] == "-":
            sys.stdout.buffer.writelines(pieces)
            return
        try:
            exports.save(pieces, Path(options["file"]), mode=0o600)
        except FileExistsError:
            raise CommandError(f"{options['file']} exists already.") from None
        except OSError as error:
            raise CommandError(f"{options['file']} can't be written: {error}") from error


def _by_key(key: int) -> Subscriber:
    if not 0 < key < 2**63 or not (person := Subscriber.objects.filter(pk=key).first()):
        raise CommandError("Nobody has this number.")
    return person


def _by_address() -> Subscriber:
    """Find who has the address on standard input. Nothing that is said repeats it."""
    if sys.stdin.isatty():
        sys.stderr.write("Address: ")
        sys.stderr.flush()
    try:
        key = addresses.parse(sys.stdin.readline().strip()).key
    except addresses.BadAddress:
        raise CommandError("This is no address.") from None
    person = Subscriber.objects.filter(email_key=key).first()
    if person is None:
        raise CommandError("Nobody has this address.")
    return person
