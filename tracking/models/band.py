"""When people last read something, and what that makes of a list.

tracking/bands.py fills and reads these tables.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class LastReading(models.Model):
    """When one person last opened, and last clicked, as of the last count.

    Of people only whose choice it is to be named; machines' hits are left out. A row of whoever
    withdraws goes with the next count, and is not shown from that moment on.
    """

    subscriber_id = models.BigIntegerField(primary_key=True)
    opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField()  # the later of both

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id}, {self.read_at:%d %B %Y}"


class ListReading(models.Model):
    """How the people of one list read, as of the last count. Names no one."""

    mailing_list_id = models.BigIntegerField(primary_key=True)
    counted_at = models.DateTimeField()
    seconds = models.FloatField()  # that the count of all lists took
    bands = models.JSONField()  # tracking.bands.Band -> people
    # By weekday (Monday first) and hour of the day, of the installation's time zone.
    opens = ArrayField(models.BigIntegerField(), size=7 * 24)
    clicks = ArrayField(models.BigIntegerField(), size=7 * 24)
    campaigns = models.IntegerField()  # whose opens and clicks these are
    since = models.DateTimeField()  # of the first of them

    def __str__(self) -> str:
        return f"list {self.mailing_list_id}, {self.counted_at:%d %B %Y}"
