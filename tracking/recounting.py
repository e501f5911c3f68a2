"""Applies the present rules to old events, and counts all sums anew.

Hits may come in meanwhile. First all hits are judged again, some minutes at a time; then the sums
of one campaign after the other are counted. A recount that was stopped goes on where it was, unless
the rules have changed since.

Campaigns of which retention dropped events keep what these had added to the sums; those of their
events that are left are judged, and move the sums.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connection
from django.utils.timezone import now

from tracking import judging, rebuilding
from tracking.classify import RULES
from tracking.models import CampaignTotal, Recount
from tracking.portions import MINUTE, NEAR, Span

# Hits between two notes of how far it is. Fewer would have more around them that are judged along.
MOST = 100_000

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
    for span, hits in _spans(minutes):
        with judging.alone(wait=True):
            changed += judging.judge_span(span, run.campaign_id)
        run.judged_to = span.end
        run.save(update_fields=["judged_to"])
        done += hits
        report(Progress("hits", done, total))
    return done, changed


def _minutes(run: Recount) -> dict[datetime, int]:
    """Return how many hits each minute has that are still to be judged, in order."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNING)
        beginning = run.judged_to or run.since or cursor.fetchone()[0]
        if beginning is None:
            return {}
        asked = [beginning, now() + timedelta(days=1), run.campaign_id, run.campaign_id]
        cursor.execute(_MINUTES, asked)
        return dict(cursor.fetchall())


def _spans(minutes: dict[datetime, int]) -> Iterator[tuple[Span, int]]:
    """Join minutes near each other to spans of mostly up to MOST hits; with how many they have."""
    start = end = None
    hits = 0
    for minute, count in minutes.items():
        if start and end and (hits + count > MOST or minute - end > NEAR):
            yield Span(start, end), hits
            start, hits = None, 0
        start = start or minute
        end = minute + MINUTE
        hits += count
    if start and end:
        yield Span(start, end), hits


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
