"""Who has just left, and how many left by a campaign's mail."""

from django.db import models
from django.db.models.functions import Now


class Departure(models.Model):
    """Somebody has just left a list, or was suppressed or erased: whoever is sending looks again.

    Written by triggers (migration 0004), so that no way of leaving can forget it; read by the
    statement that lets a mail go out; removed after a day. Holds a number and nothing else of
    a person, so that it may outlive their erasure by that day.
    """

    subscriber_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["subscriber_id"], name="departure_subscriber")]

    def __str__(self) -> str:
        return f"subscriber {self.subscriber_id}, {self.at:%H:%M:%S}"


class LeavingSum(models.Model):
    """People who left a list by the links in one campaign's mail, within some time (UTC).

    Each leaving is in three rows: that of its five minutes, that of its hour, and that of all time.
    Written by a trigger (migration 0008) in the transaction of the ledger's line, whoever writes
    it. A person counts once in each row, and still does when they have been erased.
    """

    ALL = 0
    MOMENT = 300
    HOUR = 3600

    pk = models.CompositePrimaryKey("campaign_id", "seconds", "at")
    campaign_id = models.BigIntegerField()
    seconds = models.SmallIntegerField()  # how long it is: ALL, MOMENT or HOUR
    at = models.DateTimeField()  # its beginning; of ALL the year 2000
    people = models.IntegerField(default=0)
    times = models.IntegerField(default=0)  # a press of a button, however many lists were left

    def __str__(self) -> str:
        return f"{self.people} left by campaign {self.campaign_id} at {self.at}"
