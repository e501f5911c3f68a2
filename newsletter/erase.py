"""Removing a person from the tables of what we send; the sums of their campaigns stay."""

from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now

from newsletter.models import Deferral, Delivery

# A worker that records an outcome at this moment waits, and then finds that the person is no longer
# a member of its batch. In the order of ids, against deadlocks.
_LOCK_BATCHES = """
    SELECT id
    FROM newsletter_batch
    WHERE state <> 'done' AND subscriber_ids @> ARRAY[%(person)s::bigint]
    ORDER BY id
    FOR UPDATE
"""
_STATES = """
    SELECT b.id, b.campaign_id,
           NOT EXISTS (
               SELECT 1 FROM newsletter_delivery d
               WHERE d.campaign_id = b.campaign_id AND d.subscriber_id = %(person)s
           ),
           EXISTS (
               SELECT 1 FROM newsletter_handover h
               WHERE h.batch_id = b.id AND %(person)s = ANY(h.subscriber_ids)
           )
    FROM newsletter_batch b
    WHERE b.id = ANY(%(batches)s)
"""
_LEAVE = """
    UPDATE newsletter_batch
    SET subscriber_ids = array_replace(subscriber_ids, %(person)s::bigint, 0),
        skipped = skipped + %(skipped)s, in_doubt = in_doubt + %(in_doubt)s
    WHERE id = %(batch)s
"""
_FORGET = """
    UPDATE newsletter_handover
    SET subscriber_ids = array_replace(subscriber_ids, %(person)s::bigint, 0)
    WHERE batch_id = %(batch)s AND %(person)s = ANY(subscriber_ids)
"""


def erase_subscriber(subscriber_id: int) -> None:
    """Remove a person, whatever is being sent at this moment.

    Outcomes stay, under a number below zero that says nothing, since a campaign's sum must go on
    to balance. Whoever was still to be mailed is skipped; whoever is being handed over is in doubt.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LOCK_BATCHES, {"person": subscriber_id})
        batch_ids = [batch_id for (batch_id,) in cursor.fetchall()]
        # A statement of its own, which sees what was committed while the first one waited.
        cursor.execute(_STATES, {"person": subscriber_id, "batches": batch_ids})
        for batch_id, campaign_id, is_pending, is_on_the_wire in cursor.fetchall():
            status = Delivery.Status.IN_DOUBT if is_on_the_wire else Delivery.Status.SKIPPED
            if is_pending:
                Delivery.objects.create(
                    campaign_id=campaign_id, subscriber_id=subscriber_id, status=status, at=now()
                )
            names = {
                "batch": batch_id,
                "person": subscriber_id,
                "skipped": int(is_pending and not is_on_the_wire),
                "in_doubt": int(is_pending and is_on_the_wire),
            }
            cursor.execute(_LEAVE, names)
            cursor.execute(_FORGET, names)
        Deferral.objects.filter(subscriber_id=subscriber_id).delete()
        # Replies of mail servers like to repeat the address.
        Delivery.objects.filter(subscriber_id=subscriber_id).update(
            subscriber_id=-F("id"), reason=""
        )
