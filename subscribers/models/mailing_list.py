"""Lists, and who is on them.

States of a subscription change only through subscribers/consent.py, which also writes the ledger.
"""

from django.db import models
from django.db.models.functions import Now

from subscribers.models.subscriber import Subscriber, TrackingChoice


class MailingListQuerySet(models.QuerySet["MailingList"]):
    """Questions about lists."""

    def public(self) -> "MailingListQuerySet":
        """Return the lists that anyone may join."""
        return self.filter(visibility=MailingList.Visibility.PUBLIC)


class MailingList(models.Model):
    """A list that people join, and that campaigns go to."""

    class Visibility(models.TextChoices):
        PUBLIC = "public", "Public: has a sign-up page"
        PRIVATE = "private", "Private: people are added by you"

    class OptIn(models.TextChoices):
        DOUBLE = "double", "Double: the person confirms by mail"
        SINGLE = "single", "Single: the form is enough"

    name = models.CharField(max_length=100)
    slug = models.SlugField(max_length=60, unique=True)
    description = models.TextField(blank=True, help_text="Shown on the sign-up page.")
    visibility = models.CharField(max_length=7, choices=Visibility, default=Visibility.PRIVATE)
    opt_in = models.CharField(max_length=6, choices=OptIn, default=OptIn.DOUBLE)
    consent_wording = models.TextField(
        blank=True, help_text="What people agree to when they join; kept with each consent."
    )
    tracking = models.CharField(
        "reading is",
        max_length=10,
        choices=TrackingChoice,
        blank=True,
        help_text=(
            "For people who have chosen nothing themselves; what a person chose always wins. Mail "
            "to several lists keeps to the strictest of them. A stricter choice holds at once, "
            "also for mail that is already in inboxes."
        ),
    )
    forwarding = models.BooleanField(
        "readers may forward its mail",
        default=True,
        db_default=True,
        help_text=(
            "By a link in each mail, to friends or as a page to share. Mail to several lists can "
            "be forwarded only if all of them allow it. Switched off, it ends at once, also for "
            "mail that is already in inboxes and for pages that were shared."
        ),
    )
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = MailingListQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """One person on one list, in one of three states.

    The database does not check that person and list exist: that would be a third of an import's
    time (docs/people.md). Who writes here holds a lock on the person's row, as consent.py does.
    """

    class Status(models.TextChoices):
        PENDING = "pending", "Waiting for confirmation"
        ACTIVE = "active", "Active"
        UNSUBSCRIBED = "unsubscribed", "Left"

    # No index of their own: each begins one of the indexes below.
    subscriber = models.ForeignKey(
        Subscriber,
        models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,
    )
    mailing_list = models.ForeignKey(
        MailingList,
        models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint("subscriber", "mailing_list", name="subscription_once")
        ]
        indexes = [
            # Read by newsletter.audience and by the counts of lists.
            models.Index(fields=["mailing_list", "status", "subscriber"], name="subscription_list"),
        ]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} on list {self.mailing_list_id}: {self.status}"
