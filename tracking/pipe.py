"""One connection to Redis that carries raw commands, for the edge.

redis-py connects (addresses, passwords, TLS), and then steps aside: its way from a command to an
answer costs more than all else that the edge does for a request.
"""

import asyncio
from collections import deque
from typing import Any

import hiredis
import redis
import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff


class Pipe(asyncio.Protocol):
    """An open connection. The first error ends it: make another one."""

    def __init__(self, connection: Any) -> None:
        # Kept although it is not used any more, because it closes the transport when it goes.
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport = connection._writer.transport
        self._transport.set_protocol(self)
        self._answers = hiredis.Reader(protocolError=redis.ConnectionError, replyError=_refusal)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._error: Exception | None = None

    @classmethod
    async def connect(cls, url: str, within: float) -> "Pipe":
        """Connect to `url` within some seconds. Raises redis.RedisError or OSError."""
        client = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=within,
            socket_connect_timeout=within,
            retry=Retry(NoBackoff(), 0),
        )
        pool: Any = client.connection_pool
        connection = pool.make_connection()
        await connection.connect()
        return cls(connection)

    @property
    def is_open(self) -> bool:
        """Whether commands can be sent."""
        return self._error is None

    async def ask(self, command: bytes, within: float) -> Any:
        """Send a packed command and return its answer. Raises redis.RedisError.

        Without an answer within some seconds the pipe is closed. The time runs in the pipe and not
        in the caller, because `asyncio.timeout` costs more than sending does.
        """
        answer = self._send(command)
        patience = self._loop.call_later(within, self._give_up, within)
        try:
            return await answer
        finally:
            patience.cancel()

    def _send(self, command: bytes) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = self._loop.create_future()
        if self._error:
            answer.set_exception(self._error)
        else:
            self._waiting.append(answer)
            self._transport.write(command)
        return answer

    def close(self) -> None:
        """Hang up, whatever is still on its way."""
        self._fail(redis.ConnectionError("hung up"))
        self._end()

    def data_received(self, data: bytes) -> None:
        """Give each answer to the command that it is for: they come in the same order."""
        try:
            self._answers.feed(data)
            while (reply := self._answers.gets()) is not False:
                self._settle(reply)
        except redis.ConnectionError as error:
            self._fail(error)
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Say so to all who wait."""
        self._fail(redis.ConnectionError(str(exc or "connection closed by the server")))
        self._end()

    def _give_up(self, within: float) -> None:
        self._fail(redis.TimeoutError(f"no answer within {within} s"))
        self._end()

    def _settle(self, reply: Any) -> None:
        # Redis may say something unasked (a push of RESP3).
        answer = self._waiting.popleft() if self._waiting else None
        if answer is None or answer.done():
            return
        if isinstance(reply, Exception):
            answer.set_exception(reply)
        else:
            answer.set_result(reply)

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        while self._waiting:
            answer = self._waiting.popleft()
            if not answer.done():
                answer.set_exception(self._error)

    def _end(self) -> None:
        self._transport.abort()
        self._connection._reader = self._connection._writer = None


def _refusal(message: str) -> Exception:
    return redis.ResponseError(message)
