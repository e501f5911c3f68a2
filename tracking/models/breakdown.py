"""By what, and where from, a campaign was read: the table of tracking/breakdowns.py."""

from django.db import models


class Dimension(models.IntegerChoices):
    """What a campaign's opens and clicks are divided by."""

    CLIENT = 1  # mail programs and browsers
    DEVICE = 2
    COUNTRY = 3


class Breakdown(models.Model):
    """Opens and clicks of one campaign by one mail program, kind of device or country.

    A value is the number of a client or device (tracking/programs.py), or of a country
    (tracking/countries.py); 0: not known. The sums over a dimension are the campaign's totals.
    """

    pk = models.CompositePrimaryKey("campaign_id", "dimension", "value")
    campaign_id = models.BigIntegerField()
    dimension = models.SmallIntegerField(choices=Dimension)
    value = models.SmallIntegerField()
    opens = models.BigIntegerField(default=0)
    clicks = models.BigIntegerField(default=0)
    machine_opens = models.BigIntegerField(default=0)
    machine_clicks = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"campaign {self.campaign_id} by {self.get_dimension_display()} {self.value}"
