"""Tell people from machines in a file of hits. Exit codes: 0 judged, 1 some lines can't be read."""

import gc
import sys
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from tracking.classify import networks
from tracking.classify.bulk import Bulk

_AT_ONCE = 4_000  # lines written at a time


class Command(BaseCommand):
    """Judge hits that stand in a file as JSON, one a line. Nothing is stored."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file's name."""
        parser.add_argument("file", help="hits as JSON, one object a line; - for the input")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print `id`, `verdict` and `reason` of each hit, in the order of the file."""
        # Hits are many small objects without circles, which need not be looked for so often.
        gc.freeze()
        gc.set_threshold(100_000)
        self._bad = 0
        with closing(Bulk(networks.load(), self._complain)) as bulk:
            try:
                self._judge(bulk, options["file"])
            except OSError as error:
                raise CommandError(f"{options['file']}: {error.strerror}") from error
            answers = bulk.answers()
            while lines := "".join(islice(answers, _AT_ONCE)):
                self.stdout.write(lines, ending="")
        if self._bad:
            raise CommandError(f"{self._bad} lines could not be read; all others were judged.")

    def _judge(self, bulk: Bulk, name: str) -> None:
        if name == "-":
            bulk.judge(sys.stdin.buffer)
            return
        with Path(name).open("rb") as file:
            bulk.judge(file)

    def _complain(self, number: int, reason: str) -> None:
        self._bad += 1
        self.stderr.write(f"line {number}: {reason}")
