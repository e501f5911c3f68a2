"""The mail that sums a campaign up for who started it."""

from django.db import models
from django.db.models.functions import Now

from newsletter.models.campaign import Campaign


class SummaryMail(models.Model):
    """That a campaign's summary was taken to be mailed. Made before the mail leaves.

    The row is the claim: there is one for each campaign, so whatever dies after it was made, nobody
    gets the mail twice.
    """

    campaign = models.OneToOneField(
        Campaign, models.CASCADE, primary_key=True, related_name="summary_mail"
    )
    claimed_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)  # empty: no server took it, or nobody knows

    def __str__(self) -> str:
        return f"summary of campaign {self.campaign_id}"
