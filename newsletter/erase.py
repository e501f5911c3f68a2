"""Removing a person from the tables of what we send; the sums of their campaigns stay."""

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils.timezone import now

from newsletter.models import Deferral, Delivery, Handover
from subscribers.models import Subscriber

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
           EXISTS (
               SELECT 1 FROM newsletter_delivery d
               WHERE d.campaign_id = b.campaign_id AND d.subscriber_id = %(person)s
           ),
           coalesce(bool_or(%(person)s = ANY(h.accepted_ids)), FALSE),
           -- Who was freed may have been noted again afterwards: the last turn decides. Where the
           -- witness of a claim is gone, nobody knows.
           coalesce(
               max(h.turn) FILTER (WHERE %(person)s = ANY(h.subscriber_ids))
               > coalesce(max(h.turn) FILTER (WHERE %(person)s = ANY(h.free_ids)), -1),
               FALSE
           ) OR b.state = 'claimed' AND NOT coalesce(
               bool_or(h.turn = %(witness)s AND h.fence = b.fence), FALSE
           )
    FROM newsletter_batch b
    LEFT JOIN newsletter_handover h ON h.batch_id = b.id
    WHERE b.id = ANY(%(batches)s)
    GROUP BY b.id
"""
_LEAVE = """
    UPDATE newsletter_batch
    SET subscriber_ids = array_replace(subscriber_ids, %(person)s::bigint, 0),
        sent = sent + %(sent)s, skipped = skipped + %(skipped)s, in_doubt = in_doubt + %(in_doubt)s
    WHERE id = %(batch)s
"""
_FORGET = """
    UPDATE newsletter_handover
    SET subscriber_ids = array_replace(subscriber_ids, %(person)s::bigint, 0),
        accepted_ids = array_remove(accepted_ids, %(person)s::bigint),
        free_ids = array_remove(free_ids, %(person)s::bigint)
    WHERE batch_id = %(batch)s
"""
# Another number for each campaign, at random: what one person got can't be put together again. By
# campaign, as Delivery has no index by person. Replies of mail servers like to repeat the address.
_LOSE_NAME = """
    UPDATE newsletter_delivery
    SET subscriber_id = -1 - (random() * 2 ^ 52)::bigint, reason = ''
    WHERE campaign_id IN (SELECT id FROM newsletter_campaign) AND subscriber_id = %(person)s
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
        cursor.execute(
            _STATES,
            {"person": subscriber_id, "batches": batch_ids, "witness": Handover.WITNESS},
        )
        for batch_id, campaign_id, has_outcome, *journal in cursor.fetchall():
            counts = {"sent": 0, "skipped": 0, "in_doubt": 0}
            if not has_outcome:
                status = _status(*journal)
                counts[status] = 1
                Delivery.objects.create(
                    campaign_id=campaign_id, subscriber_id=subscriber_id, status=status, at=now()
                )
            cursor.execute(_LEAVE, {"batch": batch_id, "person": subscriber_id, **counts})
            cursor.execute(_FORGET, {"batch": batch_id, "person": subscriber_id})
        Deferral.objects.filter(subscriber_id=subscriber_id).delete()
        cursor.execute(_LOSE_NAME, {"person": subscriber_id})


def erase_log(subscriber_id: int) -> None:
    """Empty what the admin's log says of a person: it keeps the address of whoever was edited."""
    LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Subscriber), object_id=str(subscriber_id)
    ).update(object_repr="", change_message="")


def _status(is_accepted: bool, is_under_way: bool) -> str:
    """Say what became of somebody without an outcome, as far as the journal knows."""
    if is_accepted:
        return Delivery.Status.SENT.value
    if is_under_way:
        return Delivery.Status.IN_DOUBT.value
    return Delivery.Status.SKIPPED.value
