"""How many of a campaign's mails had which outcome.

Of a campaign that is being sent, its batches say it: one for each SEND_BATCH_SIZE people. Of one
that is finished, its row of newsletter/summing.py does, which costs the same however many there
were, and is some minutes old at most where something still changes.
"""

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

# Sums from before a campaign was finished do not hold when somebody was sent to once more.
_OUTCOMES = """
SELECT asked.id, coalesce(known.sent, mails.sent, 0), coalesce(known.failed, mails.failed, 0),
       coalesce(known.skipped, mails.skipped, 0), coalesce(known.in_doubt, mails.in_doubt, 0)
FROM unnest(%s::bigint[]) asked (id)
LEFT JOIN newsletter_campaign campaign
    ON campaign.id = asked.id AND campaign.status = 'finished'
LEFT JOIN newsletter_campaignsum known
    ON known.campaign_id = campaign.id AND known.summed_at >= campaign.finished_at
LEFT JOIN LATERAL (
    SELECT sum(sent) AS sent, sum(failed) AS failed, sum(skipped) AS skipped,
           sum(in_doubt) AS in_doubt
    FROM newsletter_batch WHERE campaign_id = asked.id AND known.campaign_id IS NULL
) mails ON true
"""


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Mails of one campaign."""

    sent: int = 0  # accepted by a mail server
    failed: int = 0  # refused by one
    skipped: int = 0
    in_doubt: int = 0


def outcomes(campaign_ids: Collection[int]) -> dict[int, Outcomes]:
    """Return the outcomes of each campaign, zeros where there are none (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [list(campaign_ids)])
        return {campaign_id: Outcomes(*counts) for campaign_id, *counts in cursor.fetchall()}
