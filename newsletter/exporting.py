"""Which tables can be exported, in which forms; tracking/exports.py writes them.

Events and most tables are tracking's own; the totals of campaigns need what we know of campaigns.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC
from typing import Final

from newsletter.models import Campaign
from newsletter.rates import Counting, Measure, Row
from subscribers.importing.refusals import harmless
from tracking import export_tables, exports
from tracking.exports import Column, Table, Wanted

_STATUSES = " ".join(f"WHEN '{status.value}' THEN '{status.label}'" for status in Campaign.Status)
_SUMS = ("sent", "failed", "skipped", "in_doubt")
_TOTALS = (
    *("unique_opens", "opens", "unique_clicks", "clicks"),
    *("unique_machine_opens", "machine_opens", "unique_machine_clicks", "machine_clicks"),
)

CAMPAIGNS: Final = Table(
    "campaigns",
    (
        Column("campaign_id", "row.id"),
        Column("subject", "row.subject", "text"),
        Column("status", f"CASE row.status {_STATUSES} END", "text"),
        Column("started_at", "row.started_at", "time"),
        Column("finished_at", "row.finished_at", "time"),
        Column("audience", "row.audience_size"),
        *(Column(name, f"mails.{name}") for name in _SUMS),
        *(Column(name, f"coalesce(total.{name}, 0)") for name in _TOTALS),
        Column("unsubscribed", "left_by.people"),
        Column("forwards", "forwards.made"),
    ),
    """
    FROM newsletter_campaign row
    LEFT JOIN tracking_campaigntotal total ON total.campaign_id = row.id
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(sent), 0)::bigint AS sent, coalesce(sum(failed), 0)::bigint AS failed,
               coalesce(sum(skipped), 0)::bigint AS skipped,
               coalesce(sum(in_doubt), 0)::bigint AS in_doubt
        FROM newsletter_batch batch WHERE batch.campaign_id = row.id
    ) mails
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT subscriber_id) AS people FROM subscribers_consentrecord record
        WHERE record.campaign_id = row.id AND record.campaign_id <> 0
          AND record.action = 'unsubscribed'
    ) left_by
    CROSS JOIN LATERAL (
        SELECT count(*) AS made FROM tracking_forward forward
        WHERE forward.campaign_id = row.id AND forward.kind = 1
    ) forwards
    WHERE row.started_at IS NOT NULL AND (%(campaign)s = 0 OR row.id = %(campaign)s)
    """,
)

_PEOPLE = (
    *("sent", "refused", "opened", "clicked", "machine_opened", "machine_clicked"),
    *("any_opened", "any_clicked", "leavers"),
)
MAILBOXES: Final = Table(
    "mailboxes",
    (
        Column("campaign_id", "row.campaign_id"),
        Column("provider", "row.provider", "text"),
        Column("name", "row.name", "text"),
        *(Column(name, f"row.{name}") for name in _PEOPLE),
        Column("counted_at", "counted.counted_at", "time"),
    ),
    """
    FROM newsletter_mailboxtotal row
    JOIN newsletter_mailboxcount counted ON counted.campaign_id = row.campaign_id
    WHERE (%(campaign)s = 0 OR row.campaign_id = %(campaign)s)
    """,
)

TABLES: Final = {
    CAMPAIGNS.name: CAMPAIGNS,
    MAILBOXES.name: MAILBOXES,
    **export_tables.TABLES,
}

# For the page of downloads: what stands in a row.
WORDS: Final = {
    "campaigns": ("Totals", "a campaign, with its mails, opens, clicks and people who left"),
    "hours": ("Hours", "an hour of a campaign, with opens and clicks"),
    "moments": ("Five minutes", "five minutes of a campaign, with opens and clicks"),
    "links": ("Links", "a link, with its clicks"),
    "breakdowns": (
        "Programs and countries",
        "a mail program, kind of device or country, with opens and clicks",
    ),
    "mailboxes": ("Mailbox providers", "a provider, with mails, and people who opened or clicked"),
    "verdicts": ("Verdicts", "what hits were taken for, and how many"),
    "forwards": ("Forwards", "a copy that was forwarded, or a page that was shared"),
    "readers": ("Readers", "a person, with what they did"),
    "reader_links": ("Readers’ clicks", "a person and a link that they followed"),
    "events": ("Events", "a single open or click, with its time, verdict and reason"),
}


@dataclass(frozen=True, slots=True)
class Form:
    """A form of file."""

    name: str
    label: str
    suffix: str
    content_type: str


FORMS: Final = {
    form.name: form
    for form in (
        Form("csv", "CSV", "csv", "text/csv; charset=utf-8"),
        Form("excel", "CSV for Excel", "csv", "text/csv; charset=utf-8"),
        Form("parquet", "Parquet", "parquet", "application/vnd.apache.parquet"),
    )
}


def write(table: Table, form: Form, wanted: Wanted) -> Iterator[bytes]:
    """Return the pieces of a file. Raises tracking.exports.NotPossible before the first."""
    if form.name != "parquet":
        return exports.as_csv(table, wanted, with_mark=form.name == "excel")
    # Not loaded by a web process that nobody asks for it: it takes 60 MB.
    from tracking.parquet import as_parquet

    return as_parquet(table, wanted)


def rates_csv(rows: Iterable[Row], counting: Counting) -> Iterator[bytes]:
    """Yield the rates of campaigns as lines of CSV: 0.0 to 1.0, and nothing where unknown."""
    yield _line("campaign_id", "subject", "from", "started_at", "sent", "counted", *Measure)
    for row in rows:
        rates = (row.rate(measure) for measure in Measure)
        yield _line(
            *(row.campaign_id, harmless(row.subject), harmless(row.sender)),
            *(row.at.astimezone(UTC).isoformat(timespec="seconds"), row.sent, counting),
            *("" if rate is None else f"{rate:.6f}" for rate in rates),
        )


def _line(*cells: object) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
