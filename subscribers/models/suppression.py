"""Addresses that are never written to again."""

from django.db import models
from django.db.models.functions import Now


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
