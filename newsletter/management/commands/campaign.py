"""`campaign`: make a campaign, move it, and see how it goes, from a terminal."""

import json
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter import campaigns
from newsletter.models import Campaign
from subscribers.models import MailingList, Organisation

LOOK_EVERY = 0.5  # seconds
REFUSED, USAGE, WITH_FAILURES, STOPPED = 1, 2, 3, 4
HTML_ENDINGS = {".html", ".htm"}
# What `status --json` says, in this order; names as in the admin and in the documentation.
NUMBERS = ("audience", "sent", "failed", "skipped", "in_doubt", "pending")

EXIT_CODES = """\
exit codes:
  0  done; with --wait: finished, and everybody was sent to or skipped
  1  refused: the campaign is not in a status from which this is possible, or lacks something
  2  wrong usage: no such campaign, list or file
  3  with --wait: finished, but some mails failed or are in doubt
  4  with --wait: paused or cancelled before it was finished
"""
MOVES = {
    "start": campaigns.start,
    "pause": campaigns.pause,
    "resume": campaigns.resume,
    "cancel": campaigns.cancel,
}
HELP = {
    "start": "freeze a draft and send it",
    "pause": "stop sending within about a second",
    "resume": "go on with a paused campaign",
    "cancel": "stop for good",
    "status": "say how far it is",
}
ENDED = (Campaign.Status.FINISHED, Campaign.Status.PAUSED, Campaign.Status.CANCELLED)


class Command(BaseCommand):
    """Make, start, pause, resume, cancel or watch a campaign."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Describe the actions."""
        parser.epilog = EXIT_CODES
        parser.formatter_class = RawDescriptionHelpFormatter
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a draft, and print its id")
        create.add_argument("--list", action="append", required=True, metavar="SLUG", dest="lists")
        create.add_argument("--subject", required=True)
        create.add_argument("--body", required=True, type=Path, metavar="FILE")
        create.add_argument(
            "--format",
            choices=Campaign.Format.values,
            help="of the body; by default HTML when the file's name says so, else Markdown",
        )
        create.add_argument("--from", dest="from_email", default="", metavar="ADDR")
        create.add_argument("--json", action="store_true")
        for action, words in HELP.items():
            one = actions.add_parser(action, help=words, description=words, epilog=EXIT_CODES)
            one.formatter_class = RawDescriptionHelpFormatter
            one.add_argument("id", type=int)
            one.add_argument("--wait", action="store_true", help="until it is finished or stopped")
            one.add_argument("--json", action="store_true", help="say how it stands, as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one action. Exits as EXIT_CODES says."""
        try:
            if options["action"] == "create":
                self._create(options)
            else:
                self._move(options)
        except campaigns.Refused as error:
            raise CommandError(str(error), returncode=REFUSED) from error
        except Campaign.DoesNotExist:
            raise CommandError(f"There is no campaign {options['id']}.", returncode=USAGE) from None

    def _create(self, options: dict[str, Any]) -> None:
        slugs = list(dict.fromkeys(options["lists"]))
        lists = list(MailingList.objects.filter(slug__in=slugs))
        if missing := set(slugs) - {each.slug for each in lists}:
            raise CommandError(f"There is no list {', '.join(sorted(missing))}.", returncode=USAGE)
        path: Path = options["body"]
        try:
            body = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path} can't be read: {error}", returncode=USAGE) from error
        is_html = path.suffix.lower() in HTML_ENDINGS
        campaign = campaigns.create(
            lists=lists,
            subject=options["subject"],
            body=body,
            format=options["format"]
            or (Campaign.Format.HTML if is_html else Campaign.Format.MARKDOWN),
            from_email=options["from_email"],
        )
        if not Organisation.current().postal_address.strip():
            self.stderr.write(
                "Warning: the organisation has no postal address, which the law of many countries "
                "wants in each mail. Fill it in under “Organisation” in the admin."
            )
        self.stdout.write(json.dumps({"id": campaign.pk}) if options["json"] else str(campaign.pk))

    def _move(self, options: dict[str, Any]) -> None:
        campaign_id = options["id"]
        if move := MOVES.get(options["action"]):
            move(campaign_id)
        progress = campaigns.progress(campaign_id)
        if options["wait"]:
            progress = self._wait(campaign_id, quiet=options["json"])
        self._report(progress, as_json=options["json"])
        if options["wait"]:
            self._exit(progress)

    def _wait(self, campaign_id: int, *, quiet: bool) -> campaigns.Progress:
        # On a terminal only; on standard error, so that the report can be taken from the other.
        console = Console(stderr=True, quiet=quiet)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
            TimeRemainingColumn(),
        )
        bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        with bar:
            task = bar.add_task("Sending")
            while True:
                progress = campaigns.progress(campaign_id)
                bar.update(
                    task,
                    total=progress.audience,
                    completed=progress.audience - progress.pending,
                    description=progress.waiting_reason[:60] or progress.state.capitalize(),
                )
                if progress.state in (*ENDED, Campaign.Status.DRAFT):
                    return progress
                time.sleep(LOOK_EVERY)

    def _report(self, progress: campaigns.Progress, *, as_json: bool) -> None:
        known = asdict(progress) | {"pending": progress.pending}
        if as_json:
            names = (*NUMBERS, "state", "waiting_reason")
            self.stdout.write(json.dumps({name: known[name] for name in names}))
            return
        lines = [f"{name.replace('_', ' '):<10}{known[name]:>12,}" for name in NUMBERS]
        lines.append(f"{'state':<10}{progress.state:>12}")
        if progress.waiting_reason:
            lines.append(f"waiting: {progress.waiting_reason}")
        self.stdout.write("\n".join(lines))

    def _exit(self, progress: campaigns.Progress) -> None:
        if progress.state != Campaign.Status.FINISHED:
            raise SystemExit(STOPPED)
        if progress.failed or progress.in_doubt:
            raise SystemExit(WITH_FAILURES)
