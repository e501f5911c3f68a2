"""Who takes no mail of ours for now: a provider at a server, or a whole server; in PostgreSQL.

A pause is a row that all workers read each second, so that one worker's experience spares the
others theirs. When its time is over, mail is tried again: an acceptance ends it (`end`), another
stop makes it twice as long (`begin`). However many workers meet the same stop at once, it counts
once. A pause whose end lies more than a day back is forgotten.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models.functions import Now
from django.utils import timezone

from newsletter import models
from newsletter.sending.database import Connection
from newsletter.sending.replies import LONGEST_REASON

# Seconds of the first pause, and of the longest. A server in trouble is mostly back soon, and
# nothing is spoilt by asking; a provider that distrusts us distrusts who insists all the more.
BACKOFF: Final = {"trouble": (10, 600), "deferrals": (60, 14_400), "policy": (900, 14_400)}

_BEGIN = """
    INSERT INTO newsletter_pause AS old (server_id, provider, cause, reason, since, until, times)
    VALUES (
        %(server)s, %(provider)s, %(cause)s, %(reason)s, now(),
        now() + interval '1 second' * %(first)s * (0.9 + 0.2 * random()), 1
    )
    ON CONFLICT (server_id, provider) DO UPDATE
    SET cause = excluded.cause, reason = excluded.reason,
        since = CASE WHEN old.until < now() - interval '1 day' THEN now() ELSE old.since END,
        -- 2 ^ 12 times ten seconds is longer than any pause.
        times = CASE WHEN old.until < now() - interval '1 day' THEN 1
                     ELSE least(old.times + 1, 13) END,
        until = now() + interval '1 second' * (0.9 + 0.2 * random()) * least(
            %(longest)s,
            %(first)s * CASE WHEN old.until < now() - interval '1 day' THEN 1
                             ELSE 2 ^ least(old.times, 12) END
        )
    -- Within a pause, others tell of the same stop.
    WHERE old.until <= now()
"""
_END = """
    DELETE FROM newsletter_pause
    WHERE server_id = %(server)s AND provider = %(provider)s AND until <= now()
"""
_LOAD = """
    SELECT server_id, provider, cause, reason, since, until, times,
           extract(epoch FROM until - now())::float8
    FROM newsletter_pause WHERE until > now() - interval '1 day'
"""


class Pause(NamedTuple):
    """A pause as workers read it."""

    cause: str  # one of BACKOFF
    reason: str  # the last reply, without addresses
    since: datetime  # UTC; when the first of those that followed one another began
    until: datetime  # UTC
    times: int
    seconds: float  # left, by the database's clock; not above 0: over, and to be tried

    @property
    def is_over(self) -> bool:
        """Whether mail may be tried again. It stays in the table until some is accepted."""
        return self.seconds <= 0


class Standing(NamedTuple):
    """A pause that lasts, as people read it."""

    server_id: int
    provider: str  # '': the whole server
    cause: str
    since: datetime
    until: datetime
    text: str  # "Gmail refuses our mail for now: 421 4.7.28 …; next try at 14:30."


# --- for the engine -------------------------------------------------------------------------


async def begin(db: Connection, server_id: int, provider: str, cause: str, reason: str) -> None:
    """Let mail wait: for one provider at a server, or (with '') for the whole server.

    `cause` is one of BACKOFF. Twice as long as the pause before it, unless that still lasts.
    """
    first, longest = BACKOFF[cause]
    names = {"server": server_id, "provider": provider, "cause": cause}
    rest = {"reason": reason[:LONGEST_REASON], "first": first, "longest": longest}
    await db.execute(_BEGIN, {**names, **rest})


async def end(db: Connection, server_id: int, provider: str) -> None:
    """Forget a pause whose time is over, because a mail was accepted; one that lasts stays."""
    await db.execute(_END, {"server": server_id, "provider": provider})


async def load(db: Connection) -> dict[tuple[int, str], Pause]:
    """Return the pauses that last, and those that are over but not ended, by server and provider.

    Without a provider ('') it is the whole server's.
    """
    rows = await (await db.execute(_LOAD)).fetchall()
    return {(row[0], row[1]): Pause(*row[2:]) for row in rows}


# --- for people -----------------------------------------------------------------------------


def lift(server_id: int, provider: str) -> bool:
    """End a pause now, so that mail is tried at once. Returns whether there was one.

    When it is refused again, the next pause is twice as long all the same.
    """
    lasting = models.Pause.objects.filter(until__gt=Now())
    return bool(lasting.filter(server_id=server_id, provider=provider).update(until=Now()))


def current() -> list[Standing]:
    """Return the pauses that last, with what people are told; whole servers first."""
    pauses = list(models.Pause.objects.filter(until__gt=Now()).order_by("server_id", "provider"))
    pauses.sort(key=lambda pause: bool(pause.provider))
    providers = _names(models.Provider, "slug", {pause.provider for pause in pauses})
    servers = _names(models.SendingServer, "pk", {pause.server_id for pause in pauses})
    return [
        Standing(
            *(pause.server_id, pause.provider, pause.cause, pause.since, pause.until),
            _text(pause, providers, servers),
        )
        for pause in pauses
    ]


def _names(model: Any, key: str, wanted: Iterable[object]) -> dict[Any, str]:
    return dict(model.objects.filter(**{f"{key}__in": wanted}).values_list(key, "name"))


def _text(pause: models.Pause, providers: dict[str, str], servers: dict[int, str]) -> str:
    server = servers.get(pause.server_id, "")
    until = timezone.localtime(pause.until).strftime("%H:%M")
    if not pause.provider:
        who = f"{server}: {pause.reason}" if server else pause.reason
    else:
        name = providers.get(pause.provider, pause.provider)
        through = f" through {server}" if server else ""
        does = "refuses our mail" if pause.cause == "policy" else "takes no more mail"
        who = f"{name} {does}{through} for now: {pause.reason}"
    return f"{who.rstrip('.')}; next try at {until}."
