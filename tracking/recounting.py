"""Applies the present rules to old events, and counts all sums anew.

Hits may come in meanwhile. First all hits are judged again, each day as a whole (as hindsight.py
does with those that are over); then the sums of one campaign after the other are counted. A recount
that was stopped goes on where it was, unless the rules have changed since.

Campaigns of which retention dropped events keep what these had added to the sums; those of their
events that are left are judged, and move the sums.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from django.db import connection
from django.utils.timezone import now

from tracking import judging, rebuilding
from tracking.classify import RULES
from tracking.models import CampaignTotal, Recount
from tracking.portions import FAR, MINUTE, Span

DAY = timedelta(days=1)

_MINUTES = """
SELECT date_trunc('minute', occurred_at) AS minute, count(*) FROM tracking_event
WHERE occurred_at >= %s AND occurred_at < %s AND (%s = 0 OR campaign_id = %s)
GROUP BY 1 ORDER BY 1
"""
_BEGINNING = "SELECT min(occurred_at) FROM tracking_event"


class Progress(NamedTuple):
    """How far a recount is."""

    stage: str  # "hits" or "campaigns"
    done: int
    total: int


class Outcome(NamedTuple):
    """What a recount did, this time."""

    hits: int  # judged
    changed: int  # of these, to another verdict or reason
    campaigns: int  # whose sums were counted anew
    kept: int  # campaigns whose sums stay, because retention dropped events of theirs


def recount(
    campaign_id: int = 0,
    since: datetime | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Outcome:
    """Judge the hits of a campaign (0: of all) `since` a moment, and count its sums anew."""
    run = _run(campaign_id, since)
    hits, changed = _judge(run, report)
    campaigns, kept = _rebuild(run, report)
    run.finished_at = now()
    run.save(update_fields=["finished_at"])
    return Outcome(hits, changed, campaigns, kept)


def _run(campaign_id: int, since: datetime | None) -> Recount:
    asked = {"campaign_id": campaign_id, "since": since, "rules": RULES}
    stopped = Recount.objects.filter(**asked, finished_at=None).order_by("-id").first()
    return stopped or Recount.objects.create(**asked)


def _judge(run: Recount, report: Callable[[Progress], None]) -> tuple[int, int]:
    minutes = _minutes(run)
    total = sum(minutes.values())
    done = changed = 0
    report(Progress("hits", done, total))
    for span in _days(minutes):
        for portion in judging.cut(span, FAR):
            with judging.alone():
                judged = judging.judge_portion(portion, run.campaign_id)
            run.judged_to = portion.span.end
            run.save(update_fields=["judged_to"])
            done += judged.hits
            changed += judged.changed
            report(Progress("hits", done, total))
    return done, changed


def _minutes(run: Recount) -> dict[datetime, int]:
    """Return how many hits each minute has that are still to be judged, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNING)
        beginning = run.judged_to or run.since or cursor.fetchone()[0]
        if beginning is None:
            return {}
        asked = [beginning, now() + DAY, run.campaign_id, run.campaign_id]
        cursor.execute(_MINUTES, asked)
        return dict(cursor.fetchall())


def _days(minutes: dict[datetime, int]) -> Iterator[Span]:
    """Join the minutes of each day (UTC) to a span."""
    for _, group in groupby(minutes, key=datetime.date):
        day = list(group)
        yield Span(day[0], day[-1] + MINUTE)


def _rebuild(run: Recount, report: Callable[[Progress], None]) -> tuple[int, int]:
    campaigns = CampaignTotal.objects.filter(campaign_id__gt=run.rebuilt_to)
    if run.campaign_id:
        campaigns = campaigns.filter(campaign_id=run.campaign_id)
    ids = list(campaigns.order_by("campaign_id").values_list("campaign_id", flat=True))
    done = 0
    for number, campaign_id in enumerate(ids, 1):
        done += rebuilding.rebuild(campaign_id)
        run.rebuilt_to = campaign_id
        run.save(update_fields=["rebuilt_to"])
        report(Progress("campaigns", number, len(ids)))
    return done, len(ids) - done
