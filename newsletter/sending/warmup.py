"""How much a server may send on each of its first days, so that its reputation can grow. Pure.

The first day's mails grow by a factor each day until a ceiling is reached. On the day after that,
the warm-up is over. What is more than the day's mails waits, or goes to another server.
"""

from datetime import date, timedelta
from math import floor, inf

from newsletter.models import SendingServer
from newsletter.sending.pace import Limits

# Mails a day from which on a warm-up limits nothing, when it has no ceiling.
NO_LIMIT = 1_000_000_000
MOST_ROWS = 120  # days that a plan shows


def limits_of(server: SendingServer, today: date) -> Limits:
    """Return what a server may send: its own limits, and the warm-up's for `today`."""
    per_day = _least(server.per_day, limit_on(server, today))
    return Limits(server.per_second, server.per_minute, server.per_hour, per_day)


def limit_on(server: SendingServer, day: date) -> int | None:
    """Return how many mails the warm-up allows on a day; None before it begins and after its end.

    The last day is the one on which the ceiling is reached.
    """
    if server.warmup_from is None or day < server.warmup_from:
        return None
    number = (day - server.warmup_from).days
    ceiling = _ceiling(server)
    if number and _growing(server, number - 1) >= ceiling:
        return None
    return floor(min(ceiling, _growing(server, number)))


def plan(server: SendingServer) -> list[tuple[date, int]]:
    """Return the days of a warm-up and their mails, at most MOST_ROWS; none without a warm-up."""
    rows: list[tuple[date, int]] = []
    day = server.warmup_from
    while day is not None and len(rows) < MOST_ROWS:
        limit = limit_on(server, day)
        if limit is None:
            break
        rows.append((day, limit))
        day += timedelta(days=1)
    return rows


def _growing(server: SendingServer, number: int) -> float:
    try:
        mails = server.warmup_start * server.warmup_growth**number
    except OverflowError:
        return inf
    # A product such as 100 * 1.15 comes out as 114.99999999999999.
    return round(mails, 6)


def _ceiling(server: SendingServer) -> int:
    return _least(server.warmup_ceiling, server.per_day) or NO_LIMIT


def _least(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit is not None), default=None)
