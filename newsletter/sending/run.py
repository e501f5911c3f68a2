"""One run of the engine, for whoever is not asynchronous: Celery's task, a test, a benchmark."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import uvloop
from django.conf import settings

from newsletter.composing import headers
from newsletter.sending import batches, connection, content, pace, pauses, rows, servers
from newsletter.sending.connection import Unreachable
from newsletter.sending.database import Database
from newsletter.sending.engine import Engine, Result, Shift
from newsletter.sending.envelope import Mail
from newsletter.sending.message import Message, Outcome
from newsletter.sending.pace import Buckets, PaceUnknown
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.rows import Server

logger = logging.getLogger(__name__)

T = TypeVar("T")
M = TypeVar("M", bound=Mail)

PATIENCE = 100.0  # seconds for some mails that no campaign records: well below confirmation.CLAIM
NOBODY = "no sending server in use may send for {}"


def send(
    *campaign_ids: int, seconds: float, is_stopping: Callable[[], bool] = lambda: False
) -> Result:
    """Send mails of all campaigns that are due for `seconds`, and what was begun to its end.

    With `campaign_ids`: of these only, now, even when one of them was to wait a little longer.
    Returns when there is no more to do for now. Safe to call at any time and by any number of
    workers.
    """
    shift = Shift(seconds, is_stopping, list(campaign_ids))
    result = _run(Engine(_name(), shift).run())
    if result.sent:
        logger.info("%s mails sent", result.sent)
    for campaign_id, reason in result.waiting.items():
        logger.warning("campaign %s waits: %s", campaign_id, reason)
    return result


def send_mails(mails: Sequence[M], sender: str = "") -> list[tuple[M, Verdict, Reply]]:
    """Hand over some mails that no campaign records, before all that waits. Raises Unreachable.

    `sender` is their From (empty: DEFAULT_FROM), which says who may send them and who signs them.
    Returns what became of each, within PATIENCE. Limits count these mails, and never hold them up.
    """
    end = time.monotonic() + PATIENCE
    domain = headers.mailbox(sender or settings.DEFAULT_FROM_EMAIL).domain
    sign = content.signing(domain)
    trouble = Unreachable(NOBODY.format(domain))
    for server in _candidates(domain):
        ready = mails if server.relay_signs else [sign(mail) for mail in mails]
        messages = [Message(mail) for mail in ready]
        try:
            outcomes = _run(_hand_over(server, messages, end - time.monotonic()))
        except Unreachable as error:
            trouble = error
            continue
        ends = {outcome.message: outcome for outcome in outcomes}
        both = zip(mails, messages, strict=True)
        return [(mail, ends[message].verdict, ends[message].reply) for mail, message in both]
    raise trouble


def check_server() -> None:
    """Open a connection to a server that takes mail from us. Raises connection.Unreachable."""
    domain = headers.mailbox(settings.DEFAULT_FROM_EMAIL).domain
    trouble = Unreachable(NOBODY.format(domain))
    for server in _candidates(domain):
        try:
            _run(connection.hand_over(server.endpoint, _name(), []))
        except Unreachable as error:
            trouble = error
        else:
            return
    raise trouble


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


async def _hand_over(server: Server, messages: list[Message], patience: float) -> list[Outcome]:
    outcomes = await connection.hand_over(server.endpoint, _name(), messages, patience)
    if not server.limits.is_open and messages:
        buckets = Buckets(settings.REDIS_URL)
        want = pace.Want(f"server:{server.id}", len(messages), server.limits, force=True)
        try:
            await buckets.take([want])
        except PaceUnknown as error:
            logger.warning("some mails are not counted against the limits: %s", error)
        finally:
            await buckets.close()
    return outcomes


def _candidates(domain: str) -> list[Server]:
    """Return the servers that may send for a domain: those that work first, then by priority."""
    found = [server for server in rows.load() if server.may_send_for(domain)]
    resting = {pause.server_id for pause in pauses.current() if not pause.provider}
    return sorted(found, key=lambda server: (server.id in resting, server.priority))


def _name() -> str:
    return servers.greeting_name(settings.PUBLIC_URL)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)
