"""Adds up each campaign's mails, leavers and forwards, for pages about many campaigns.

A thousand campaigns have millions of batches and some thousands of forwards; their pages read one
row for each instead. The rows are copies and hold nothing of their own: any may be deleted, and
comes back.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import F, Q

from newsletter.models import Campaign
from subscribers.models import LeavingSum

AT_ONCE: Final = 50  # campaigns in one statement: some milliseconds each
YOUNG: Final = timedelta(days=60)  # after its start; somebody may still leave by it each minute
FRESH_FOR: Final = timedelta(minutes=5)  # while it is young
KEPT_FOR: Final = timedelta(days=1)  # after that

_SUM = """
INSERT INTO newsletter_campaignsum (
    campaign_id, sent, failed, skipped, in_doubt, leavers, forwards, shares, summed_at
)
SELECT asked.id, mails.sent, mails.failed, mails.skipped, mails.in_doubt,
       coalesce(leaving.people, 0), passed_on.forwards, passed_on.shares, %(now)s
FROM unnest(%(campaigns)s::bigint[]) asked (id)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(sent), 0) AS sent, coalesce(sum(failed), 0) AS failed,
           coalesce(sum(skipped), 0) AS skipped, coalesce(sum(in_doubt), 0) AS in_doubt
    FROM newsletter_batch WHERE campaign_id = asked.id
) mails
LEFT JOIN subscribers_leavingsum leaving
    ON leaving.campaign_id = asked.id AND leaving.seconds = %(all)s
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 1) AS forwards, count(*) FILTER (WHERE kind = 2) AS shares
    FROM tracking_forward WHERE campaign_id = asked.id
) passed_on
ORDER BY asked.id
ON CONFLICT (campaign_id) DO UPDATE SET (
    sent, failed, skipped, in_doubt, leavers, forwards, shares, summed_at
) = (
    excluded.sent, excluded.failed, excluded.skipped, excluded.in_doubt, excluded.leavers,
    excluded.forwards, excluded.shares, excluded.summed_at
)
"""


def sum_due(now: datetime) -> int:
    """Add up the campaigns whose sums are missing or old. Returns how many these were."""
    due = list(_due(now))
    for start in range(0, len(due), AT_ONCE):
        sum_campaigns(due[start : start + AT_ONCE], now)
    return len(due)


def sum_campaigns(campaign_ids: list[int], now: datetime) -> None:
    """Add up some campaigns as they are now (one statement)."""
    with connection.cursor() as cursor:
        cursor.execute(_SUM, {"campaigns": campaign_ids, "now": now, "all": LeavingSum.ALL})


def _due(now: datetime) -> list[int]:
    sums = "sums__summed_at"
    old = (
        Q(**{f"{sums}__isnull": True})
        | Q(**{f"{sums}__lt": now - KEPT_FOR})
        | Q(started_at__gt=now - YOUNG, **{f"{sums}__lt": now - FRESH_FOR})
        # Whoever was sent to once more is in the sums as soon as that has ended.
        | Q(finished_at__gt=F(sums))
    )
    finished = Campaign.objects.filter(status=Campaign.Status.FINISHED).filter(old)
    return list(finished.order_by("id").values_list("id", flat=True))
