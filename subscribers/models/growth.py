"""How lists grow and shrink, in numbers that name no one.

subscribers/growth.py reads and folds them.
"""

from django.db import models
from django.db.models.functions import Now


class ListChange(models.Model):
    """People who have just joined or left a list: how many, and when.

    Written by triggers (migration 0006) in the transaction of the change, whoever causes it, so
    that no way of joining or leaving can forget it. Rows are only added, so that two changes never
    wait for each other; subscribers.growth.fold puts them into ListDay, a minute later at most.
    """

    mailing_list_id = models.BigIntegerField()
    at = models.DateTimeField(db_default=Now())
    joined = models.IntegerField(default=0)  # became active
    gone = models.IntegerField(default=0)  # ceased to be active, in whatever way
    bounced = models.IntegerField(default=0)  # active, and found to have an address that is wrong

    class Meta:
        indexes = [models.Index(fields=["mailing_list_id"], name="listchange_list")]

    def __str__(self) -> str:
        return f"list {self.mailing_list_id}: {self.joined - self.gone:+d}"


class ListDay(models.Model):
    """People who joined and left a list on one day of the installation's time zone.

    Together with the ListChange rows: joined minus gone is how many are active, at any moment.
    """

    pk = models.CompositePrimaryKey("mailing_list_id", "day")
    mailing_list = models.ForeignKey(
        "subscribers.MailingList",
        models.CASCADE,
        related_name="+",
        db_index=False,  # begins the key
        db_constraint=False,
    )
    day = models.DateField()
    joined = models.IntegerField(default=0)
    gone = models.IntegerField(default=0)
    bounced = models.IntegerField(default=0)

    def __str__(self) -> str:
        return f"list {self.mailing_list_id} on {self.day}"
