"""What the tables say while a run goes on: who is due, at which pace, over which servers.

Read about once a second, so that whatever a person changes takes effect within two.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import time
from zoneinfo import ZoneInfo

from django.conf import settings

from newsletter.sending import rows
from newsletter.sending.database import Connection
from newsletter.sending.pace import Limits
from newsletter.sending.rows import Server
from newsletter.sending.windows import Window

MINUTE = 60  # seconds

_PACES = """
    SELECT id, status = 'running', throttle, send_days, send_from, send_until
    FROM newsletter_campaign
    WHERE id = ANY(%(campaigns)s)
"""
_COUNT = """
    INSERT INTO newsletter_serverusage (server_id, hour, accepted, deferred, refused)
    VALUES (%(server)s, date_trunc('hour', now(), 'UTC'), %(accepted)s, %(deferred)s, %(refused)s)
    ON CONFLICT (server_id, hour) DO UPDATE
    SET accepted = newsletter_serverusage.accepted + EXCLUDED.accepted,
        deferred = newsletter_serverusage.deferred + EXCLUDED.deferred,
        refused = newsletter_serverusage.refused + EXCLUDED.refused
"""

_USED = """
    SELECT extract(epoch FROM hour)::float8, accepted
    FROM newsletter_serverusage
    WHERE server_id = %(server)s AND hour > now() - interval '25 hours'
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Whether, how quickly and when a campaign may be sent."""

    is_running: bool
    limits: Limits
    window: Window | None


@dataclass(frozen=True, slots=True)
class Servers:
    """What the rows say of servers and mailbox providers."""

    servers: list[Server]
    providers: Mapping[str, Limits]


def servers() -> Servers:
    """Read the servers in use, and the limits of providers. Synchronous."""
    return Servers(rows.load(), rows.provider_limits())


async def paces(db: Connection, campaign_ids: Iterable[int]) -> dict[int, Pace]:
    """Return the paces of campaigns."""
    found = await (await db.execute(_PACES, {"campaigns": list(campaign_ids)})).fetchall()
    return {
        campaign_id: Pace(bool(is_running), throttled(throttle), window(days, begin, end))
        for campaign_id, is_running, throttle, days, begin, end in found
    }


async def count(db: Connection, server_id: int, counts: Counter[str]) -> None:
    """Add to what a server took in this hour."""
    names = {name: counts[name] for name in ("accepted", "deferred", "refused")}
    await db.execute(_COUNT, {"server": server_id, **names})


async def used(db: Connection, server_id: int) -> list[tuple[float, int]]:
    """Return what a server took in the last hours: seconds since the epoch, and mails."""
    found = await (await db.execute(_USED, {"server": server_id})).fetchall()
    return [(hour, accepted) for hour, accepted in found]


def throttled(per_minute: int | None) -> Limits:
    """Return the limits of a campaign: its mails a minute, spread evenly."""
    return Limits(per_second=per_minute / MINUTE) if per_minute else Limits()


def window(days: Iterable[int], begin: time | None, end: time | None) -> Window | None:
    """Return when a campaign may be sent; None: at any time."""
    chosen = frozenset(days)
    if not chosen and begin is None and end is None:
        return None
    return Window(chosen, begin, end, ZoneInfo(settings.TIME_ZONE))
