"""What happened to mail, and what it adds up to.

Campaign, subscriber and link are plain numbers here, not foreign keys: this app does not know the
campaign tables, and key checks would cost several look-ups on each of millions of rows.
A subscriber of 0 means that the reader is not named (tracking choice `aggregate`).
"""

from django.db import models
from django.db.models.functions import Now


class Kind(models.IntegerChoices):
    """What a reader did."""

    OPEN = 1
    CLICK = 2


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


class Event(models.Model):
    """One hit, as it was received. Written in bulk by tracking/ingest.py, read by no page.

    The table is partitioned by month of `occurred_at` (tracking/partitions.py, which makes it), so
    the key that PostgreSQL holds is (id, occurred_at); Django is told that `id` alone is enough.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.SmallIntegerField(choices=Kind)
    campaign_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    link_id = models.BigIntegerField()  # 0 for an open
    occurred_at = models.DateTimeField()
    network = models.GenericIPAddressField(null=True)  # cut to /24 or /48; empty: unknown
    user_agent = models.TextField()
    marks = models.JSONField()  # of the request, for rules to judge by: tracking/facts.py

    class Meta:
        managed = False
        db_table = "tracking_event"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of campaign {self.campaign_id}"


class StoredPack(models.Model):
    """The id of a pack of events that is in the tables. A pack that comes twice counts once.

    Ids begin with the time (tracking/packs.py), which is how old ones are found and forgotten.
    """

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)


class CampaignTotal(models.Model):
    """Opens and clicks of one campaign; the unique ones count people who may be named."""

    campaign_id = models.BigIntegerField(primary_key=True)
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    unique_opens = models.BigIntegerField(default=0)
    unique_clicks = models.BigIntegerField(default=0)

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

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} at {self.hour}"


class LinkTotal(models.Model):
    """Clicks on one link."""

    link_id = models.BigIntegerField(primary_key=True)
    campaign_id = models.BigIntegerField(db_index=True)
    clicks = models.BigIntegerField(default=0)
    unique_clicks = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"clicks on link {self.link_id}"


class Reader(models.Model):
    """What one named person did with one campaign: what makes a campaign's uniques exact.

    No second index, because each would cost ingest as much again. A person's rows are found by
    looking into each campaign that has a total (see tracking/erase.py): some thousand look-ups.
    """

    pk = models.CompositePrimaryKey("campaign_id", "subscriber_id")
    campaign_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    opens = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    first_open_at = models.DateTimeField(null=True)
    last_open_at = models.DateTimeField(null=True)
    first_click_at = models.DateTimeField(null=True)
    last_click_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} with campaign {self.campaign_id}"


class ReaderLink(models.Model):
    """That one named person clicked one link: what makes a link's unique clicks exact."""

    pk = models.CompositePrimaryKey("link_id", "subscriber_id")
    link_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    clicks = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id} on link {self.link_id}"
