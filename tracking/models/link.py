"""The links in campaigns' mails."""

from django.db import models
from django.db.models.functions import Now


class Link(models.Model):
    """A link in a campaign's mail. Click tokens name it by id, so no address can be forged."""

    campaign_id = models.BigIntegerField()
    url = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # By hash, since an address may be longer than an index entry can be.
            models.UniqueConstraint(
                "campaign_id", models.functions.MD5("url"), name="link_once_in_campaign"
            )
        ]

    def __str__(self) -> str:
        return self.url
