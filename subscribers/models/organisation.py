"""Who writes the mail."""

from email.utils import parseaddr

from django.conf import settings
from django.db import models
from django.db.models import Q


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
