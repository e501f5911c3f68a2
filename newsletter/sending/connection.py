"""The conversation with a mail server on a socket."""

import asyncio
import ssl
from contextlib import suppress
from dataclasses import replace
from typing import Protocol, cast

from newsletter.sending import dialing, oauth
from newsletter.sending.message import Message, Outcome
from newsletter.sending.replies import Reply, Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation

TOKEN_PATIENCE = 30  # seconds for an access token
CONNECT_PATIENCE = 30  # seconds for the connection itself; the greeting has its own
TICK = 1.0  # seconds between looks for a server that hangs
HUNG_UP = "the mail server hung up"
TOO_SLOW = "the mail server took too long"
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
        self.encryption_failed = False
        self._heard = -1  # replies at the last look
        self._since = 0.0  # when the reply that we wait for became the next one, within a tick

    @property
    def encryption(self) -> str:
        """The version of TLS that it speaks ("TLSv1.3"); empty: none."""
        tls = self._transport.get_extra_info("ssl_object") if self._transport else None
        return tls.version() or "" if tls else ""

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; the server speaks first."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Let the conversation go on."""
        self.pump(self.conversation.receive(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """End the conversation, for whatever was still in it."""
        reason = f"the connection to the mail server broke: {exc}" if exc else ""
        self._transport = None
        was_begun = self._begun.done() and not self._begun.exception()
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

    def release(self, message: Message) -> None:
        """Say that the journal has `message`."""
        outcomes = self.conversation.release(message)
        if outcomes or self.conversation.has_to_say:
            self.pump(outcomes)

    def check_patience(self) -> None:
        """Give up on a server that has not ended the next reply for too long. Call it often.

        Only a whole reply counts: a byte now and then keeps nothing waiting for ever.
        """
        conversation, now = self.conversation, self._loop.time()
        patience = conversation.patience
        if patience is None or conversation.heard != self._heard:
            self._since = now
            self._heard = -1 if patience is None else conversation.heard
        elif now - self._since >= patience:
            waited_for = conversation.waits_for
            self.abort(f"the mail server did not answer {waited_for} for {patience} seconds")

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
        while not self._begun.done():
            self.check_patience()
            await asyncio.wait([self._begun], timeout=TICK)
        await self._begun

    async def gone(self) -> None:
        """Wait until the socket is closed, after the conversation has ended.

        At most twice GOODBYE_PATIENCE: when encryption fails in the wrong moment, the event loop
        closes the socket and does not tell us.
        """
        end = self._loop.time() + 2 * GOODBYE_PATIENCE
        while self._transport is not None and self._loop.time() < end:
            await asyncio.sleep(0.01)

    # --- details ------------------------------------------------------------------------

    def _begin(self) -> None:
        if self.conversation.ended:
            self._begun.set_exception(Unreachable(self.conversation.ended))
            self._begun.exception()  # whoever waited may have been stopped: that is no mistake
        elif self.conversation.is_ready:
            self._begun.set_result(None)
        elif self.conversation.wants_tls and self._upgrade is None:
            self._upgrade = self._loop.create_task(self._encrypt())

    async def _encrypt(self) -> None:
        if self._transport is None or self.conversation.ended:
            return
        try:
            transport = await self._loop.start_tls(
                self._transport,
                self,
                dialing.tls_context(self._server),
                server_hostname=self._server.network_name,
            )
        except (OSError, ssl.SSLError) as error:
            self.encryption_failed = True
            self.abort(f"the connection could not be encrypted: {str(error) or HUNG_UP}")
            return
        self._transport = transport
        self.conversation.encrypted()
        self.pump([])

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def connect(server: Endpoint, name: str, owner: Owner) -> Connection:
    """Open a connection and take it to where mail can be handed over. Raises Unreachable.

    Where encryption is only wished for, and fails, a second connection does without.
    """
    server = await _with_token(server)
    connection = await _open(server, name, owner)
    try:
        return await _begin(connection, server)
    except Unreachable:
        if not connection.encryption_failed or server.requires_tls:
            raise
    bare = replace(server, tls="none")
    return await _begin(await _open(bare, name, owner), bare)


async def _with_token(server: Endpoint) -> Endpoint:
    """Return the endpoint with a token that is good now as its password."""
    if server.token is None or server.auth not in ("auto", "xoauth2"):
        return server
    try:
        async with asyncio.timeout(TOKEN_PATIENCE):
            token = await asyncio.to_thread(server.token)
    except TimeoutError:
        raise Unreachable(f"there is no access token for {server}: no answer in time") from None
    except oauth.NoToken as error:
        raise Unreachable(f"there is no access token for {server}: {error}") from error
    return replace(server, password=token)


async def _open(server: Endpoint, name: str, owner: Owner) -> Connection:
    loop = asyncio.get_running_loop()
    is_encrypted = server.tls == "implicit"
    try:
        async with asyncio.timeout(CONNECT_PATIENCE):
            _, connection = await loop.create_connection(
                lambda: Connection(server, name, owner),
                sock=await dialing.dial(server),
                ssl=dialing.tls_context(server) if is_encrypted else None,
                server_hostname=server.network_name if is_encrypted else None,
            )
    except TimeoutError:
        raise Unreachable(f"the mail server {server} does not answer") from None
    except OSError as error:
        why = error.strerror or str(error) or HUNG_UP
        raise Unreachable(f"the mail server {server} can't be reached: {why}") from error
    return connection


async def _begin(connection: Connection, server: Endpoint) -> Connection:
    try:
        await connection.begun()
    except Unreachable:
        if connection.conversation.handshake.is_token_refused:
            oauth.forget(server.password)
        await connection.gone()
        raise
    except asyncio.CancelledError:
        connection.abort("stopped")
        raise
    return connection


async def hand_over(
    server: Endpoint, name: str, messages: list[Message], patience: float | None = None
) -> list[Outcome]:
    """Send some mails one after the other, without journal. Raises Unreachable.

    For mails that are recorded elsewhere, or not at all: confirmations and tests. Where a server
    takes only some on one connection, the others go over the next. After `patience` seconds (None:
    as many as it takes) we hang up; what was under way is in doubt then.
    """
    sender = _Sender(messages)
    try:
        async with asyncio.timeout(patience):
            reason = await _hand_over(server, name, sender)
    except (Unreachable, TimeoutError) as error:
        reason = str(error) or TOO_SLOW
        if not sender.outcomes:
            raise Unreachable(reason) from error
    sender.give_up(reason)
    return sender.outcomes


async def _hand_over(server: Endpoint, name: str, sender: "_Sender") -> str:
    """Use one connection after the other. Returns why the mails that are left can't go."""
    while True:
        connection = await connect(server, name, sender)
        await sender.use(connection)
        if not (sender.waiting and connection.conversation.answered):
            return connection.conversation.ended


class _Sender:
    """The owner of one connection after the other, for a handful of mails."""

    def __init__(self, messages: list[Message]) -> None:
        self.waiting = messages[::-1]  # the next one last
        self.outcomes: list[Outcome] = []
        self._count = len(messages)
        self._news = asyncio.Event()  # a mail or the connection came to an end

    async def use(self, connection: Connection) -> None:
        """Wait until all mails have an end, or the connection has; leave it closed."""
        try:
            while len(self.outcomes) < self._count and not connection.conversation.ended:
                self._news.clear()
                with suppress(TimeoutError):
                    async with asyncio.timeout(TICK):
                        await self._news.wait()
                connection.check_patience()
        except asyncio.CancelledError:
            connection.abort(TOO_SLOW)
            raise
        finally:
            connection.quit()
            await connection.gone()  # a loop that ends before would swallow the goodbye

    def give_up(self, reason: str) -> None:
        """Return the mails that are left."""
        while self.waiting:
            message = self.waiting.pop()
            self.outcomes.append(Outcome(message, Verdict.RETURNED, Reply(0, reason)))

    def feed(self, connection: Connection) -> None:
        conversation = connection.conversation
        while self.waiting and conversation.wants:
            message = self.waiting.pop()
            message.released = True
            for outcome in conversation.offer(message):
                self.settle(outcome)

    def settle(self, outcome: Outcome) -> None:
        if outcome.verdict is Verdict.RETURNED and not outcome.reply.code:
            outcome.message.reset()
            self.waiting.append(outcome.message)
        else:
            self.outcomes.append(outcome)
        self._news.set()

    def closed(self, connection: Connection) -> None:
        self._news.set()

    def permits(self, message: Message) -> bool:
        return True
