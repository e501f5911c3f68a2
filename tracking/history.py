"""What one person did with the mail they got: their sums of each campaign, and their single hits.

Events have no index by person, which would cost ingest as much again as all it writes. A person's
row in the sums says with which campaigns they had to do, and the events are found by campaign and
person: some look-ups for each of these, in the months that are asked for.

Whose hits may be shown is for the caller to say, by the campaigns that they name.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from tracking.models import CampaignTotal, Reader
from tracking.sums import is_person

WINDOW = timedelta(days=31)  # of events that are looked at first; doubles while too few are found

_HITS = """
    SELECT event.id, event.kind, event.campaign_id, event.occurred_at, event.verdict, event.reason,
           coalesce(link.url, '')
    FROM tracking_event event
    LEFT JOIN tracking_link link ON link.id = event.link_id AND event.link_id <> 0
    WHERE event.campaign_id = ANY(%(campaigns)s) AND event.subscriber_id = %(person)s
      AND event.forward_id = 0
      AND event.occurred_at >= %(start)s AND event.occurred_at <= %(end)s
      AND (event.occurred_at, event.id) < (%(before)s, %(id)s)
    ORDER BY event.occurred_at DESC, event.id DESC
    LIMIT %(limit)s
"""
# Of each campaign in the time alone in which the sums know of reading: mostly one month's table.
_MONTHS = f"""
    SELECT date_trunc('month', hit.occurred_at AT TIME ZONE %(zone)s)::date, hit.kind, count(*)
    FROM unnest(%(campaigns)s::bigint[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        read (campaign_id, start_at, end_at)
    CROSS JOIN LATERAL (
        SELECT occurred_at, kind FROM tracking_event
        WHERE campaign_id = read.campaign_id AND subscriber_id = %(person)s AND forward_id = 0
          AND occurred_at >= read.start_at AND occurred_at <= read.end_at
          AND kind IN (1, 2) AND {is_person("verdict")}
    ) hit
    GROUP BY 1, 2
"""  # noqa: S608  (all parts are constants)


class Hit(NamedTuple):
    """One event of a person's own mail."""

    id: int
    kind: int  # tracking.models.Kind
    campaign_id: int
    at: datetime
    verdict: int
    reason: str
    url: str  # of the link; "": not a click on one


class Month(NamedTuple):
    """How often somebody read in one month; hits of machines don't count."""

    start: date
    opens: int
    clicks: int


def readings(subscriber_id: int) -> list[Reader]:
    """Return a person's sums of each campaign that they, or machines, had to do with."""
    everywhere = CampaignTotal.objects.values("campaign_id")
    return list(Reader.objects.filter(campaign_id__in=everywhere, subscriber_id=subscriber_id))


def hits(
    subscriber_id: int,
    campaign_ids: Collection[int],
    *,
    before: tuple[datetime, int],
    since: datetime,
    limit: int,
) -> list[Hit]:
    """Return the newest `limit` hits before a moment and a number, machines' included.

    Nothing is looked for before `since`. From month to month backwards, so that a page looks at as
    few tables as it can: two or three queries for who reads often, some more for who reads rarely.
    """
    found: list[Hit] = []
    end, window = before[0], WINDOW
    while campaign_ids and end >= since and len(found) < limit:
        start = max(end - window, since)
        values: dict[str, Any] = {
            "person": subscriber_id,
            "campaigns": list(campaign_ids),
            "start": start,
            "end": end,
            "before": before[0],
            "id": before[1],
            "limit": limit - len(found),
        }
        with connection.cursor() as cursor:
            cursor.execute(_HITS, values)
            found += [Hit(*row) for row in cursor.fetchall()]
        # Times are kept to the microsecond, and both ends of a window belong to it.
        end, window = start - timedelta(microseconds=1), 2 * window
    return found


def months(subscriber_id: int, rows: Iterable[Reader], since: date, zone: str) -> list[Month]:
    """Return the months from `since` on in which somebody read, in order (one query).

    `rows` are of `readings`; `zone` says when a month begins. Of events that were dropped by
    retention nothing is known.
    """
    spans = [_span(row) for row in rows if row.first_open_at or row.first_click_at]
    spans = [span for span in spans if span[2].date() >= since]
    if not spans:
        return []
    campaigns, starts, ends = zip(*spans, strict=True)
    values: dict[str, Any] = {
        "person": subscriber_id,
        "zone": zone,
        "campaigns": list(campaigns),
        "starts": list(starts),
        "ends": list(ends),
    }
    sums: dict[date, dict[int, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS, values)
        for month, kind, count in cursor.fetchall():
            sums[month][kind] = count
    return [
        Month(month, sums[month].get(1, 0), sums[month].get(2, 0))
        for month in sorted(sums)
        if month >= since
    ]


def _span(row: Reader) -> tuple[int, datetime, datetime]:
    """Return a campaign with the moments of its first and last open or click by this person."""
    times = (row.first_open_at, row.last_open_at, row.first_click_at, row.last_click_at)
    known = [at for at in times if at]
    return row.campaign_id, min(known), max(known)
