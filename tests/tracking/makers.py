"""Makers of hits, and the truth that sums are compared with."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from tracking import packs, rollups, stream
from tracking.models import CampaignHour, CampaignTotal, Kind, LinkTotal, Reader, ReaderLink
from tracking.packs import Hit

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def opened(subscriber: int = 0, campaign: int = 7, at: datetime = NOON, **more: Any) -> Hit:
    return Hit(
        **{
            "kind": Kind.OPEN.value,
            "campaign_id": campaign,
            "subscriber_id": subscriber,
            "forward_id": 0,
            "link_id": 0,
            "at": milliseconds(at),
            "network": "203.0.113.0",
            "user_agent": "Mozilla/5.0",
            "marks": "{}",
            **more,
        }
    )


def clicked(link: int, subscriber: int = 0, campaign: int = 7, at: datetime = NOON) -> Hit:
    return opened(subscriber, campaign, at, kind=Kind.CLICK.value, link_id=link)


def append(*hits: Hit) -> bytes:
    """Put hits into the stream as one pack, as the edge does; return the pack."""
    pack = packs.encode(list(hits))
    stream.append_all([pack])
    return pack


def store(hits: Iterable[Hit]) -> None:
    """Store hits without the way through the stream."""
    rollups.store([packs.open_pack(packs.encode(hits))[1]])


def sums() -> dict[str, set[tuple[Any, ...]]]:
    """Return every sum that is kept."""
    tables = {
        "campaigns": CampaignTotal.objects.values_list(
            "campaign_id", "opens", "clicks", "unique_opens", "unique_clicks"
        ),
        "hours": CampaignHour.objects.values_list(
            "campaign_id", "hour", "opens", "clicks", "unique_opens", "unique_clicks"
        ),
        "links": LinkTotal.objects.values_list("link_id", "campaign_id", "clicks", "unique_clicks"),
        "readers": Reader.objects.values_list(
            "campaign_id",
            "subscriber_id",
            "opens",
            "clicks",
            "first_open_at",
            "last_open_at",
            "first_click_at",
            "last_click_at",
        ),
        "reader links": ReaderLink.objects.values_list("link_id", "subscriber_id", "clicks"),
    }
    return {name: set(rows) for name, rows in tables.items()}


def counted() -> dict[str, set[tuple[Any, ...]]]:
    """Return what the sums have to be, counted from the events."""
    return {name: set(_rows(statement)) for name, statement in _TRUTH.items()}


def _rows(statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


_NAMED = "CASE WHEN subscriber_id <> 0 THEN subscriber_id END"
_TRUTH = {
    "campaigns": f"""
        SELECT campaign_id, count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2),
               count(DISTINCT {_NAMED}) FILTER (WHERE kind = 1),
               count(DISTINCT {_NAMED}) FILTER (WHERE kind = 2)
        FROM tracking_event GROUP BY campaign_id
    """,
    "hours": """
        WITH ranked AS (
            SELECT *, row_number() OVER (
                PARTITION BY campaign_id, subscriber_id, kind ORDER BY occurred_at
            ) = 1 AND subscriber_id <> 0 AS is_first
            FROM tracking_event
        )
        SELECT campaign_id, date_trunc('hour', occurred_at, 'UTC'),
               count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2),
               count(*) FILTER (WHERE kind = 1 AND is_first),
               count(*) FILTER (WHERE kind = 2 AND is_first)
        FROM ranked GROUP BY 1, 2
    """,
    "links": f"""
        SELECT link_id, campaign_id, count(*), count(DISTINCT {_NAMED})
        FROM tracking_event WHERE kind = 2 GROUP BY 1, 2
    """,
    "readers": """
        SELECT campaign_id, subscriber_id,
               count(*) FILTER (WHERE kind = 1), count(*) FILTER (WHERE kind = 2),
               min(occurred_at) FILTER (WHERE kind = 1), max(occurred_at) FILTER (WHERE kind = 1),
               min(occurred_at) FILTER (WHERE kind = 2), max(occurred_at) FILTER (WHERE kind = 2)
        FROM tracking_event WHERE subscriber_id <> 0 GROUP BY 1, 2
    """,
    "reader links": """
        SELECT link_id, subscriber_id, count(*)
        FROM tracking_event WHERE kind = 2 AND subscriber_id <> 0 GROUP BY 1, 2
    """,
}
