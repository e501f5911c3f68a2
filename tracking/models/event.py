"""Hits as they were received and judged, and how far judging has come."""

from django.db import models
from django.db.models.functions import Now


class Kind(models.IntegerChoices):
    """What a reader did."""

    OPEN = 1
    CLICK = 2
    CANARY = 3  # the hidden link, which no person sees
    SHARE = 4  # a share link was followed
    QUOTE = 5  # the picture that only quoted mail loads


class Event(models.Model):
    """One hit, as it was received, and what it was judged to be. Written in bulk by ingest.

    The table is partitioned by month of `occurred_at` (tracking/partitions.py, which makes it), so
    the key that PostgreSQL holds is (id, occurred_at); Django is told that `id` alone is enough.
    A subscriber below 0 has been erased: the number is drawn at random for one campaign, so that
    counts of people stay what they were, and names no one.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.SmallIntegerField(choices=Kind)
    campaign_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    link_id = models.BigIntegerField()  # 0: not a click on a link
    occurred_at = models.DateTimeField()
    network = models.GenericIPAddressField(null=True)  # cut to /24 or /48; empty: unknown
    user_agent = models.TextField()
    marks = models.JSONField()  # of the request, for rules to judge by: tracking/facts.py
    forward_id = models.BigIntegerField()  # 0: the mail itself; else whose copy of it
    verdict = models.SmallIntegerField()  # tracking.classify.verdicts.Verdict
    reason = models.CharField(max_length=60)  # a short code of the rule that decided
    rules = models.SmallIntegerField()  # the version of the rules that gave this verdict
    since_sent = models.FloatField(null=True)  # seconds after the hand-over; empty: unknown
    program = models.SmallIntegerField(default=0)  # tracking/programs.py; 0: not known
    country = models.SmallIntegerField(default=0)  # tracking/countries.py; 0: not known

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


class UnsettledMinute(models.Model):
    """A minute (UTC) in which hits were stored that are to be judged again, with those around them.

    Rows are only added and removed, and the same minute may be here several times: so ingesters
    don't wait for each other or for who judges, and what is stored meanwhile is not forgotten.
    """

    minute = models.DateTimeField()
    is_late = models.BooleanField()  # hits around it had been judged again before these came

    def __str__(self) -> str:
        return str(self.minute)


class UnsettledDay(models.Model):
    """A day (UTC) in which hits were judged that are to be judged once more, all of it together."""

    day = models.DateField(unique=True)
    due_at = models.DateTimeField()  # when to look at it next
    # Of the look that is not done yet, if there is one:
    begun_at = models.DateTimeField(null=True)  # empty: it doesn't know all that has come
    judged_to = models.DateTimeField(null=True)  # hits before this moment; empty: no look
    worked = models.FloatField(db_default=0.0)  # seconds

    def __str__(self) -> str:
        return str(self.day)


class Recount(models.Model):
    """How far a recount of old events has come, so that one that was stopped can go on."""

    campaign_id = models.BigIntegerField()  # 0: all
    since = models.DateTimeField(null=True)  # empty: from the beginning
    rules = models.SmallIntegerField()
    started_at = models.DateTimeField(db_default=Now())
    judged_to = models.DateTimeField(null=True)  # hits before this moment are judged
    rebuilt_to = models.BigIntegerField(default=0)  # campaigns up to this one are summed anew
    finished_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"recount of {self.started_at}"
