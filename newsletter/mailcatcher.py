"""The mail catcher: a real SMTP server on this machine that keeps what it is given.

It stands in for a mail server in a trial: campaigns go through the same conversation as with any
other, and nothing leaves the machine. Each accepted mail is in the outbox before it is acknowledged
(written for the moment a process dies; not forced to disk against a loss of power, because it is
test mail and ten thousand of them should not take long). See newsletter/outbox.py for its form.
"""

import asyncio
import logging
import signal
from pathlib import Path

import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session

from newsletter import readiness
from newsletter.outbox import Keeper

LARGEST = 50 * 1024 * 1024  # bytes of one mail

logger = logging.getLogger(__name__)


def run(host: str, port: int, outbox: Path, keep: int) -> None:
    """Catch mail until SIGTERM or SIGINT. Raises OSError when the port can't be had."""
    uvloop.run(_serve(host, port, outbox, keep))


class Catcher:
    """What aiosmtpd asks about each step of a conversation."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, answers: list[str]
    ) -> list[str]:
        """Offer PIPELINING as well: commands are read from a buffer, one after the other."""
        session.host_name = hostname
        return [*answers[:-1], "250-PIPELINING", answers[-1]]

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Keep the mail, then acknowledge it."""
        try:
            mail_id = self._keeper.keep(
                envelope.mail_from or "", envelope.rcpt_tos, envelope.original_content or b""
            )
        except OSError:
            logger.exception("The mail catcher could not keep a mail.")
            return "452 4.3.1 Could not be kept: see the mail catcher's log"
        return f"250 2.0.0 Kept as {mail_id}"


def smtp(keeper: Keeper) -> SMTP:
    """Return the protocol of one connection."""
    return SMTP(
        Catcher(keeper),
        data_size_limit=LARGEST,
        enable_SMTPUTF8=True,
        hostname="mailcatcher.localhost",
        ident="Broadsheet mail catcher",
        loop=asyncio.get_running_loop(),
    )


async def _serve(host: str, port: int, outbox: Path, keep: int) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    keeper = Keeper(outbox, keep)
    server = await loop.create_server(lambda: smtp(keeper), host, port)
    readiness.announce()
    await stopped.wait()
    server.close()
