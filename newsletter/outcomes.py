"""Outcomes that change afterwards: in doubt until something shows more, or sent to once more.

An outcome is one row for a person and a campaign, and is counted in one batch. Who is sent to again
loses the row and gets a place in a new batch, which takes the old outcome off its own counters; so
the campaign's sum balances at every moment. A person who stands in a batch that is still open is
taken out of that, under its lock: nobody has two places.
"""

from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from newsletter import campaigns
from newsletter.models import Campaign, Deferral, Delivery
from newsletter.sending import batches
from tracking.models import Reader

OPENED = "It was in doubt; that it was read shows that it arrived."
# Long enough for most people to open a mail that they will ever open.
LOOKED_AT = timedelta(days=60)

_LOCK = """
    SELECT id FROM newsletter_batch
    WHERE campaign_id = %(campaign)s AND state <> 'done'
    ORDER BY id
    FOR UPDATE
"""
_TAKE = """
    DELETE FROM newsletter_delivery d
    USING subscribers_subscriber s
    WHERE d.campaign_id = %(campaign)s AND d.status = %(status)s
      AND (%(people)s::bigint[] IS NULL OR d.subscriber_id = ANY(%(people)s))
      AND (%(cause)s = '' OR d.cause = %(cause)s)
      AND s.id = d.subscriber_id
      AND NOT EXISTS (
          SELECT 1 FROM subscribers_suppression x WHERE x.email_hash = s.email_hash
      )
    RETURNING d.subscriber_id
"""
_LEAVE = """
    UPDATE newsletter_batch
    SET subscriber_ids = (
        SELECT array_agg(CASE WHEN member.id = ANY(%(people)s) THEN 0 ELSE member.id END
                         ORDER BY member.place)
        FROM unnest(subscriber_ids) WITH ORDINALITY AS member(id, place)
    )
    WHERE campaign_id = %(campaign)s AND state <> 'done' AND subscriber_ids && %(people)s::bigint[]
"""
# The sum is the campaign's, so it does not matter which of its batches counts.
_FIRST = """
    SELECT id FROM newsletter_batch WHERE campaign_id = %(campaign)s
    ORDER BY id LIMIT 1
    FOR NO KEY UPDATE
"""
_COUNT = """
    UPDATE newsletter_batch
    SET {status} = {status} + %(count)s, in_doubt = in_doubt - %(count)s
    WHERE id = %(batch)s
"""


def retry_failed(
    campaign_id: int, *, subscriber_ids: list[int] | None = None, cause: str = ""
) -> int:
    """Send once more to those whose mail was refused. Returns how many these are.

    Of all, of `subscriber_ids`, or of those with one `cause` (sending.refusals.Cause). Nobody on
    the suppression list is among them. Raises campaigns.Refused.
    """
    return _again(campaign_id, Delivery.Status.FAILED, subscriber_ids, cause)


def resend_in_doubt(campaign_id: int, *, subscriber_ids: list[int] | None = None) -> int:
    """Send once more to those of whom nobody knows whether they got it. Returns how many.

    About half of them have the mail already. It goes out with the same Message-ID, by which most
    mail programs show it once. Raises campaigns.Refused.
    """
    return _again(campaign_id, Delivery.Status.IN_DOUBT, subscriber_ids, "")


def settle(campaign_id: int, subscriber_ids: list[int], status: str, **values: Any) -> int:
    """Say what became of mails in doubt; `values` are further fields of Delivery.

    Returns how many were in doubt. Others are left alone: an outcome that is known stays.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # The batch before the outcomes, as everybody does who changes both: against deadlocks.
        cursor.execute(_FIRST, {"campaign": campaign_id})
        first = cursor.fetchone()
        settled = Delivery.objects.filter(
            campaign_id=campaign_id,
            subscriber_id__in=subscriber_ids,
            status=Delivery.Status.IN_DOUBT,
        ).update(status=status, **values)
        if settled:
            statement = _COUNT.format(status=Delivery.Status(status).value)
            cursor.execute(statement, {"batch": first[0], "count": settled})
    return settled


def settle_by_reading() -> int:
    """Settle what is in doubt of those who opened the mail or clicked in it. Returns how many."""
    doubtful = Delivery.objects.filter(status=Delivery.Status.IN_DOUBT)
    recent = Campaign.objects.filter(
        Exists(doubtful.filter(campaign_id=OuterRef("pk"))),
        started_at__gt=timezone.now() - LOOKED_AT,
    )
    return sum(_settle_readers(campaign_id) for campaign_id in recent.values_list("id", flat=True))


def _settle_readers(campaign_id: int) -> int:
    doubtful = Delivery.objects.filter(campaign_id=campaign_id, status=Delivery.Status.IN_DOUBT)
    people = list(doubtful.values_list("subscriber_id", flat=True))
    readers = Reader.objects.filter(campaign_id=campaign_id, subscriber_id__in=people)
    found = list(readers.values_list("subscriber_id", flat=True))
    if not found:
        return 0
    return settle(campaign_id, found, Delivery.Status.SENT, reason=OPENED)


def _again(
    campaign_id: int, status: Delivery.Status, subscriber_ids: list[int] | None, cause: str
) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        campaigns.reopen(campaign_id)
        cursor.execute(_LOCK, {"campaign": campaign_id})
        chosen = {"status": status.value, "people": subscriber_ids, "cause": cause}
        cursor.execute(_TAKE, {"campaign": campaign_id, **chosen})
        people = sorted(subscriber_id for (subscriber_id,) in cursor.fetchall())
        if not people:
            raise campaigns.Refused("Nobody of these can be sent to again.")
        cursor.execute(_LEAVE, {"campaign": campaign_id, "people": people})
        Deferral.objects.filter(batch__campaign_id=campaign_id, subscriber_id__in=people).delete()
        batches.add(campaign_id, people, status)
    return len(people)
