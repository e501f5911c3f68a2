"""People, the lists they are on, and the proof that they agreed.

States of a subscription change only through subscribers/consent.py, which also writes the ledger.
"""

from collections.abc import Iterable
from email.utils import parseaddr

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from subscribers.growth_models import ListChange, ListDay  # noqa: F401
from subscribers.leaving_models import LeavingSum  # noqa: F401


class Organisation(models.Model):
    """Who writes: named on each page and in the footer of each mail. One row, with id 1."""

    name = models.CharField(max_length=200)
    postal_address = models.TextField(
        help_text="Stands in the footer of each mail, as the law asks (PECR, CAN-SPAM, CASL)."
    )
    contact_email = models.EmailField(
        help_text="Answered by a person: for leaving by hand, and for questions about data."
    )
    website = models.URLField(blank=True)
    privacy_url = models.URLField("privacy policy", blank=True)

    class Meta:
        verbose_name_plural = "organisation"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="organisation_is_one")]

    def __str__(self) -> str:
        return self.name

    @classmethod
    def current(cls) -> "Organisation":
        """Return the one row, made from DEFAULT_FROM when nobody has filled it in yet."""
        name, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
        organisation, _ = cls.objects.get_or_create(
            id=1, defaults={"name": name or address, "contact_email": address}
        )
        return organisation


class TrackingChoice(models.TextChoices):
    """What may be recorded of a person's reading."""

    OFF = "off", "Nothing"
    AGGREGATE = "aggregate", "Counted without a name"
    INDIVIDUAL = "individual", "Recorded for this person"

    @classmethod
    def strictest(cls, choices: Iterable[str]) -> "TrackingChoice":
        """Return the one of `choices` that allows least. Raises ValueError for none."""
        order = list(cls)  # from least to most
        return min(map(cls, choices), key=order.index)


class SubscriberQuerySet(models.QuerySet["Subscriber"]):
    """Questions about people."""

    def search(self, beginning: str) -> "SubscriberQuerySet":
        """Return the people whose address begins so, whatever its case (an index range)."""
        return self.filter(email_key__startswith=beginning.strip().casefold())


class Subscriber(models.Model):
    """A person with an address. Being here gives no right to write to them: see Subscription."""

    email = models.CharField("address", max_length=320, help_text="As the person gave it.")
    # subscribers/addresses.py: NFC, folded case, A-labels. Makes two spellings one person.
    # Compared byte by byte, so that one index serves uniqueness and the search for a beginning;
    # a second one for the search would cost a tenth of an import.
    email_key = models.CharField(max_length=320, db_collation="C", editable=False)
    # subscribers/suppression.py: what the suppression list is compared with.
    email_hash = models.BinaryField(max_length=16, editable=False)
    name = models.CharField(max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True, help_text="Anything else, as JSON.")
    language = models.CharField(max_length=35, blank=True, help_text="BCP 47, such as en-GB.")
    timezone = models.CharField("time zone", max_length=64, blank=True)
    tracking = models.CharField(
        "reading is",
        max_length=10,
        choices=TrackingChoice,
        blank=True,
        help_text="Empty: what their lists say, or else the installation (TRACKING_DEFAULT).",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = SubscriberQuerySet.as_manager()

    class Meta:
        constraints = [
            # Not unique=True on the field, which would bring a second index for LIKE.
            models.UniqueConstraint(fields=["email_key"], name="subscriber_once")
        ]

    def __str__(self) -> str:
        return self.email


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


class Suppression(models.Model):
    """An address that is never written to again, as a keyed hash that outlives the person's row."""

    class Reason(models.TextChoices):
        MANUAL = "manual", "By hand"
        OBJECTION = "objection", "The person asked"
        BOUNCE = "bounce", "The address does not exist"
        COMPLAINT = "complaint", "Reported as spam"

    email_hash = models.BinaryField(max_length=16, unique=True)
    # Which SUPPRESSION_KEY made the hash: with another key the list would protect nobody.
    key_id = models.CharField(max_length=8)
    reason = models.CharField(max_length=10, choices=Reason)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.get_reason_display()}, {self.created_at:%d %B %Y}"


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


class Import(models.Model):
    """A file of people on its way into a list. The row is the job: it is taken and resumed."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Stopped"

    mailing_list = models.ForeignKey(MailingList, models.CASCADE, related_name="imports")
    file_name = models.CharField(max_length=200)  # as the marketer called it
    # Below settings.IMPORT_DIR, where workers find it; or absolute, where only the command looks.
    path = models.CharField(max_length=500)
    errors_path = models.CharField(max_length=500)  # refused rows; the same holds
    # Of a file that the command reads in place: proves, on a second run, that it is the same.
    fingerprint = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)  # bytes
    evidence = models.TextField(
        blank=True, help_text="How these people agreed, for example the date of a signed agreement."
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    # Who claims it raises the fence; an older number can no longer store anything.
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)  # without progress
    # Where the next chunk begins, so that a stopped import resumes: rows of the file done so far,
    # and the bytes of it that they took (for the progress bar).
    rows_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    errors_size = models.BigIntegerField(default=0)  # bytes of the file of refused rows
    added = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    message = models.TextField(blank=True)  # why it stopped, for the person who started it
    staff_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name


class Departure(models.Model):
    """Somebody has just left a list, or was suppressed or erased: whoever is sending looks again.

    Written by triggers (migration 0004), so that no way of leaving can forget it; read by the
    statement that lets a mail go out; removed after a day. Holds a number and nothing else of
    a person, so that it may outlive their erasure by that day.
    """

    subscriber_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["subscriber_id"], name="departure_subscriber")]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id}, {self.at:%H:%M:%S}"
