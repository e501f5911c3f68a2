"""What the hits on a campaign, a link or a forwarded copy add up to.

People and machines apart: a hit is a person's when its verdict is one of PEOPLE
(tracking/classify/verdicts.py). Opens and clicks are those of a campaign's own recipients; hits
on forwarded copies and shared pages have sums of their own. "Unique" counts people who may be
named. Every sum is what counting the events would give, at any moment.
"""

from django.db import models

from tracking.models.event import Kind


class CampaignTotal(models.Model):
    """Opens and clicks of one campaign."""

    campaign_id = models.BigIntegerField(primary_key=True)
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    unique_opens = models.BigIntegerField(default=0)
    unique_clicks = models.BigIntegerField(default=0)
    machine_opens = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)
    unique_machine_opens = models.BigIntegerField(default=0)  # people for whom a machine opened
    unique_machine_clicks = models.BigIntegerField(default=0)
    # Events before this moment were dropped by retention, so sums can't be counted from them any
    # more. Empty: all events are there.
    kept_from = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"totals of campaign {self.campaign_id}"


class CampaignHour(models.Model):
    """Opens and clicks of one campaign in one hour (UTC)."""

    pk = models.CompositePrimaryKey("campaign_id", "hour")
    campaign_id = models.BigIntegerField()
    hour = models.DateTimeField()
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    unique_opens = models.BigIntegerField(default=0)  # people whose first open fell in this hour
    unique_clicks = models.BigIntegerField(default=0)
    machine_opens = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} at {self.hour}"


class CampaignMoment(models.Model):
    """Opens and clicks of one campaign in five minutes (UTC): for the first hours' curve."""

    pk = models.CompositePrimaryKey("campaign_id", "at")
    campaign_id = models.BigIntegerField()
    at = models.DateTimeField()  # the beginning of the five minutes
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    unique_opens = models.BigIntegerField(default=0)  # people whose first open fell in these
    unique_clicks = models.BigIntegerField(default=0)
    machine_opens = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} at {self.at}"


class VerdictTotal(models.Model):
    """How many hits of one kind on one campaign were judged to be what."""

    pk = models.CompositePrimaryKey("campaign_id", "kind", "verdict")
    campaign_id = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=Kind)
    verdict = models.SmallIntegerField()
    hits = models.BigIntegerField(default=0)  # on the mail itself
    people = models.BigIntegerField(default=0)  # named people whose mail these hits were on
    forwarded_hits = models.BigIntegerField(default=0)  # on forwarded copies and shared pages

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of campaign {self.campaign_id}: verdict {self.verdict}"


class LinkTotal(models.Model):
    """Clicks on one link."""

    link_id = models.BigIntegerField(primary_key=True)
    campaign_id = models.BigIntegerField(db_index=True)
    clicks = models.BigIntegerField(default=0)
    unique_clicks = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)
    unique_machine_clicks = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"clicks on link {self.link_id}"


class ForwardTotal(models.Model):
    """What came of one forwarded copy, or of one share link."""

    forward_id = models.BigIntegerField(primary_key=True)
    campaign_id = models.BigIntegerField(db_index=True)
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    visits = models.BigIntegerField(default=0)  # of the shared page
    machine_opens = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)
    machine_visits = models.BigIntegerField(default=0)
    first_at = models.DateTimeField(null=True)  # of people's opens, clicks and visits
    last_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"forward {self.forward_id}"
