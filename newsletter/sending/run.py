"""One run of the engine, for whoever is not asynchronous: Celery's task, a test, a benchmark."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import uvloop
from django.conf import settings

from newsletter.sending import batches, connection, content, servers
from newsletter.sending.database import Database
from newsletter.sending.engine import Engine, Limits, Result
from newsletter.sending.envelope import Mail
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.smtp import Message

logger = logging.getLogger(__name__)

T = TypeVar("T")
M = TypeVar("M", bound=Mail)


def send(
    campaign_id: int, *, seconds: float, is_stopping: Callable[[], bool] = lambda: False
) -> Result:
    """Send mails of a campaign for at most `seconds`, and what was begun to its end.

    Returns when there is no more to do for now. Safe to call at any time and by any number of
    workers: a campaign that does not run, or has nothing that is due, is left alone.
    """
    loaded = content.load(campaign_id)
    server, name = _server()
    limits = Limits(seconds, is_stopping)
    result = _run(Engine(loaded, server, name, limits).run())
    logger.info("campaign %s: %s mails sent", campaign_id, result.sent)
    if result.waiting:
        logger.warning("campaign %s waits: %s", campaign_id, result.waiting)
    return result


def send_mails(mails: Sequence[M]) -> list[tuple[M, Verdict, Reply]]:
    """Hand over some mails that no campaign records. Raises connection.Unreachable.

    Returns what became of each.
    """
    server, name = _server()
    messages = [Message(mail) for mail in mails]
    outcomes = _run(connection.hand_over(server, name, messages))
    ends = {outcome.message: outcome for outcome in outcomes}
    both = zip(mails, messages, strict=True)
    return [(mail, ends[message].verdict, ends[message].reply) for mail, message in both]


def check_server() -> None:
    """Open a connection, and close it again. Raises connection.Unreachable."""
    server, name = _server()
    _run(connection.hand_over(server, name, []))


def settle_abandoned() -> None:
    """Settle what a worker that died left of a campaign that was then paused or cancelled."""
    if batches.has_abandoned():
        _run(_settle_abandoned())


async def _settle_abandoned() -> None:
    db = Database()
    try:
        await db.do(batches.settle_abandoned)
    finally:
        await db.close()


def _server() -> tuple[servers.Endpoint, str]:
    return servers.parse(settings.SMTP_URL), servers.greeting_name(settings.PUBLIC_URL)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
