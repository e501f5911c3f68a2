"""What came of a campaign's mails at each mailbox provider."""

from django.db import models

from newsletter.models.campaign import Campaign


class MailboxCount(models.Model):
    """When a campaign's mails were last counted by provider, and what there was to count then.

    A copy, like the rows below: newsletter/mailboxes.py makes both anew while a campaign is read.
    """

    campaign = models.OneToOneField(
        Campaign, models.CASCADE, primary_key=True, related_name="mailboxes", db_constraint=False
    )
    counted_at = models.DateTimeField()
    seen = models.CharField(max_length=200)  # the sums of that moment: another count when they move
    seconds = models.FloatField(default=0.0)  # that it took

    def __str__(self) -> str:
        return f"mailboxes of campaign {self.campaign_id}"


class MailboxTotal(models.Model):
    """People at one provider, by what became of one campaign's mail to them.

    A provider is a group as newsletter/sending/providers.py makes them. The one without a name has
    everybody whose domain is too small to stand here by itself, and who has been erased.
    """

    pk = models.CompositePrimaryKey("campaign_id", "provider")
    campaign = models.ForeignKey(
        Campaign, models.CASCADE, related_name="+", db_constraint=False, db_index=False
    )
    provider = models.CharField(max_length=253)
    name = models.CharField(max_length=253)  # what people called it then
    sent = models.IntegerField(default=0)  # mails that their server accepted
    refused = models.IntegerField(default=0)  # and that it did not
    # Of those sent to, and who may be named: somebody opened, or followed a link.
    opened = models.IntegerField(default=0)
    clicked = models.IntegerField(default=0)
    machine_opened = models.IntegerField(default=0)
    machine_clicked = models.IntegerField(default=0)
    any_opened = models.IntegerField(default=0)  # a person, a machine or both
    any_clicked = models.IntegerField(default=0)
    leavers = models.IntegerField(default=0)  # who left a list by this mail

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} at {self.provider or 'all others'}"
