"""Copies of a mail that readers had us send to friends, and pages of it that they shared.

tracking/forwards.py has the rules.
"""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Forward(models.Model):
    """One friend's copy, or one shared page: what its opens and clicks are counted for.

    The friend's address stands here until the mail has left, and never longer: what stays is a
    keyed hash, so that nobody gets the same mail twice, or forwards every day.
    """

    class Kind(models.IntegerChoices):
        FRIEND = 1, "Mail to a friend"
        SHARE = 2, "Shared page"
        COMMON = 3, "All of a campaign's"  # what is counted where no copy may be told from others

    class State(models.TextChoices):
        ASKED = "asked", "Waiting"
        SENDING = "sending", "Being handed over"  # one that stays here is in doubt
        SENT = "sent", "Sent"
        FAILED = "failed", "Refused"
        SKIPPED = "skipped", "Not sent"  # why is not kept: it would say something of the friend
        IN_DOUBT = "in-doubt", "In doubt"
        MADE = "made", "Made"  # of what is no mail

    campaign_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()  # whose copy it was; 0: erased, or not to be named
    kind = models.SmallIntegerField(choices=Kind)
    state = models.CharField(max_length=8, choices=State)
    # subscribers.TrackingChoice of the owner when they forwarded it, or the least that the friend
    # chose since then: counting takes the least.
    tracking = models.CharField(max_length=10, blank=True)
    email_hash = models.BinaryField(max_length=16, null=True)
    # What the mail is made of; emptied when it has left.
    address = models.CharField(max_length=320, blank=True)
    sender_name = models.CharField(max_length=80, blank=True)
    note = models.CharField(max_length=300, blank=True)
    network = models.GenericIPAddressField(null=True)  # of who asked, cut; kept for a day
    asked_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField(null=True)  # of the next attempt; or when SENDING is in doubt
    attempts = models.SmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "campaign_id",
                "email_hash",
                condition=Q(kind=1) & ~Q(state="skipped"),
                name="forward_once_to_a_friend",
            ),
            models.UniqueConstraint(
                "campaign_id",
                "subscriber_id",
                condition=Q(kind=2) & ~Q(subscriber_id=0),
                name="forward_one_share_each",
            ),
            models.UniqueConstraint(
                "campaign_id", condition=Q(kind=3), name="forward_one_common_each"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["asked", "sending"])
                | Q(address="", sender_name="", note=""),
                name="forward_forgets_the_friend",
            ),
        ]
        indexes = [
            models.Index(fields=["campaign_id", "kind", "state"], name="forward_states"),
            # Read by tracking.forward_list, page by page.
            models.Index(
                fields=["campaign_id", "-id"],
                condition=~Q(state="skipped"),
                name="forward_listed",
            ),
            models.Index(fields=["email_hash", "asked_at"], name="forward_friend"),
            models.Index(fields=["asked_at"], name="forward_asked"),
            models.Index(
                fields=["subscriber_id"], condition=~Q(subscriber_id=0), name="forward_owner"
            ),
            # Read by each tick.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="forward_due"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk} of campaign {self.campaign_id}"


class ForwardRefusal(models.Model):
    """An address that wants no forwards any more, as a keyed hash. Other mail is not meant."""

    email_hash = models.BinaryField(max_length=16, unique=True)
    # Which SUPPRESSION_KEY made the hash: with another one it would protect nobody.
    key_id = models.CharField(max_length=8)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"no forwards, {self.created_at:%d %B %Y}"


class PossibleForwards(models.Model):
    """What suggests that a campaign's mail was forwarded by mail programs. Low confidence."""

    campaign_id = models.BigIntegerField(primary_key=True)
    quoted = models.IntegerField(default=0)  # people whose copy was shown as quoted mail
    second_readers = models.IntegerField(default=0)  # people whose copy has a second steady reader
    either = models.IntegerField(default=0)  # people with one of both
    computed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"possible forwards of campaign {self.campaign_id}"
