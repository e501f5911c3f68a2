"""How one person reads what we send them: how much, when last, and their score.

Only where their choice, or that of a campaign's lists, is to be named as it stands now: what was
recorded before somebody withdrew is not looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.db.models import Max

from newsletter.models import Delivery
from subscribers import growth, recording
from subscribers.models import ConsentRecord, Subscriber, TrackingChoice
from tracking import engagement, history
from tracking.engagement import Mail, Score
from tracking.history import Month
from tracking.models import Reader

MONTHS = 12  # of the chart, the present one included


@dataclass(frozen=True, slots=True)
class Choice:
    """What may be recorded of a person's reading, and who says so."""

    is_own: bool  # else it is that of their lists
    kept: TrackingChoice | None  # None: their lists differ
    since: datetime | None = None  # of their own choice, as far as it is known

    @property
    def names(self) -> bool:
        """Whether anything is kept under this person's name."""
        return self.kept in (None, TrackingChoice.INDIVIDUAL)


@dataclass(frozen=True)
class Reading:
    """How a person reads. Opens and clicks are a person's; machines' are counted apart."""

    choice: Choice
    rows: list[Reader] = field(default_factory=list)  # of each campaign that may be named
    campaigns: dict[int, TrackingChoice] = field(default_factory=dict)  # all they had to do with
    last_mailed: datetime | None = None
    mails: int = 0  # that a mail server took
    score: Score = field(default_factory=Score)
    months: list[Month] = field(default_factory=list)  # MONTHS without gaps, or none

    @property
    def opens(self) -> int:
        """Times that mail was opened."""
        return sum(row.opens for row in self.rows)

    @property
    def clicks(self) -> int:
        """Times that links were followed."""
        return sum(row.clicks for row in self.rows)

    @property
    def machine_requests(self) -> int:
        """Opens and clicks of machines on this person's mail."""
        return sum(row.machine_opens + row.machine_clicks for row in self.rows)

    @property
    def last_opened(self) -> datetime | None:
        """When mail was last opened."""
        return max((row.last_open_at for row in self.rows if row.last_open_at), default=None)

    @property
    def last_clicked(self) -> datetime | None:
        """When a link was last followed."""
        return max((row.last_click_at for row in self.rows if row.last_click_at), default=None)

    @property
    def shown(self) -> list[int]:
        """The campaigns of which single opens and clicks may be shown."""
        return [row.campaign_id for row in self.rows]


def choice_of(person: Subscriber) -> Choice:
    """Return what may be recorded of a person now (two queries)."""
    if not person.tracking:
        return Choice(False, recording.of_person(person.pk))
    lines = ConsentRecord.objects.filter(
        subscriber_id=person.pk, action=ConsentRecord.Action.TRACKING
    )
    since = lines.aggregate(last=Max("recorded_at"))["last"]
    return Choice(True, TrackingChoice(person.tracking), since)


def reading(person: Subscriber, now: datetime) -> Reading:
    """Return how a person reads (eight queries). `now` says by its zone when a month begins."""
    choice = choice_of(person)
    sent = list(
        Delivery.objects.of_person(person.pk)
        .filter(status=Delivery.Status.SENT)
        .order_by("-at")
        .values_list("campaign_id", "at")
    )
    summary = {"last_mailed": sent[0][1] if sent else None, "mails": len(sent)}
    if not choice.names:
        return Reading(choice, **summary)  # type: ignore[arg-type]
    rows = history.readings(person.pk)
    ids = {row.campaign_id for row in rows} | {campaign_id for campaign_id, _ in sent}
    usual = recording.of_campaigns(ids)
    named = {each for each in ids if choice.is_own or usual[each] == TrackingChoice.INDIVIDUAL}
    rows = [row for row in rows if row.campaign_id in named]
    mails = _mails(rows, [mail for mail in sent if mail[0] in named], choice.since)
    return Reading(
        choice,
        rows,
        usual,
        score=engagement.score(mails, now),
        months=_months(person.pk, rows, now.date()),
        **summary,  # type: ignore[arg-type]
    )


def _mails(
    rows: list[Reader], sent: Iterable[tuple[int, datetime]], since: datetime | None
) -> list[Mail]:
    """Return the mails that can say something: those from before a person agreed name nobody."""
    by_campaign = {row.campaign_id: row for row in rows}
    nothing = Reader(opens=0, clicks=0)
    mails = []
    for campaign_id, at in sent:
        row = by_campaign.get(campaign_id, nothing)
        is_read = row.opens > 0 or row.clicks > 0
        if is_read or since is None or at >= since:
            mails.append(Mail(campaign_id, at, row.opens > 0, row.clicks > 0))
    return mails


def _months(subscriber_id: int, rows: list[Reader], today: date) -> list[Month]:
    starts = [growth.first(today, growth.Grain.MONTH, back) for back in range(MONTHS, 0, -1)]
    found = {
        month.start: month
        for month in history.months(subscriber_id, rows, starts[0], settings.TIME_ZONE)
    }
    return [found.get(start, Month(start, 0, 0)) for start in starts] if found else []
