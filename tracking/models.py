"""What happened to mail, and what it adds up to.

Campaign, subscriber and link are plain numbers here, not foreign keys: this app does not know the
campaign tables, and key checks would cost several look-ups on each of millions of rows.
A subscriber of 0 means that the reader is not named (tracking choice `aggregate`).
"""

from django.db import models
from django.db.models.functions import Now

from tracking.band_models import LastReading, ListReading  # noqa: F401
from tracking.breakdown_models import Breakdown, Dimension  # noqa: F401
from tracking.forward_models import Forward, ForwardRefusal, PossibleForwards  # noqa: F401


class Kind(models.IntegerChoices):
    """What a reader did."""

    OPEN = 1
    CLICK = 2
    CANARY = 3  # the hidden link, which no person sees
    SHARE = 4  # a share link was followed
    QUOTE = 5  # the picture that only quoted mail loads


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


class UnsettledMinute(models.Model):
    """A minute (UTC) in which hits were stored that are to be judged again, with those around them.

    Rows are only added and removed, and the same minute may be here several times: so ingesters
    don't wait for each other or for who judges, and what is stored meanwhile is not forgotten.
    """

    minute = models.DateTimeField()
    is_late = models.BooleanField()  # hits around it had been judged for good before these came

    def __str__(self) -> str:
        return str(self.minute)


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


class StoredPack(models.Model):
    """The id of a pack of events that is in the tables. A pack that comes twice counts once.

    Ids begin with the time (tracking/packs.py), which is how old ones are found and forgotten.
    """

    id = models.UUIDField(primary_key=True)

    def __str__(self) -> str:
        return str(self.id)


# --- Sums ---
#
# People and machines apart: a hit is a person's when its verdict is one of PEOPLE
# (tracking/classify/verdicts.py). Opens and clicks are those of a campaign's own recipients; hits
# on forwarded copies and shared pages have sums of their own. "Unique" counts people who may be
# named. Every sum is what counting the events would give, at any moment.


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
