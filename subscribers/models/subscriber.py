"""A person, and what they let be recorded."""

from collections.abc import Iterable

from django.db import models
from django.db.models.functions import Now


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
        # All that is held of one person, also what is not shown any more: newsletter/person_export.
        permissions = [("export_subscriber", "Can export one person's data")]

    def __str__(self) -> str:
        return self.email
