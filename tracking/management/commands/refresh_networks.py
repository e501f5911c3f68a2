"""Check lists of networks, and use them from now on. Exit codes: 0 installed, 1 a list is bad."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser

from tracking.classify.networks import BadList, read_list


class Command(BaseCommand):
    """Check lists of networks and put them into the folder TRACKING_NETWORKS. Nothing is fetched.

    A list of the same name is replaced. Ingest uses the new ones within about a minute;
    `recount_events` judges old hits by them.
    """

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the files' names."""
        parser.add_argument(
            "files", nargs="+", help="Apple's egress-ip-ranges.csv, or CIDR label scope certainty"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Check all lists, and install them if all are good."""
        lists = [_read(Path(name)) for name in options["files"]]
        folder = Path(settings.TRACKING_NETWORKS)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text, count in lists:
            # In one step, so that a process that starts now reads the old list or the new one.
            fresh = folder / f".{name}.new"
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(folder / name)
            self.stdout.write(f"{name}: {count} networks")


def _read(path: Path) -> tuple[str, str, int]:
    """Return name, text and number of networks of a list. Raises CommandError."""
    if path.suffix not in (".csv", ".txt"):
        raise CommandError(f"{path.name}: the name of a list ends in .csv or .txt.")
    try:
        text = path.read_text(encoding="utf-8")
        count = sum(1 for _ in read_list(path.name, text))
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{path.name} is no text: {error.reason}.") from error
    except BadList as error:
        raise CommandError(str(error)) from error
    if not count:
        raise CommandError(f"{path.name} holds no network.")
    return path.name, text, count
