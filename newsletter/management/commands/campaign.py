"""`campaign`: make a campaign, move it, and see how it goes, from a terminal."""

import json
import sys
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Callable
from datetime import datetime
from datetime import time as ClockTime
from pathlib import Path
from typing import IO, Any, cast

from django.core.management import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from newsletter import campaigns, outcomes, wording
from newsletter.management.watching import LOOK_EVERY, Watcher
from newsletter.models import Campaign
from newsletter.problems import CAUSES, STATUSES, Filter, csv_lines, page
from newsletter.progress import Progress as Standing
from newsletter.progress import progress
from newsletter.situation import Situation, situation
from subscribers.models import MailingList, Organisation

REFUSED, USAGE, WITH_FAILURES, STOPPED = 1, 2, 3, 4
HTML_ENDINGS = {".html", ".htm"}
# What `status` says, in this order; names as in the admin and in the documentation.
NUMBERS = ("audience", "sent", "failed", "skipped", "in_doubt", "pending")

EXIT_CODES = """\
exit codes:
  0  done; with --wait or --watch: finished, and everybody was sent to or skipped
  1  refused: the campaign is not in a status from which this is possible, or lacks something
  2  wrong usage: no such campaign, list or file
  3  with --wait or --watch: finished, but some mails failed or are in doubt
  4  with --wait or --watch: paused or cancelled before it was finished
"""
MOVES: dict[str, Callable[[int], None]] = {
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
OTHERS = {
    "pace": "say how fast and when it goes, or change that while it runs",
    "retry-failed": "try the failed ones once more",
    "resend-in-doubt": "send again what is in doubt, with the same Message-ID",
    "problems": "list who has not got it, and why",
}
DAYS = [name[:3].lower() for name in wording.DAYS]
LISTED = 50  # problems, without --csv
MEANING = """\
Each of these mails was being handed over when a process or a connection died, and the server's
answer never came. About half of them have arrived already. They go out with the same Message-ID,
so that most mail programs show them once; some will show them twice."""
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
            one.add_argument("--json", action="store_true", help="say all about it, as JSON")
            if action == "status":
                one.add_argument("--watch", action="store_true", help="show it until then")
        self._add_others(actions)

    def _add_others(self, actions: Any) -> None:
        others = {}
        for action, words in OTHERS.items():
            others[action] = actions.add_parser(action, help=words, description=words)
            others[action].add_argument("id", type=int)
        pace = others["pace"]
        pace.add_argument("--throttle", metavar="N|none", help="mails a minute")
        pace.add_argument("--days", metavar="mon,tue,…|all", help="days of the week")
        pace.add_argument("--from", dest="begin", metavar="HH:MM|none", help="not before")
        pace.add_argument("--until", metavar="HH:MM|none", help="not after; may be over midnight")
        others["retry-failed"].add_argument("--cause", choices=CAUSES, default="")
        others["resend-in-doubt"].add_argument("--yes", action="store_true", help="don't ask")
        problems = others["problems"]
        problems.add_argument("--status", choices=STATUSES, default="")
        problems.add_argument("--cause", choices=CAUSES, default="")
        problems.add_argument("--domain", default="", help="a domain, or a mailbox provider")
        problems.add_argument("--csv", type=Path, metavar="FILE", help="all of them; - for output")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one action. Exits as EXIT_CODES says."""
        try:
            do = {
                "create": self._create,
                "pace": self._pace,
                "retry-failed": self._retry,
                "resend-in-doubt": self._resend,
                "problems": self._problems,
            }.get(options["action"], self._move)
            if "id" in options:
                Campaign.objects.only("id").get(id=options["id"])
            do(options)
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
        is_waiting = options["wait"]
        if options.get("watch") and not options["json"]:
            console = Console(file=cast("IO[str]", self.stdout._out))
            self._exit(Watcher(campaign_id, self.stdout.write, console).watch())
            return
        if is_waiting or options.get("watch"):
            self._wait(campaign_id, quiet=options["json"])
            is_waiting = True
        now = situation(campaign_id)
        self._report(now, as_json=options["json"])
        if is_waiting:
            self._exit(now.progress)

    def _wait(self, campaign_id: int, *, quiet: bool) -> None:
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
                now = progress(campaign_id)
                bar.update(
                    task,
                    total=now.audience,
                    completed=now.audience - now.pending,
                    description=now.waiting_reason[:60] or now.state.capitalize(),
                )
                if now.state in (*ENDED, Campaign.Status.DRAFT):
                    return
                time.sleep(LOOK_EVERY)

    def _report(self, now: Situation, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(now.as_json()))
            return
        progress = now.progress
        lines = [f"{name.replace('_', ' '):<10}{getattr(progress, name):>12,}" for name in NUMBERS]
        lines.append(f"{'state':<10}{progress.state:>12}")
        lines += [f"waiting: {wording.in_words(note)}" for note in now.notes]
        self.stdout.write("\n".join(lines))

    def _exit(self, progress: Standing) -> None:
        if progress.state != Campaign.Status.FINISHED:
            raise SystemExit(STOPPED)
        if progress.failed or progress.in_doubt:
            raise SystemExit(WITH_FAILURES)

    # --- pace ---------------------------------------------------------------------------

    def _pace(self, options: dict[str, Any]) -> None:
        campaign = Campaign.objects.get(id=options["id"])
        wanted: dict[str, Any] = {
            "throttle": _number(options["throttle"], campaign.throttle),
            "send_days": _days(options["days"], campaign.send_days),
            "send_from": _clock(options["begin"], campaign.send_from),
            "send_until": _clock(options["until"], campaign.send_until),
        }
        if any(options[name] is not None for name in ("throttle", "days", "begin", "until")):
            campaigns.set_pace(campaign.pk, **wanted)
            campaign.refresh_from_db()
        self.stdout.write(wording.pace(campaign))

    # --- who has not got it ---------------------------------------------------------------

    def _problems(self, options: dict[str, Any]) -> None:
        wanted = Filter(
            options["id"],
            status=options["status"],
            cause=options["cause"],
            domain=options["domain"],
        )
        path = options["csv"]
        if path is None:
            self._list(wanted)
        elif str(path) == "-":
            for line in csv_lines(wanted):
                self.stdout.write(line, ending="")
        else:
            self._save(wanted, path)

    def _list(self, wanted: Filter) -> None:
        found = page(wanted, size=LISTED)
        for row in found.rows:
            words = ": ".join(filter(None, (row.cause_words, row.reason)))
            self.stdout.write(f"{row.email or 'erased'}\t{row.status_words}\t{words}")
        if found.next is not None:
            self.stderr.write("There are more: --csv FILE writes all of them.")
        elif not found.rows:
            self.stderr.write("Nobody.")

    def _save(self, wanted: Filter, path: Path) -> None:
        try:
            with path.open("x", encoding="utf-8", newline="") as file:
                file.writelines(csv_lines(wanted))
        except FileExistsError:
            raise CommandError(f"{path} exists already.", returncode=USAGE) from None
        except OSError as error:
            raise CommandError(f"{path} can't be written: {error}", returncode=USAGE) from error

    def _retry(self, options: dict[str, Any]) -> None:
        self._say_again(outcomes.retry_failed(options["id"], cause=options["cause"]))

    def _resend(self, options: dict[str, Any]) -> None:
        if not options["yes"]:
            self.stderr.write(MEANING)
            if not _agrees():
                raise CommandError("Nothing was sent. --yes goes ahead.", returncode=REFUSED)
        self._say_again(outcomes.resend_in_doubt(options["id"]))

    def _say_again(self, count: int) -> None:
        self.stdout.write(f"{count:,} {'person is' if count == 1 else 'people are'} sent to again.")


def _agrees() -> bool:
    """Ask the person at the terminal; without one, nobody agrees."""
    if not sys.stdin.isatty():
        return False
    return input("Send them again? [y/N] ").strip().lower() in ("y", "yes")


def _number(text: str | None, present: int | None) -> int | None:
    if text is None or text == "none":
        return present if text is None else None
    if not text.isdecimal() or int(text) < 1:
        raise CommandError(f"--throttle {text} is no number of mails a minute.", returncode=USAGE)
    return int(text)


def _days(text: str | None, present: list[int]) -> list[int]:
    if text is None or text == "all":
        return present if text is None else []
    words = [word.strip().lower()[:3] for word in text.split(",")]
    if unknown := [word for word in words if word not in DAYS]:
        raise CommandError(
            f"--days: “{unknown[0]}” is none of {', '.join(DAYS)}.", returncode=USAGE
        )
    return sorted({DAYS.index(word) + 1 for word in words})


def _clock(text: str | None, present: ClockTime | None) -> ClockTime | None:
    if text is None or text == "none":
        return present if text is None else None
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007  (a time of day)
    except ValueError:
        raise CommandError(f"“{text}” is no time such as 09:30.", returncode=USAGE) from None
