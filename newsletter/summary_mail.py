"""What the mail says that sums a campaign up: figures, charts and links, in text and HTML.

It tells of nobody by name, and nothing in it reports back who reads it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid
from typing import Any, Final

from django.conf import settings
from django.db.models import Sum
from django.template.loader import render_to_string
from django.utils.timezone import now

from newsletter import charts
from newsletter.charts import Bar, Series
from newsletter.composing import headers
from newsletter.models import Campaign
from newsletter.sending.envelope import wire
from subscribers.models import Organisation
from tracking import breakdown_reports, forward_reports, reports
from tracking.breakdown_reports import Breakdowns, most_opened
from tracking.forward_reports import ForwardReport
from tracking.reports import CampaignReport, Hour

LINKS: Final = 25  # in the mail, the most clicked first; the report has all
_OUTCOMES = ("sent", "failed", "skipped", "in_doubt")


@dataclass(frozen=True, slots=True)
class SummaryMail:
    """A mail ready to be handed over."""

    envelope_from: str
    recipient: str
    message_id: str
    data: bytes
    needs_smtputf8: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart in a mail, and the words for who does not see it."""

    name: str
    alt: str
    png: bytes

    @property
    def content_id(self) -> str:
        """How the HTML names it."""
        return f"{self.name}@summary.invalid"


@dataclass(frozen=True, slots=True)
class Summary:
    """What is said of one campaign."""

    campaign: Campaign
    outcomes: dict[str, int]  # of mails: sent, failed, skipped, in_doubt
    report: CampaignReport
    forwards: ForwardReport
    breakdowns: Breakdowns
    pictures: Sequence[Picture]

    @property
    def url(self) -> str:
        """Where the whole report stands."""
        return f"{settings.PUBLIC_URL}/admin/newsletter/campaign/{self.campaign.pk}/report/"

    @property
    def links_left(self) -> int:
        """How many links are not in the mail."""
        return max(len(self.report.links) - LINKS, 0)


def summarise(campaign: Campaign) -> Summary:
    """Gather the figures as they are now, and draw them."""
    sums = campaign.batches.aggregate(**{name: Sum(name, default=0) for name in _OUTCOMES})
    report = reports.campaign_report(campaign.pk, sums["sent"])
    forwards = forward_reports.report(campaign.pk)
    breakdowns = breakdown_reports.report(campaign.pk)
    pictures = [_over_time(report), _machines(report)]
    return Summary(campaign, sums, report, forwards, breakdowns, pictures)


def make(summary: Summary, recipient: str) -> SummaryMail:
    """Make the mail. Raises subscribers.addresses.BadAddress."""
    sender = headers.mailbox(settings.DEFAULT_FROM_EMAIL)
    recipient = headers.wire_address(recipient)
    context = _context(summary)
    mail = EmailMessage(SMTP if recipient.isascii() else SMTPUTF8)
    mail["From"] = _mailbox(sender.name, sender.address)
    mail["To"] = _mailbox("", recipient)
    subject = render_to_string("email/summary.subject.txt", context, using="jinja2")
    mail["Subject"] = headers.one_line(" ".join(subject.split()))
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = make_msgid(domain=sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    text = render_to_string("email/summary.txt", context, using="jinja2")
    html = render_to_string("email/summary.html", context, using="jinja2")
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    for picture in summary.pictures:
        _attach(mail, picture)
    return SummaryMail(
        sender.address,
        recipient,
        str(mail["Message-ID"]),
        wire(mail.as_bytes()),
        not recipient.isascii(),
    )


def _attach(mail: EmailMessage, picture: Picture) -> None:
    """Put a picture beside the HTML (multipart/related), which shows it in its place."""
    html = mail.get_body(["related", "html"])
    assert isinstance(html, EmailMessage)  # noqa: S101  (just added)
    html.add_related(
        picture.png,
        maintype="image",
        subtype="png",
        cid=f"<{picture.content_id}>",
        filename=f"{picture.name}.png",
        disposition="inline",
    )


def _context(summary: Summary) -> dict[str, Any]:
    report = summary.report
    return {
        "summary": summary,
        "campaign": summary.campaign,
        "report": report,
        "totals": report.totals,
        "forwards": summary.forwards,
        "links": report.links[:LINKS],
        "clients": _shares(most_opened(summary.breakdowns.clients)),
        "countries": _shares(most_opened(summary.breakdowns.countries)),
        "organisation": Organisation.current(),
        "at": now().astimezone(UTC),
        "utc": _utc,
    }


def _shares(found: Sequence[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {share:.0%}" for name, share in found)


def _over_time(report: CampaignReport) -> Picture:
    points = report.timeline
    series = [
        Series("Opens", charts.OPEN, [each.opens for each in points]),
        Series("Clicks", charts.CLICK, [each.clicks for each in points]),
    ]
    png = charts.over_time(_labels(points), series)
    return Picture("over-time", _in_words(report, points), png)


def _labels(points: Sequence[Hour]) -> list[str]:
    """Name days by their date; hours too, where there are few or they are a quarter of the day."""
    is_daily = len(points) > 1 and points[1].at - points[0].at >= timedelta(days=1)
    labels = []
    for point in points:
        is_date = is_daily or point.at.hour == 0
        is_named = is_date or len(points) <= 12 or point.at.hour % 6 == 0
        text = f"{point.at.day} {point.at:%b}" if is_date else f"{point.at:%H:%M}"
        labels.append(text if is_named else "")
    return labels


def _in_words(report: CampaignReport, points: Sequence[Hour]) -> str:
    totals = report.totals
    words = f"Opens and clicks over time: {totals.opens:,} opens and {totals.clicks:,} clicks"
    best = max(points, key=lambda point: point.opens, default=None)
    if best is None or not best.opens:
        return f"{words}."
    return f"{words}; the most opens, {best.opens:,}, from {_utc(best.at)}."


def _machines(report: CampaignReport) -> Picture:
    totals = report.totals
    rows = [
        Bar("Opens", [(charts.OPEN, totals.opens), (charts.MACHINE, totals.machine_opens)]),
        Bar("Clicks", [(charts.OPEN, totals.clicks), (charts.MACHINE, totals.machine_clicks)]),
    ]
    alt = (
        f"Opens: {totals.opens:,} by people, {totals.machine_opens:,} by machines. "
        f"Clicks: {totals.clicks:,} by people, {totals.machine_clicks:,} by machines."
    )
    legend = [("by people", charts.OPEN), ("by machines", charts.MACHINE)]
    return Picture("people-and-machines", alt, charts.bars(rows, legend))


def _utc(at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B, %H:%M} UTC"


def _mailbox(name: str, email: str) -> Address:
    local, _, domain = email.rpartition("@")
    return Address(name, local, domain)
