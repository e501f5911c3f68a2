"""The proof that people agreed, and those who are asked whether they do."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from subscribers.models.mailing_list import MailingList
from subscribers.models.subscriber import Subscriber, TrackingChoice


class ConsentRecord(models.Model):
    """One line of the ledger: what changed, how, when, and what the person was shown.

    Append-only, enforced by a trigger in the database. Subscriber and campaign are plain numbers:
    a foreign key would let a cascade rewrite history. Erasure removes a person's lines by the one
    way that the trigger leaves open (subscribers/erase.py).
    """

    class Action(models.TextChoices):
        REQUESTED = "requested", "Asked to join"
        SUBSCRIBED = "subscribed", "Joined"
        CONFIRMED = "confirmed", "Confirmed"
        UNSUBSCRIBED = "unsubscribed", "Left"
        SUPPRESSED = "suppressed", "Never write again"
        UNSUPPRESSED = "unsuppressed", "May be written to again"
        TRACKING = "tracking", "Chose what is recorded"

    class Method(models.TextChoices):
        FORM = "form", "Sign-up page"
        CONFIRMATION = "confirmation", "Link in a confirmation mail"
        ONE_CLICK = "one-click", "One click in the mail program"
        PAGE = "page", "Unsubscribe page"
        PREFERENCES = "preferences", "Preference page"
        IMPORT = "import", "Import"
        ADMIN = "admin", "By a member of staff"
        BOUNCE = "bounce", "A mail server: no such address"
        DEMO = "demo", "Demonstration"

    subscriber_id = models.BigIntegerField()
    # Stays a number when the list is deleted: what was agreed to is in `wording`.
    mailing_list = models.ForeignKey(
        MailingList,
        models.DO_NOTHING,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    action = models.CharField(max_length=12, choices=Action)
    method = models.CharField(max_length=12, choices=Method)
    wording = models.TextField(blank=True)
    evidence = models.JSONField(default=dict)
    ip = models.GenericIPAddressField("address of origin", null=True)
    user_agent = models.CharField(max_length=300, blank=True)
    # The campaign whose mail carried the link, as a number; 0 when there was none.
    campaign_id = models.BigIntegerField(default=0)
    staff_id = models.BigIntegerField(null=True)  # who acted, when a member of staff did
    recorded_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["subscriber_id"], name="consent_subscriber"),
            # Read by tracking.readers: who left because of a campaign.
            models.Index(
                fields=["campaign_id", "subscriber_id"],
                condition=~Q(campaign_id=0),
                name="consent_campaign_left",
            ),
            # Read by tracking.forward_reports: who joined by what was forwarded.
            models.Index(
                fields=["campaign_id"],
                condition=~Q(campaign_id=0) & Q(method="form"),
                name="consent_campaign_joined",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} ({self.get_method_display()})"


class Confirmation(models.Model):
    """A request to join that waits for its person. The mail is sent by the layer above.

    One row covers all the lists asked for in one form. `mail_due_at` empties when the mail has
    been handed over; the newsletter app looks for rows that are due.
    """

    subscriber = models.ForeignKey(Subscriber, models.CASCADE, related_name="confirmations")
    mailing_list_ids = ArrayField(models.BigIntegerField())
    requested_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    mail_due_at = models.DateTimeField(null=True)
    mail_attempts = models.SmallIntegerField(default=0)
    mail_sent_at = models.DateTimeField(null=True)
    # Whether the mail has a link to confirm with: "you are on the list already" has none. Set when
    # the mail is made; before that, lists that are added will stand in it.
    mail_asks = models.BooleanField(default=True, db_default=True)
    confirmed_at = models.DateTimeField(null=True)
    # The choice made in the form. It counts once the person has confirmed that it was them.
    tracking = models.CharField(max_length=10, choices=TrackingChoice, blank=True)
    ip = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            # Read by confirmation.claim_due: what to send, and how much was sent this hour.
            models.Index(
                fields=["mail_due_at"],
                condition=Q(mail_due_at__isnull=False),
                name="confirmation_due",
            ),
            models.Index(
                fields=["mail_sent_at"],
                condition=Q(mail_sent_at__isnull=False),
                name="confirmation_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"confirmation {self.pk} of subscriber {self.subscriber_id}"
