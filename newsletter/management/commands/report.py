"""Show what came of a campaign, or mail it. Exit codes: 0 done, 1 not possible, 2 wrong arguments.

A report that is mailed by hand does not keep the usual one from being mailed.
"""

import json
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.core.management.base import CommandParser
from django.db.models import Sum

from newsletter import summaries
from newsletter.models import Campaign
from subscribers.addresses import BadAddress
from tracking import reports
from tracking.reports import CampaignReport


class Command(BaseCommand):
    """Show mails sent, opens, clicks and unsubscribes of a campaign, and its links."""

    help = __doc__
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the campaign's id, and --json or --mail."""
        parser.add_argument("campaign", type=int, help="the campaign's id")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--json", action="store_true", help="print one JSON object")
        how.add_argument("--mail", metavar="ADDRESS", help="mail it there, with charts")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report."""
        campaign = Campaign.objects.filter(id=options["campaign"]).first()
        if campaign is None:
            raise CommandError(f"There is no campaign {options['campaign']}.")
        if options["mail"]:
            self._mail(campaign, options["mail"])
            return
        sent = campaign.batches.aggregate(sum=Sum("sent", default=0))["sum"]
        report = reports.campaign_report(campaign.id, sent=sent)
        self.stdout.write(
            json.dumps(_as_json(report), indent=2)
            if options["json"]
            else _as_text(campaign, report)
        )

    def _mail(self, campaign: Campaign, address: str) -> None:
        try:
            summaries.send_to(campaign, address)
        except (summaries.NotSent, BadAddress) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Mailed to {address}.")


def _as_json(report: CampaignReport) -> dict[str, Any]:
    totals = report.totals
    return {
        "campaign": report.campaign_id,
        "sent": report.sent,
        "opens": {"unique": totals.unique_opens, "total": totals.opens},
        "clicks": {"unique": totals.unique_clicks, "total": totals.clicks},
        "machines": {
            "opens": {"unique": totals.unique_machine_opens, "total": totals.machine_opens},
            "clicks": {"unique": totals.unique_machine_clicks, "total": totals.machine_clicks},
        },
        "unsubscribes": {"unique": totals.unique_unsubscribes, "total": totals.unsubscribes},
        "links": [
            {"url": link.url, "unique": link.unique_clicks, "total": link.clicks}
            for link in report.links
        ],
    }


def _as_text(campaign: Campaign, report: CampaignReport) -> str:
    totals = report.totals
    lines = [
        f"Campaign {campaign.pk}: {campaign.subject}",
        f"  sent          {report.sent:>9,}",
        _line("opened", totals.unique_opens, totals.opens, report.open_rate),
        _line("clicked", totals.unique_clicks, totals.clicks, report.click_rate),
        _line(
            "unsubscribed",
            totals.unique_unsubscribes,
            totals.unsubscribes,
            report.unsubscribe_rate,
        ),
    ]
    if totals.machine_opens or totals.machine_clicks:
        lines.append(
            f"  machines      {totals.machine_opens:,} opens and {totals.machine_clicks:,} clicks,"
            " not counted above"
        )
    if report.links:
        lines.append("  clicks on links, people / all:")
    lines += [
        f"    {link.unique_clicks:>7,} / {link.clicks:<7,} {link.url}" for link in report.links
    ]
    return "\n".join(lines)


def _line(name: str, people: int, total: int, rate: float) -> str:
    return f"  {name:<13} {people:>9,} people ({rate:.1%} of sent), {total:,} times"
