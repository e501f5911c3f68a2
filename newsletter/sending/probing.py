"""Tries a mail server without sending anything: connects, encrypts, signs in, and says goodbye."""

import asyncio
import time
from dataclasses import dataclass

from newsletter.sending.connection import Connection, Unreachable, connect
from newsletter.sending.message import Message, Outcome
from newsletter.sending.servers import Endpoint

PATIENCE = 20  # seconds; a person waits for the answer
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a server said that it can do, and what a person should know of it."""

    seconds: float  # from the first packet until mail could be handed over
    encryption: str  # "TLSv1.3"; empty: none
    lines: tuple[str, ...]  # in words


def probe(endpoint: Endpoint, name: str) -> Found:
    """Open a connection as a run would, calling ourselves `name`. Raises Unreachable, in words."""
    with asyncio.Runner() as runner:
        return runner.run(_probe(endpoint, name))


async def _probe(endpoint: Endpoint, name: str) -> Found:
    begun = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            connection = await connect(endpoint, name, _Nobody())
    except TimeoutError:
        raise Unreachable(f"{endpoint} did not answer within {PATIENCE} seconds") from None
    seconds = time.monotonic() - begun
    encryption = connection.encryption
    lines = _in_words(connection, endpoint)
    connection.quit()
    await connection.gone()
    return Found(seconds, encryption, lines)


def _in_words(connection: Connection, endpoint: Endpoint) -> tuple[str, ...]:
    can = connection.conversation.handshake.can
    size = f"{can.size_limit / MEGABYTE:,.0f} MB" if can.size_limit else "any size that it says"
    lines = [
        f"Encrypted with {connection.encryption}."
        if connection.encryption
        else "Not encrypted: fine on this machine or network only.",
        f"Signed in as {endpoint.user}." if endpoint.user else "No sign-in was asked for.",
        "Takes many commands at once (PIPELINING), so distance costs little."
        if can.pipelining
        else "Takes one command after the other (no PIPELINING): more connections make it faster.",
        f"Takes mails of {size}.",
        "Takes addresses with letters beyond ASCII (SMTPUTF8)."
        if can.smtputf8
        else "Takes no addresses with letters beyond ASCII before the @ (no SMTPUTF8).",
    ]
    if can.mail_limit:
        lines.append(f"Takes {can.mail_limit:,} mails in one connection.")
    return tuple(lines)


class _Nobody:
    """The owner of a connection that carries no mail."""

    def feed(self, connection: Connection) -> None:
        pass

    def settle(self, outcome: Outcome) -> None:
        pass

    def closed(self, connection: Connection) -> None:
        pass

    def permits(self, message: Message) -> bool:
        return False
