"""A connection to PostgreSQL that comes back: a restart of the server stops no campaign."""

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from weakref import WeakSet

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg import errors
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.pq.abc import PGconn, PGresult

logger = logging.getLogger(__name__)

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

HURRY = 5.0  # seconds that it may be away when the process is to stop
PATIENCE = 120  # seconds that the server may be away before a worker gives up
LOOK_EVERY = 0.2  # seconds

_numbers = itertools.count(1)


class Database:
    """One asynchronous connection to the database that Django uses."""

    def __init__(self, setup: str = "", is_stopping: Callable[[], bool] = lambda: False) -> None:
        """Run the statement `setup` on each new connection.

        When the process `is_stopping`, a server that is away is not waited for as long.
        """
        self._is_stopping = is_stopping
        self._connecting = asyncio.Lock()
        self.breaks = 0  # how often a connection broke
        self._setup = setup
        self._connection: Connection | None = None

    def another(self, setup: str) -> "Database":
        """Return a second connection, with a setup of its own, and no more patient than this."""
        return Database(setup, self._is_stopping)

    async def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` on the connection; again, on a new one, when the connection breaks.

        What was committed just before the break is run twice, so `work` must be safe to repeat.
        """
        begun = asyncio.get_running_loop().time()
        while True:
            try:
                return await work(await self._connected())
            except psycopg.Error as error:
                patience = HURRY if self._is_stopping() else PATIENCE
                waited = asyncio.get_running_loop().time() - begun
                if waited > patience or not self._may_repeat(error):
                    raise
                self.breaks += 1
                logger.warning("the database connection broke, trying again: %s", error)
                await asyncio.sleep(0.2)

    def _may_repeat(self, error: psycopg.Error) -> bool:
        """Whether the connection is gone, or PostgreSQL undid the work for another's sake."""
        is_broken = self._connection is None or self._connection.closed
        return is_broken or (error.sqlstate or "").startswith("40")

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> Connection:
        async with self._connecting:
            if self._connection is None or self._connection.closed:
                self._connection = None
                self._connection = await connect()
                if self._setup:
                    await self._connection.execute(self._setup)
            return self._connection


async def connect() -> Connection:
    """Open an asynchronous connection to the database that Django uses."""
    parameters = django_connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    # A plan that was made while a table was empty, and is kept, makes a first large campaign crawl.
    custom = "-c plan_cache_mode=force_custom_plan"
    # A worker that is stopped in a transaction must not keep its batch locked for ever.
    mortal = f"-c idle_in_transaction_session_timeout={settings.SEND_LEASE}s"
    parameters["options"] = f"{parameters.get('options', '')} {custom} {mortal}".strip()
    # What is run over and over is a Statement. psycopg itself prepares nothing: where it does, it
    # makes the server forget all that is prepared, ours too, whenever a transaction is undone.
    return await psycopg.AsyncConnection.connect(
        **parameters, autocommit=True, prepare_threshold=None
    )


class Statement:
    """A statement with $1, $2, …, planned by each connection as its settings say.

    It goes around psycopg's asynchronous cursor, which costs 90 us of processor time for each
    statement and 1.5 us for each row; this costs 25, and a third of a microsecond.
    """

    def __init__(self, text: str) -> None:
        self._name = f"statement_{next(_numbers)}"
        self._text = text
        self._known: WeakSet[Connection] = WeakSet()

    async def run(self, db: Connection, *values: bytes) -> list[tuple[Any, ...]]:
        """Return all rows. Nobody else may use the connection meanwhile."""
        if db not in self._known:
            await db.execute(f"PREPARE {self._name} AS {self._text}")
            self._known.add(db)
        try:
            result = await _ask(db.pgconn, self._name.encode(), values)
        finally:
            if db.pgconn.transaction_status == TransactionStatus.ACTIVE:
                # Whoever waited was stopped: the answer would be taken for the next statement's.
                await db.close()
        transformer = Transformer(db)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)


async def _ask(libpq: PGconn, name: bytes, values: Sequence[bytes]) -> PGresult:
    libpq.send_query_prepared(name, values)
    while libpq.flush():
        await asyncio.sleep(0)
    last = None
    while (result := await _result(libpq)) is not None:
        last = result
    if last is None:
        raise psycopg.OperationalError("the server gave no answer")
    if last.status not in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK):
        raise errors.error_from_result(last)
    return last


async def _result(libpq: PGconn) -> PGresult | None:
    if libpq.is_busy():
        loop = asyncio.get_running_loop()
        is_readable = asyncio.Event()
        socket = libpq.socket  # asked once: a connection that broke has none
        loop.add_reader(socket, is_readable.set)
        try:
            while libpq.is_busy():
                is_readable.clear()
                # Whatever the event loop says: uvloop loses sight of a socket that the other side
                # closes in the wrong moment.
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_EVERY):
                        await is_readable.wait()
                libpq.consume_input()
        finally:
            loop.remove_reader(socket)
    return libpq.get_result()
