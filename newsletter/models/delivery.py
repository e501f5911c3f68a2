"""The frozen audience in batches, the journal of hand-overs, and what became of each mail."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from newsletter.models.campaign import Campaign


class Batch(models.Model):
    """Some hundreds of a campaign's recipients, and the job of sending to them.

    A worker holds a batch by `fence`: each claim raises it, and whoever holds an older number can
    neither send nor record. `lease_until` passes when a worker has shown no sign of life.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        DONE = "done"
        SET_ASIDE = "set_aside"  # failed too often; a person has to look

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="batches")
    subscriber_ids = ArrayField(models.BigIntegerField())
    size = models.IntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    fence = models.IntegerField(default=0)
    attempts = models.SmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(db_default=Now())  # not claimed before: a server said "later"
    # Move only in the transaction that stores the deliveries they count.
    sent = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    in_doubt = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(size__gte=F("sent") + F("failed") + F("skipped") + F("in_doubt")),
                name="batch_counts_fit",
            ),
        ]
        indexes = [
            # Read by sending.batches.claim. Partial, so it shrinks to nothing while sending.
            models.Index(
                fields=["campaign", "id"],
                condition=Q(state__in=["waiting", "claimed"]),
                name="batch_open",
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of campaign {self.campaign_id}"


class Handover(models.Model):
    """The journal: a mail that is about to be handed over, written before its first byte goes out.

    A row without a delivery, left by a worker that died, is a mail in doubt.
    """

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="handovers")
    fence = models.IntegerField()
    subscriber_id = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint("batch", "subscriber_id", name="handover_once")]

    def __str__(self) -> str:
        return f"hand-over to subscriber {self.subscriber_id}"


class Delivery(models.Model):
    """What became of one campaign's mail to one person. Written once, in bulk, as outcomes come."""

    class Status(models.TextChoices):
        SENT = "sent", "Sent"  # the mail server accepted it
        FAILED = "failed", "Failed"  # the mail server refused it
        SKIPPED = "skipped", "Skipped"  # may no longer be written to
        IN_DOUBT = "in_doubt", "In doubt"  # handed over, and the answer never came

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="deliveries")
    # Plain numbers: the outcome stays when a person is erased (as 0, see newsletter/erase.py).
    subscriber_id = models.BigIntegerField()
    status = models.CharField(max_length=8, choices=Status)
    reason = models.CharField(
        max_length=500, blank=True
    )  # the server's reply, or why it was skipped
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["campaign", "subscriber_id"],
                condition=~Q(subscriber_id=0),
                name="delivery_once",
            ),
        ]
        indexes = [
            # Read by the lists of what went wrong.
            models.Index(
                fields=["campaign", "status", "id"],
                condition=~Q(status="sent"),
                name="delivery_not_sent",
            ),
            # Read by a person's own page, and by erasure.
            models.Index(fields=["subscriber_id"], name="delivery_subscriber"),
        ]

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} to subscriber {self.subscriber_id}: {self.status}"
