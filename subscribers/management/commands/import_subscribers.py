"""Import people from a CSV file into a list.

Run again on the same file, the command goes on where it was stopped; on a file that is done it
changes nothing. Exit codes: 0 all rows are in, 1 some were refused, 2 it could not begin (wrong
list or file), 3 it was stopped on the way (run it again).
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_slug
from django.db import InterfaceError, OperationalError
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from subscribers import importing
from subscribers.models import Import, MailingList

PAUSE = 0.5  # seconds between two attempts to take an import
GRACE = 2.0  # seconds beyond the lease of somebody who is dead
SOME_REFUSED, COULD_NOT_BEGIN, STOPPED = 1, 2, 3


class Command(BaseCommand):
    """Read the arguments, run the import, report."""

    help = "Import people from a CSV file into a list."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the file, the list and what to do with refused rows."""
        parser.add_argument("file", type=Path, help="CSV, with a column of e-mail addresses")
        parser.add_argument("--list", required=True, metavar="SLUG", help="the list's short name")
        parser.add_argument("--errors", type=Path, metavar="FILE", help="where refused rows go")
        parser.add_argument(
            "--evidence", default="", metavar="TEXT", help="how these people agreed, as proof"
        )
        parser.add_argument("--dry-run", action="store_true", help="check, and change nothing")
        parser.add_argument("--json", action="store_true", help="print the result as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, or rehearse, and end with the code that says how it went."""
        path: Path = options["file"]
        if not path.is_file():
            raise CommandError(f"There is no file {path}.", returncode=COULD_NOT_BEGIN)
        _check_errors_file(options["errors"], path)
        mailing_list, is_new = self._list(options["list"])
        report = _rehearse if options["dry_run"] else _import
        try:
            result = report(mailing_list, path, options)
        except importing.BadFile as error:
            raise CommandError(str(error), returncode=COULD_NOT_BEGIN) from None
        except importing.Busy:
            raise CommandError(
                "This import is running already. If its program is gone, try again in two minutes.",
                returncode=COULD_NOT_BEGIN,
            ) from None
        except (importing.LostLease, OperationalError, InterfaceError, OSError) as error:
            raise CommandError(
                f"Stopped on the way: {error}. Nothing is lost: run the same command again.",
                returncode=STOPPED,
            ) from error
        finally:
            if is_new and not mailing_list.subscriptions.exists():
                mailing_list.delete()  # a rehearsal, or a file with nobody in it
        self._print(result, as_json=options["json"])
        if result["refused"]:
            sys.exit(SOME_REFUSED)

    def _print(self, result: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(result))
            return
        numbers = ", ".join(
            f"{result[name]:,} {name}" for name in ("added", "updated", "unchanged", "refused")
        )
        self.stdout.write(f"{result['rows']:,} rows: {numbers}")
        if result["dry_run"]:
            self.stdout.write("Nothing was changed (--dry-run).")
        if result["errors"]:
            self.stdout.write(f"Refused rows, with reasons: {result['errors']}")

    def _list(self, slug: str) -> tuple[MailingList, bool]:
        """Return the list of that short name, and whether it was made just now (privately)."""
        mailing_list = MailingList.objects.filter(slug=slug).first()
        if mailing_list is not None:
            return mailing_list, False
        _refuse_list(slug, list(MailingList.objects.values_list("slug", flat=True)))
        self.stderr.write(f"There was no list {slug!r}: it is made now, as a private one.")
        name = slug.replace("-", " ").capitalize()
        return MailingList.objects.create(slug=slug, name=name), True


def _check_errors_file(errors: Path | None, people: Path) -> None:
    """Refuse, before anything is done, a file that the refused rows can't be written to."""
    if errors is None:
        return
    if errors.exists() and errors.samefile(people):
        problem = "is the file of people itself, and would be written over"
    elif errors.is_dir():
        problem = "is a folder"
    elif not errors.parent.is_dir():
        problem = "is in a folder that does not exist"
    else:
        return
    raise CommandError(
        f"--errors {errors} {problem}. Name another file.", returncode=COULD_NOT_BEGIN
    )


def _refuse_list(slug: str, known: list[str]) -> None:
    """Refuse a list that is not there, unless it is plainly meant to be a new one."""
    similar = get_close_matches(slug, known, cutoff=0.7)
    if similar:
        raise CommandError(
            f"There is no list {slug!r}. Did you mean {similar[0]!r}? There are: "
            f"{', '.join(known[:20])}.",
            returncode=COULD_NOT_BEGIN,
        )
    try:
        validate_slug(slug)
    except ValidationError:
        raise CommandError(
            f"{slug!r} is no short name: letters, digits, hyphens and underscores, please.",
            returncode=COULD_NOT_BEGIN,
        ) from None


def _import(mailing_list: MailingList, path: Path, options: dict[str, Any]) -> dict[str, Any]:
    created = importing.resume_or_create(mailing_list, path, options["errors"], options["evidence"])
    job = _claim(created.pk)
    with _progress(job.size, quiet=options["json"]) as progress:
        importing.run_claimed(job, progress=progress)
    job.refresh_from_db()
    return {
        "import": job.pk,
        "rows": job.rows_done,
        "added": job.added,
        "updated": job.updated,
        "unchanged": job.unchanged,
        "refused": job.refused,
        "errors": str(importing.refused_path(job)) if job.errors_size else None,
        "dry_run": False,
    }


def _claim(import_id: int) -> Import:
    """Take the import; wait as long as a program that was killed a moment ago seems to live."""
    until = time.monotonic() + settings.IMPORT_LEASE + GRACE
    while True:
        try:
            return importing.claim(import_id)
        except importing.Busy:
            if time.monotonic() > until:
                raise
        time.sleep(PAUSE)


def _rehearse(mailing_list: MailingList, path: Path, options: dict[str, Any]) -> dict[str, Any]:
    job = Import(mailing_list=mailing_list, path=str(path.resolve()), file_name=path.name)
    errors: Path | None = options["errors"]
    with _progress(path.stat().st_size, quiet=options["json"]) as progress:
        outcome = importing.rehearse(job, errors_path=errors, progress=progress)
    return {
        "import": None,
        "rows": outcome.rows,
        "added": outcome.added,
        "updated": outcome.updated,
        "unchanged": outcome.unchanged,
        "refused": outcome.refused,
        "errors": str(errors) if errors and outcome.refused else None,
        "dry_run": True,
    }


@contextmanager
def _progress(size: int, *, quiet: bool) -> Iterator[Any]:
    """Show a bar on a terminal, and nothing in a pipe."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.fields[rows]:,} rows"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=size, rows=0)
        yield lambda rows, done: bar.update(task, completed=done, rows=rows)
