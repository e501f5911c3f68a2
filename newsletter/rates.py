"""The rates of campaigns, each read from sums: one row for each, whatever its size.

(newsletter/summing.py and tracking.CampaignTotal.) What nobody can know is None and never 0: people
who opened where a list counts without names, or anything where a list records nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from newsletter.comparing import SETTLED, is_unnamed
from newsletter.models import Campaign
from subscribers import recording
from subscribers.models import MailingList, TrackingChoice
from tracking.reports import Totals, overview

MOST: Final = 1000  # campaigns that are read, the newest


class Counting(StrEnum):
    """Whose opens and clicks, and what of them. The values stand in addresses of pages."""

    PEOPLE = "people"  # people who opened or clicked
    TIMES = "times"  # how often people did, named or not
    ALL = "all"  # how often people and machines did
    MACHINES = "machines"  # mails on which a machine did


class Measure(StrEnum):
    """A rate. The values stand in addresses of pages and heads of files."""

    DELIVERED = "delivered"
    OPENED = "opened"
    CLICKED = "clicked"
    CLICK_TO_OPEN = "click_to_open"
    LEFT = "unsubscribed"
    FORWARDED = "forwarded"


READING: Final = frozenset({Measure.OPENED, Measure.CLICKED, Measure.CLICK_TO_OPEN})


class Ratio(NamedTuple):
    """So many of so many. Ratios of several campaigns are put together by adding both."""

    part: int
    whole: int  # above 0

    @property
    def rate(self) -> float:
        """Return it as 0.0 to 1.0, or above where one person counts more than once."""
        return self.part / self.whole


Ratios = Mapping[Measure, Ratio | None]  # None: not known


@dataclass(frozen=True, slots=True)
class Asked:
    """Which campaigns, and how they are counted."""

    since: datetime | None = None  # of their start
    sender: str | None = None  # the campaign's `from`; None: all
    list_id: int = 0  # 0: all
    least: int = 0  # mails sent
    counting: Counting = Counting.PEOPLE


@dataclass(frozen=True, slots=True)
class Row:
    """A campaign with its rates."""

    campaign_id: int
    subject: str
    sender: str
    at: datetime
    size: int  # of its audience
    sent: int
    list_ids: frozenset[int]
    ratios: Ratios
    is_settled: bool  # most of what will ever come has come

    def rate(self, measure: Measure) -> float | None:
        """Return a rate, 0.0 to 1.0; None when it is not known."""
        ratio = self.ratios[measure]
        return ratio.rate if ratio else None


def read(asked: Asked, now: datetime) -> list[Row]:
    """Return the newest campaigns of a time and a sender, one more than MOST where there are more.

    Four queries, whatever there is. Lists and sizes are not looked at: what is usual for a sender
    is a matter of all of theirs.
    """
    campaigns = Campaign.objects.filter(status=Campaign.Status.FINISHED, sums__isnull=False)
    if asked.since:
        campaigns = campaigns.filter(started_at__gte=asked.since)
    if asked.sender is not None:
        campaigns = campaigns.filter(from_email=asked.sender)
    found = list(
        campaigns.order_by("-started_at", "-id").values_list(
            *("id", "subject", "from_email", "started_at", "audience_size"),
            *("sums__sent", "sums__failed", "sums__leavers", "sums__forwards", "sums__shares"),
        )[: MOST + 1]
    )
    ids = [campaign_id for campaign_id, *_ in found]
    totals = overview(ids)
    lists = _lists(ids)
    choices = {each.pk: recording.of_list(each) for each in MailingList.objects.only("tracking")}
    rows = []
    for campaign_id, subject, sender, at, size, sent, *others in found:
        on = lists.get(campaign_id, frozenset())
        opened, clicked = _reading(totals[campaign_id], asked.counting, _choice(on, choices))
        rows.append(
            Row(
                campaign_id,
                *(subject, sender, at, size, sent, on),
                _ratios(sent, opened, clicked, others),
                at < now - SETTLED,
            )
        )
    return rows


def _lists(campaign_ids: list[int]) -> dict[int, frozenset[int]]:
    through = Campaign.lists.through.objects.filter(campaign_id__in=campaign_ids)
    found: dict[int, set[int]] = {}
    for campaign_id, list_id in through.values_list("campaign_id", "mailinglist_id"):
        found.setdefault(campaign_id, set()).add(list_id)
    return {campaign_id: frozenset(list_ids) for campaign_id, list_ids in found.items()}


def _choice(
    list_ids: frozenset[int], choices: Mapping[int, TrackingChoice]
) -> TrackingChoice | None:
    """Return what the lists say; None when none of them is there any more."""
    said = [choices[list_id] for list_id in list_ids if list_id in choices]
    return TrackingChoice.strictest(said) if said else None


def _reading(
    totals: Totals, counting: Counting, choice: TrackingChoice | None
) -> tuple[int | None, int | None]:
    """Return how much was opened and clicked; None where nobody knows."""
    if choice is TrackingChoice.OFF:
        return None, None
    if counting is Counting.TIMES:
        return totals.opens, totals.clicks
    if counting is Counting.ALL:
        return totals.opens + totals.machine_opens, totals.clicks + totals.machine_clicks
    # Of a list that counts without names only those are known who agreed to be named.
    if choice is TrackingChoice.AGGREGATE or is_unnamed(totals):
        return None, None
    if counting is Counting.MACHINES:
        return totals.unique_machine_opens, totals.unique_machine_clicks
    return totals.unique_opens, totals.unique_clicks


def _ratios(
    sent: int, opened: int | None, clicked: int | None, others: Sequence[int]
) -> dict[Measure, Ratio | None]:
    failed, leavers, forwards, shares = others
    return {
        Measure.DELIVERED: _ratio(sent, sent + failed),
        Measure.OPENED: _ratio(opened, sent),
        Measure.CLICKED: _ratio(clicked, sent),
        Measure.CLICK_TO_OPEN: _ratio(clicked, opened),
        Measure.LEFT: _ratio(leavers, sent),
        Measure.FORWARDED: _ratio(forwards + shares, sent),
    }


def _ratio(part: int | None, whole: int | None) -> Ratio | None:
    return None if part is None or not whole else Ratio(part, whole)
