"""Judge old opens and clicks by the present rules, and count all numbers anew.

Hits may come in meanwhile. When it is stopped, it goes on where it was the next time. Exit codes: 0
done, 2 wrong arguments.
"""

from datetime import UTC, datetime
from typing import IO, Any, cast

from django.core.management import BaseCommand
from django.core.management.base import CommandParser
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from tracking import recounting
from tracking.recounting import Outcome

_STAGES = {"hits": "judging hits", "campaigns": "counting campaigns"}


class Command(BaseCommand):
    """Recount the events of one campaign, or of all."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take --campaign and --since."""
        parser.add_argument("--campaign", type=int, default=0, metavar="ID", help="only this one")
        parser.add_argument(
            "--since",
            type=_day,
            metavar="DATE",
            help="judge only hits from this day on (YYYY-MM-DD, UTC); all sums are counted anew",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Recount, and say what came of it."""
        console = Console(file=cast(IO[str], self.stdout), highlight=False)
        with Progress(
            TextColumn("{task.description}"),
            *(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()),
            console=console,
        ) as progress:
            tasks = {stage: progress.add_task(text, total=None) for stage, text in _STAGES.items()}

            def report(now: recounting.Progress) -> None:
                progress.update(tasks[now.stage], completed=now.done, total=now.total)

            outcome = recounting.recount(options["campaign"], options["since"], report)
        self.stdout.write(_as_text(outcome))


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)


def _as_text(outcome: Outcome) -> str:
    text = (
        f"{outcome.hits:,} hits judged, {outcome.changed:,} of them otherwise than before; "
        f"sums of {outcome.campaigns:,} campaigns counted anew"
    )
    if outcome.kept:
        text += f"; {outcome.kept:,} keep theirs, because old events of them were dropped"
    return text
