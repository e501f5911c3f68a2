"""How far a campaign is: the sum that always balances, and how quickly it moves."""

from dataclasses import dataclass

from django.db import connection

from newsletter.models import Campaign

# Who is sent to again is counted in a second batch, whose counters begin below nought, so that the
# outcome of before no longer counts: the audience is size - taken_back.
#
# The rate spreads what a batch has done evenly over the time that it was held, and looks at the
# last ten seconds of that. Batches claimed a second time count what they did before, so they don't
# count here.
_SUMS = """
    WITH spans AS (
        SELECT size - taken_back AS people, sent, failed, skipped, in_doubt, state,
               greatest(0, sent + failed + taken_back) AS done, claimed_at AS begun,
               CASE WHEN fence > 1 THEN claimed_at
                    WHEN state = 'claimed' THEN statement_timestamp() ELSE done_at END AS ended
        FROM newsletter_batch
        WHERE campaign_id = %s
    )
    SELECT coalesce(sum(people), 0), coalesce(sum(sent), 0), coalesce(sum(failed), 0),
           coalesce(sum(skipped), 0), coalesce(sum(in_doubt), 0),
           coalesce(sum(people - sent - failed - skipped - in_doubt)
                    FILTER (WHERE state = 'set_aside'), 0),
           coalesce(sum(done * greatest(
               0, extract(epoch FROM ended
                          - greatest(begun, statement_timestamp() - interval '10 seconds'))
           ) / nullif(extract(epoch FROM ended - begun), 0)), 0),
           least(10, extract(epoch FROM statement_timestamp() - min(begun)))
    FROM spans
"""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a campaign stands. audience = sent + failed + skipped + in_doubt + pending, always."""

    audience: int
    sent: int
    failed: int
    skipped: int
    in_doubt: int
    state: str  # a Campaign.Status
    waiting_reason: str  # why nothing moves; empty when something does, or need not
    per_second: float  # mails, over the last ten seconds
    set_aside: int = 0  # of those pending, in batches that stopped their workers too often

    @property
    def pending(self) -> int:
        """How many have not been handed over. In a cancelled campaign they never will be."""
        return self.audience - self.sent - self.failed - self.skipped - self.in_doubt

    @property
    def shares(self) -> dict[str, float]:
        """The parts of the audience with an outcome, in per cent, for a bar."""
        parts = {
            "sent": self.sent,
            "failed": self.failed,
            "skipped": self.skipped,
            "in_doubt": self.in_doubt,
        }
        return {name: round(100 * n / (self.audience or 1), 2) for name, n in parts.items()}

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the present rate; None when it does not move."""
        return self.pending / self.per_second if self.per_second else None


def progress(campaign_id: int) -> Progress:
    """Return where a campaign stands now. One query over its batches."""
    return progress_of(Campaign.objects.get(id=campaign_id))


def progress_of(campaign: Campaign) -> Progress:
    """Return the same for a campaign that was just read."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [campaign.pk])
        *sums, recent, seconds = cursor.fetchone() or (0,) * 8
    audience, sent, failed, skipped, in_doubt, set_aside = map(int, sums)
    is_running = campaign.status == Campaign.Status.RUNNING
    return Progress(
        audience=audience,
        sent=sent,
        failed=failed,
        skipped=skipped,
        in_doubt=in_doubt,
        set_aside=set_aside,
        state=campaign.status,
        waiting_reason=campaign.waiting_reason,
        per_second=float(recent) / max(1.0, float(seconds or 0)) if is_running else 0.0,
    )
