"""How far a campaign is: the sum that always balances, and how quickly it moves."""

from dataclasses import dataclass

from django.db import connection

from newsletter.models import Campaign

# The rate spreads what a batch has done evenly over the time that it was held, and looks at the
# last ten seconds of that. Batches claimed a second time count what they did before, so they don't
# count here.
_SUMS = """
    WITH spans AS (
        SELECT size, sent, failed, skipped, in_doubt, claimed_at AS begun,
               CASE WHEN fence > 1 THEN claimed_at
                    WHEN state = 'claimed' THEN statement_timestamp() ELSE done_at END AS ended
        FROM newsletter_batch
        WHERE campaign_id = %s
    )
    SELECT coalesce(sum(size), 0), coalesce(sum(sent), 0), coalesce(sum(failed), 0),
           coalesce(sum(skipped), 0), coalesce(sum(in_doubt), 0),
           coalesce(sum((sent + failed) * greatest(
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

    @property
    def pending(self) -> int:
        """How many have not been handed over. In a cancelled campaign they never will be."""
        return self.audience - self.sent - self.failed - self.skipped - self.in_doubt

    @property
    def seconds_left(self) -> float | None:
        """How long it will take at the present rate; None when it does not move."""
        return self.pending / self.per_second if self.per_second else None


def progress(campaign_id: int) -> Progress:
    """Return where a campaign stands now. One query over its batches."""
    campaign = Campaign.objects.get(id=campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [campaign_id])
        audience, sent, failed, skipped, in_doubt, recent, seconds = cursor.fetchone() or (0,) * 7
    is_running = campaign.status == Campaign.Status.RUNNING
    return Progress(
        audience=int(audience),
        sent=int(sent),
        failed=int(failed),
        skipped=int(skipped),
        in_doubt=int(in_doubt),
        state=campaign.status,
        waiting_reason=campaign.waiting_reason,
        per_second=float(recent) / max(1.0, float(seconds or 0)) if is_running else 0.0,
    )
