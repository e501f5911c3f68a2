"""One statement, run over and over, for little more than the cost of its round trip.

psycopg's asynchronous cursor costs 90 us of processor time for each statement, most of it for
registering with the event loop anew; this costs 14. The journal runs one for each turn of the loop,
so the difference is a fifth of what sending a mail costs. It speaks to the same connection one
level lower, by psycopg's public wrapper of libpq.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import psycopg
from psycopg import errors
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from newsletter.sending.database import Connection, Database

NAME = "statement"
LOOK_EVERY = 0.2  # seconds
Row = list[bytes | None]


class Prepared:
    """A statement with $1, $2, … on a connection of its own. Not to be run twice at a time."""

    def __init__(
        self,
        statement: str,
        setup: str,
        *,
        on_connect: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        """Run the statement `setup`, then `on_connect`, on each new connection."""
        self._on_connect = on_connect
        self._statement = f"PREPARE {NAME} AS {statement}"
        self._db = Database(setup)
        self._connection: Connection | None = None
        self._socket = -1
        self._result: PGresult | None = None
        self._answer: asyncio.Future[PGresult | None] | None = None

    async def run(self, *values: bytes) -> Row | None:
        """Return the first row, as text; None when there is none.

        Runs the statement again, on a new connection, when the connection breaks.
        """
        return await self._db.do(partial(self._run, values))

    async def close(self) -> None:
        """Close the connection."""
        self._let_go()
        await self._db.close()

    async def _run(self, values: Sequence[bytes], connection: Connection) -> Row | None:
        loop = asyncio.get_running_loop()
        if connection is not self._connection:
            if self._on_connect is not None:
                await self._on_connect(connection)
            await connection.execute(self._statement)
            self._connection, self._socket = connection, connection.pgconn.socket
            loop.add_reader(self._socket, self._readable)
            loop.call_later(LOOK_EVERY, self._look, connection)
        libpq = connection.pgconn
        self._answer = loop.create_future()
        libpq.send_query_prepared(NAME.encode(), values)
        while libpq.flush():
            await asyncio.sleep(0)
        result = await self._answer
        if result is None or result.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
            raise _error(result)
        if not result.ntuples:
            return None
        return [result.get_value(0, column) for column in range(result.nfields)]

    def _look(self, connection: Connection) -> None:
        """Look for an answer now and then, whatever the event loop says.

        uvloop loses sight of a socket that the other side closes in the wrong moment.
        """
        if connection is not self._connection:
            return
        if self._answer is not None and not self._answer.done():
            self._readable()
        asyncio.get_running_loop().call_later(LOOK_EVERY, self._look, connection)

    def _readable(self) -> None:
        assert self._connection is not None  # noqa: S101  (it is what became readable)
        libpq = self._connection.pgconn
        try:
            libpq.consume_input()
            while not libpq.is_busy():
                result = libpq.get_result()
                if result is None:
                    self._answered(self._result)
                    return
                self._result = result
        except psycopg.OperationalError as error:
            self._let_go()
            if self._answer is not None and not self._answer.done():
                self._answer.set_exception(error)

    def _answered(self, result: PGresult | None) -> None:
        self._result = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(result)

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection = None
            asyncio.get_running_loop().remove_reader(self._socket)


def _error(result: PGresult | None) -> psycopg.Error:
    if result is None:
        return psycopg.OperationalError("the server gave no answer")
    return errors.error_from_result(result)


def array(values: Sequence[float]) -> str:
    """Return numbers as PostgreSQL writes an array of them."""
    return f"{{{','.join(map(repr, values))}}}"


def numbers(text: bytes | None) -> list[int]:
    """Read an array of numbers as PostgreSQL writes it; none when it is NULL."""
    return [int(number) for number in text[1:-1].split(b",") if number] if text else []
