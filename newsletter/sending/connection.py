"""The conversation with a mail server on a socket, and the pool that keeps several of them open."""

import asyncio
import ssl
from typing import Protocol, cast

from newsletter.sending import smtp
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation, Message, Outcome

CONNECT_PATIENCE = 30  # seconds for the connection itself; the greeting has its own
GOODBYE_PATIENCE = 1  # seconds for what is still unsent when we hang up


class Unreachable(Exception):
    """No conversation could be begun. The message says why, for the marketer."""


class Owner(Protocol):
    """Who gives a connection its messages and takes what becomes of them."""

    def feed(self, connection: "Connection") -> None:
        """Offer messages while the conversation wants some."""

    def settle(self, outcome: Outcome) -> None:
        """Take the end of one message."""

    def closed(self, connection: "Connection") -> None:
        """Take note that this connection is gone."""

    def permits(self, message: Message) -> bool:
        """Whether the body of `message` may go out now."""


class Connection(asyncio.Protocol):
    """One socket and its conversation."""

    def __init__(self, server: Endpoint, name: str, owner: Owner) -> None:
        self.conversation = Conversation(server, name, owner.permits)
        self._server = server
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._begun: asyncio.Future[None] = self._loop.create_future()
        self._upgrade: asyncio.Task[None] | None = None
        self._since = self._loop.time()  # when we last heard or said something

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the server speaks first."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Let the conversation go on."""
        self._since = self._loop.time()
        self.pump(self.conversation.receive(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the conversation, for whatever was still in it."""
        reason = f"the connection to the mail server broke: {exc}" if exc else ""
        self._transport = None
        was_begun = self._begun.done()
        self.pump(self.conversation.lost(*[reason] if reason else []))
        if was_begun:
            self._owner.closed(self)

    # --- for the engine -----------------------------------------------------------------

    def pump(self, outcomes: list[Outcome]) -> None:
        """Pass outcomes on, take new messages, write what there is to say, in one write."""
        conversation = self.conversation
        for outcome in outcomes:
            self._owner.settle(outcome)
        if conversation.wants:
            self._owner.feed(self)
        if self._transport is not None:
            if out := conversation.outgoing():
                self._transport.write(out)
            if conversation.ended and not self._transport.is_closing():
                self._transport.close()
                self._loop.call_later(GOODBYE_PATIENCE, self._abort)
        if not self._begun.done():
            self._begin()

    def check_patience(self) -> None:
        """Give up on a server that has been silent for too long."""
        patience = self.conversation.patience
        if patience is None or self._loop.time() - self._since < patience:
            return
        waited_for = self.conversation.waits_for
        outcomes = self.conversation.lost(
            f"the mail server did not answer {waited_for} for {patience} seconds"
        )
        self._abort()
        self.pump(outcomes)

    def abort(self, reason: str) -> None:
        """Hang up at once; what was under way is in doubt."""
        outcomes = self.conversation.lost(reason)
        self._abort()
        self.pump(outcomes)

    def quit(self) -> None:
        """Say goodbye."""
        self.conversation.quit()
        self.pump([])

    async def begun(self) -> None:
        """Wait until mail can be handed over. Raises Unreachable."""
        await self._begun

    # --- details ------------------------------------------------------------------------

    def _begin(self) -> None:
        if self.conversation.ended:
            self._begun.set_exception(Unreachable(self.conversation.ended))
        elif self.conversation.is_ready:
            self._begun.set_result(None)
        elif self.conversation.wants_tls and self._upgrade is None:
            self._upgrade = self._loop.create_task(self._encrypt())

    async def _encrypt(self) -> None:
        assert self._transport is not None  # noqa: S101  (a reply to STARTTLS came through it)
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                ssl.create_default_context(),
                server_hostname=self._server.host,
            )
        except (OSError, ssl.SSLError) as error:
            self.pump(self.conversation.lost(f"the connection could not be encrypted: {error}"))
            return
        self._transport = transport
        self.conversation.encrypted()
        self.pump([])

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connect(server: Endpoint, name: str, owner: Owner) -> Connection:
    """Open a connection and take it to where mail can be handed over. Raises Unreachable."""
    loop = asyncio.get_running_loop()
    context = ssl.create_default_context() if server.tls == "implicit" else None
    try:
        async with asyncio.timeout(CONNECT_PATIENCE):
            _, connection = await loop.create_connection(
                lambda: Connection(server, name, owner), server.host, server.port, ssl=context
            )
    except TimeoutError:
        raise Unreachable(f"the mail server {server} does not answer") from None
    except OSError as error:
        raise Unreachable(f"the mail server {server} can't be reached: {_plain(error)}") from error
    try:
        async with asyncio.timeout(smtp.SETUP_PATIENCE):
            await connection.begun()
    except TimeoutError:
        waited_for = connection.conversation.waits_for
        connection.abort("silent")
        raise Unreachable(f"the mail server {server} does not answer {waited_for}") from None
    except asyncio.CancelledError:
        connection.abort("stopped")
        raise
    return connection


async def hand_over(server: Endpoint, name: str, messages: list[Message]) -> list[Outcome]:
    """Send some mails one after the other on one connection, without journal. Raises Unreachable.

    For mails that are recorded elsewhere, or not at all: confirmations and tests.
    """
    sender = _Sender(messages)
    connection = await connect(server, name, sender)
    ticking = asyncio.create_task(_check_patience(connection))
    try:
        if messages:
            await sender.done
    finally:
        ticking.cancel()
        connection.quit()
    return sender.outcomes


class _Sender:
    """The owner of one connection for a handful of mails."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages[::-1]
        self._open = len(messages)
        self.outcomes: list[Outcome] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def feed(self, connection: Connection) -> None:
        conversation = connection.conversation
        while self._messages and conversation.wants:
            message = self._messages.pop()
            message.released = True
            for outcome in conversation.offer(message):
                self.settle(outcome)

    def settle(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._open -= 1
        if not self._open and not self.done.done():
            self.done.set_result(None)

    def closed(self, connection: Connection) -> None:
        # What was not said yet is the next connection's business, whenever that is.
        while self._messages:
            reason = connection.conversation.ended
            self.settle(Outcome(self._messages.pop(), Verdict.RETURNED, Reply(0, reason)))

    def permits(self, message: Message) -> bool:
        return True


async def _check_patience(connection: Connection) -> None:
    while True:
        await asyncio.sleep(1)
        connection.check_patience()


def _plain(error: OSError) -> str:
    return error.strerror or str(error)
