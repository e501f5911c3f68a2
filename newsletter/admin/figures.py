"""Numbers of several campaigns at once, for lists and the dashboard (two queries, any size)."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from newsletter.mailed import Outcomes, outcomes
from newsletter.models import Campaign
from tracking.reports import Totals, overview

OUTCOMES = ("sent", "failed", "skipped", "in_doubt")


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of a campaign's mails, and of its readers. People, not requests."""

    audience: int
    sent: int = 0
    failed: int = 0
    skipped: int = 0
    in_doubt: int = 0
    readers: int = 0  # who opened and may be named
    clickers: int = 0
    opens: int = 0  # requests, named or not
    clicks: int = 0

    @property
    def pending(self) -> int:
        """People whose mail has no outcome yet."""
        return self.audience - self.sent - self.failed - self.skipped - self.in_doubt

    @property
    def opened(self) -> int:
        """People who opened; where nobody may be named, at most as many as there were opens."""
        return self.readers or min(self.opens, self.sent)

    @property
    def clicked(self) -> int:
        """People who clicked; where nobody may be named, at most as many as there were clicks."""
        return self.clickers or min(self.clicks, self.sent)

    @property
    def open_rate(self) -> float:
        """Opened, in per cent of what was sent; 0.0 when nothing was."""
        return _per_cent(self.opened, self.sent)

    @property
    def click_rate(self) -> float:
        """Clicked, in per cent of what was sent; 0.0 when nothing was."""
        return _per_cent(self.clicked, self.sent)

    @property
    def shares(self) -> dict[str, float]:
        """Return sent, failed, skipped and in doubt in per cent of the audience, for a bar."""
        return {name: _per_cent(getattr(self, name), self.audience) for name in OUTCOMES}


def figures(campaigns: Iterable[Campaign]) -> dict[int, Figures]:
    """Return the figures of each campaign by its id."""
    sizes = {campaign.pk: campaign.audience_size for campaign in campaigns}
    mails = outcomes(sizes)
    totals = overview(sizes)
    return {pk: _figures(size, mails[pk], totals[pk]) for pk, size in sizes.items()}


def _figures(size: int, mails: Outcomes, totals: Totals) -> Figures:
    return Figures(
        audience=size,
        readers=totals.unique_opens,
        clickers=totals.unique_clicks,
        opens=totals.opens,
        clicks=totals.clicks,
        **asdict(mails),
    )


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0
