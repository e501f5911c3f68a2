"""What a campaign's mails and its readers came to, for pages about many campaigns at once."""

from django.db import models

from newsletter.models.campaign import Campaign


class CampaignSum(models.Model):
    """Sums of one campaign whose own rows are too many to be added up for a thousand campaigns.

    A copy: newsletter/summing.py makes it anew from batches, forwards and who left, every few
    minutes while a campaign is young and once a day after that. Opens and clicks have theirs in
    tracking.
    """

    campaign = models.OneToOneField(
        Campaign, models.CASCADE, primary_key=True, related_name="sums", db_constraint=False
    )
    sent = models.BigIntegerField(default=0)  # accepted by a mail server
    failed = models.BigIntegerField(default=0)  # refused by one
    skipped = models.BigIntegerField(default=0)
    in_doubt = models.BigIntegerField(default=0)
    leavers = models.BigIntegerField(default=0)  # people who left a list by this mail
    forwards = models.BigIntegerField(default=0)  # friends whom readers asked us to write to
    shares = models.BigIntegerField(default=0)  # pages that readers made to share
    summed_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"sums of campaign {self.campaign_id}"
