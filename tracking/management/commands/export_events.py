"""Write events, or another table of the reports, to a CSV or Parquet file.

Without --people nobody is named. The file appears when it is complete. Exit codes: 0 written, 1 it
can't be, 2 wrong arguments.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.db.models import F, Sum
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tracking import exports
from tracking.export_tables import EVENTS, TABLES
from tracking.exports import NotPossible, Report, Wanted
from tracking.models import VerdictTotal


class Command(BaseCommand):
    """Export a table, with a progress bar."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take what to write, in which form, and where."""
        parser.add_argument("file", metavar="FILE", help="a new file; - for the output")
        parser.add_argument("--campaign", type=int, default=0, metavar="ID", help="only this one")
        parser.add_argument("--format", choices=["csv", "parquet"], default="csv")
        parser.add_argument("--table", choices=list(TABLES), default=EVENTS.name)
        parser.add_argument("--since", type=_moment, metavar="TIME", help="from then on (UTC)")
        parser.add_argument("--until", type=_moment, metavar="TIME", help="before then (UTC)")
        parser.add_argument(
            "--people", action="store_true", help="name people, where they have agreed to it"
        )
        parser.add_argument(
            "--bom", action="store_true", help="begin CSV with the byte order mark, for Excel"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file."""
        with Progress(
            TextColumn("rows"),
            *(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            # The file may be the output.
            console=Console(file=cast(IO[str], self.stderr), highlight=False),
        ) as progress:
            task = progress.add_task("rows", total=_total(options))

            def report(count: int) -> None:
                progress.update(task, completed=count)

            try:
                _save(_pieces(options, report), options["file"])
            except NotPossible as error:
                raise CommandError(str(error)) from error
            except OSError as error:
                raise CommandError(f"{options['file']} can't be written: {error}") from error


def _pieces(options: dict[str, Any], report: Report) -> Iterator[bytes]:
    table = TABLES[options["table"]]
    wanted = Wanted(
        options["campaign"], options["since"], options["until"], with_people=options["people"]
    )
    if options["format"] == "csv":
        return exports.as_csv(table, wanted, with_mark=options["bom"], report=report)
    # Not loaded by who wants CSV: it takes a second and 60 MB.
    from tracking.parquet import as_parquet

    return as_parquet(table, wanted, report)


def _save(pieces: Iterator[bytes], name: str) -> None:
    """Write all or nothing. Raises CommandError (the file is there), OSError and NotPossible."""
    if name == "-":
        sys.stdout.buffer.writelines(pieces)
        return
    try:
        exports.save(pieces, Path(name))
    except FileExistsError:
        raise CommandError(f"{name} exists already.") from None


def _total(options: dict[str, Any]) -> int | None:
    """Return how many rows there will be, where a sum says so."""
    if options["table"] != EVENTS.name or options["since"] or options["until"]:
        return None
    sums = VerdictTotal.objects.all()
    if options["campaign"]:
        sums = sums.filter(campaign_id=options["campaign"])
    total: int = sums.aggregate(all=Sum(F("hits") + F("forwarded_hits"), default=0))["all"]
    return total


def _moment(text: str) -> datetime:
    """Read a day or a moment (ISO 8601); without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
