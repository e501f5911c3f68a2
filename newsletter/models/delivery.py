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
        SET_ASIDE = "set_aside"  # its worker died too often; a person has to look

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="batches")
    # Emptied when the batch is done: the deliveries name the people from then on.
    subscriber_ids = ArrayField(models.BigIntegerField())
    size = models.IntegerField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    fence = models.IntegerField(default=0)
    run = models.BigIntegerField(null=True)  # of the worker that claimed it last: a random number
    attempts = models.SmallIntegerField(default=0)  # claims since the last orderly ending
    lease_until = models.DateTimeField(null=True)
    due_at = models.DateTimeField(db_default=Now())  # not claimed before: a server said "later"
    claimed_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    # How many of its people had an outcome before, counted in another batch: who is sent to again.
    # These are taken off the counters below at the start, so that the campaign's sum balances.
    taken_back = models.IntegerField(db_default=0)
    # Move only in the transaction that stores the deliveries they count.
    sent = models.IntegerField(default=0)
    failed = models.IntegerField(default=0)
    skipped = models.IntegerField(default=0)
    in_doubt = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "batches"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    size__gte=F("taken_back")
                    + F("sent")
                    + F("failed")
                    + F("skipped")
                    + F("in_doubt")
                ),
                name="batch_counts_fit",
            ),
        ]
        indexes = [
            # Read by sending.batches.claim. Partial, so it shrinks to nothing while sending.
            models.Index(
                fields=["campaign", "due_at", "id"],
                condition=Q(state__in=["waiting", "claimed"]),
                name="batch_open",
            ),
        ]

    def __str__(self) -> str:
        return f"batch {self.pk} of campaign {self.campaign_id}"


class Handover(models.Model):
    """The journal: what is about to go out, written before its first byte, and what came back.

    One row for each turn of a worker's event loop. When the worker is dead, those whom the journal
    calls accepted were sent to; those it calls free were not; and those who are only noted are in
    doubt.

    The table is unlogged (migration 0004), which PostgreSQL empties when it comes up after a
    crash. Each claim therefore leaves a witness. Where that is missing, the journal was lost: a
    worker that still lives writes it anew, from memory; after one that died, everybody in the batch
    without an outcome is in doubt.
    """

    WITNESS = -1  # the turn of the witness

    # A row is named by what its worker knows, not by a sequence: that of an unlogged table begins
    # again after a crash, and an old number would then name somebody else's row.
    pk = models.CompositePrimaryKey("batch_id", "fence", "turn")
    # No key check: it would cost a look-up on the hottest path, and an orphan is harmless.
    batch = models.ForeignKey(
        Batch, models.CASCADE, related_name="handovers", db_constraint=False, db_index=False
    )
    fence = models.IntegerField()
    turn = models.IntegerField()  # of one claim
    subscriber_ids = ArrayField(models.BigIntegerField())  # about to be handed over
    accepted_ids = ArrayField(models.BigIntegerField(), default=list)  # the server has their mail
    free_ids = ArrayField(models.BigIntegerField(), default=list)  # the server has it surely not

    def __str__(self) -> str:
        return f"turn {self.turn} of batch {self.batch_id}"


class Deferral(models.Model):
    """How often a server has said "later" for one person. Gone when the outcome is known."""

    batch = models.ForeignKey(Batch, models.CASCADE, related_name="deferrals")
    subscriber_id = models.BigIntegerField()
    attempts = models.SmallIntegerField(default=1)
    reason = models.CharField(max_length=500)  # the server's last reply
    cause = models.CharField(max_length=8, blank=True)
    since = models.DateTimeField()  # the first "later"
    at = models.DateTimeField()  # the last
    due_at = models.DateTimeField()  # not tried before

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "subscriber_id"], name="deferral_once")
        ]
        indexes = [models.Index(fields=["subscriber_id"], name="deferral_subscriber")]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} of batch {self.batch_id}, {self.attempts} times"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Ways to choose deliveries."""

    def of_person(self, subscriber_id: int) -> "DeliveryQuerySet":
        """Choose a person's: one look into the key for each campaign there is."""
        return self.filter(campaign__in=Campaign.objects.all(), subscriber_id=subscriber_id)


class Delivery(models.Model):
    """What became of one campaign's mail to one person. Written once, in bulk, as outcomes come."""

    class Status(models.TextChoices):
        SENT = "sent", "Sent"  # the mail server accepted it
        FAILED = "failed", "Failed"  # the mail server refused it
        SKIPPED = "skipped", "Skipped"  # may no longer be written to
        IN_DOUBT = "in_doubt", "In doubt"  # handed over, and the answer never came

    # The key is all that says which row it is, and every index is written for each of millions of
    # rows: so there is no number beside it, no key check (campaigns are deleted through Django
    # only), and no index by person (see DeliveryQuerySet.of_person).
    pk = models.CompositePrimaryKey("campaign_id", "subscriber_id")
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="deliveries", db_constraint=False, db_index=False
    )
    # A plain number: the outcome stays when a person is erased, under a number below zero that
    # says nothing (newsletter/erase.py).
    subscriber_id = models.BigIntegerField()
    status = models.CharField(max_length=8, choices=Status)
    # What kind of refusal it was (sending.refusals.Cause); empty for what was not refused.
    cause = models.CharField(max_length=8, blank=True)
    # The server's reply, or why the person was skipped; empty for what was sent.
    reason = models.CharField(max_length=500, blank=True)
    at = models.DateTimeField()

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        indexes = [
            # Read by the lists of what went wrong, page by page, the newest first.
            models.Index(
                fields=["campaign", "status", "at", "subscriber_id"],
                condition=~Q(status="sent"),
                name="delivery_not_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} to subscriber {self.subscriber_id}: {self.status}"
