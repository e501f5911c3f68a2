"""A campaign beside what its sender's campaigns of a similar size usually come to.

Similar is the same power of ten of people: what is normal for fifty people says little of fifty
thousand. A middle is said of at least FEWEST campaigns, because of fewer it would be an accident.

Opens and clicks are compared with those of campaigns whose lists record as much: a list that counts
without names knows only who agreed to be named, and one that records nothing would count as nobody.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.db.models import QuerySet

from newsletter.mailed import outcomes
from newsletter.models import Campaign
from subscribers import recording
from subscribers.models import TrackingChoice
from tracking.reports import Totals, overview

NEWEST = 12  # campaigns that are compared with
FEWEST = 3
# Most of what will ever come has come by then, and campaigns still being read would pull the middle
# down.
SETTLED = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Usual:
    """The medians of earlier campaigns, each 0.0 to 1.0 of the mails sent; None: not known."""

    campaigns: int
    opened: float | None = None
    clicked: float | None = None
    left: float | None = None


def usual(campaign: Campaign, now: datetime) -> Usual:
    """Return what is usual for campaigns like this one (five queries, whatever their sizes)."""
    earlier = list(like(campaign, now).values_list("id", flat=True)[:NEWEST])
    mails = outcomes(earlier)
    sent = {
        campaign_id: mails[campaign_id].sent for campaign_id in earlier if mails[campaign_id].sent
    }
    if len(sent) < FEWEST:
        return Usual(len(sent))
    totals = overview(sent)
    pairs = [(totals[campaign_id], count) for campaign_id, count in sent.items()]
    recorded = _recorded_alike(campaign.pk, list(sent))
    named = [
        (totals[campaign_id], sent[campaign_id])
        for campaign_id in recorded
        if not is_unnamed(totals[campaign_id])
    ]
    return Usual(
        campaigns=len(sent),
        opened=_middle([found.unique_opens / count for found, count in named]),
        clicked=_middle([found.unique_clicks / count for found, count in named]),
        left=_middle([found.unique_unsubscribes / count for found, count in pairs]),
    )


def like(campaign: Campaign, now: datetime) -> QuerySet[Campaign]:
    """Return the sender's earlier campaigns of a similar size, the newest first."""
    smallest, largest = size_class(campaign.audience_size)
    return Campaign.objects.filter(
        from_email=campaign.from_email,
        status=Campaign.Status.FINISHED,
        audience_size__gte=smallest,
        audience_size__lt=largest,
        started_at__lt=min(campaign.started_at or now, now - SETTLED),
    ).order_by("-started_at", "-id")


def size_class(size: int) -> tuple[int, int]:
    """Return from how many people, and below how many, campaigns are of the same size."""
    smallest = 10 ** max(0, len(str(size)) - 1)
    # Below a hundred all are small.
    return (0, 100) if smallest < 100 else (smallest, 10 * smallest)


def is_unnamed(totals: Totals) -> bool:
    """Say whether things were read by nobody who may be named: people are not known then."""
    return (totals.opens or totals.clicks) > 0 and not (totals.unique_opens or totals.unique_clicks)


def _recorded_alike(campaign_id: int, others: list[int]) -> list[int]:
    """Return those of `others` that are recorded as this one is; none when nothing is."""
    choices = recording.of_campaigns([campaign_id, *others])
    choice = choices[campaign_id]
    return [
        other for other in others if choices[other] is choice and choice is not TrackingChoice.OFF
    ]


def _middle(rates: list[float]) -> float | None:
    return median(rates) if len(rates) >= FEWEST else None
