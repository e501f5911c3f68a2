"""What each named person did: what makes counts of people exact."""

from django.db import models


class Reader(models.Model):
    """What one named person did with one campaign: what makes a campaign's uniques exact.

    There is a row for everybody with a hit of any kind, because erasure finds their events by it.
    No second index, because each would cost ingest as much again. A person's rows are found by
    looking into each campaign that has a total (see tracking/erase.py): some thousand look-ups.
    """

    pk = models.CompositePrimaryKey("campaign_id", "subscriber_id")
    campaign_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    opens = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    machine_opens = models.IntegerField(default=0)
    machine_clicks = models.IntegerField(default=0)
    first_open_at = models.DateTimeField(null=True)
    last_open_at = models.DateTimeField(null=True)
    first_click_at = models.DateTimeField(null=True)
    last_click_at = models.DateTimeField(null=True)
    # A bit for each kind and verdict that this person's own hits have: (kind - 1) * 8 + verdict.
    seen = models.BigIntegerField(default=0)
    # Which of these bits the last batch brought, and what else it changed (tracking/rollups.py):
    # PostgreSQL before 18 returns no old values.
    gained = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} with campaign {self.campaign_id}"


class ReaderLink(models.Model):
    """That one named person clicked one link: what makes a link's unique clicks exact."""

    pk = models.CompositePrimaryKey("link_id", "subscriber_id")
    link_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    clicks = models.IntegerField(default=0)
    machine_clicks = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} on link {self.link_id}"
