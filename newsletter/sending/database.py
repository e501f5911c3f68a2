"""A connection to PostgreSQL that comes back: a restart of the server stops no campaign."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from django.conf import settings
from django.db import connection as django_connection
from psycopg.types.json import set_json_loads

logger = logging.getLogger(__name__)

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

_decode = json.JSONDecoder().decode

# A host that is gone says nothing: noticed within about half a minute.
KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
    "connect_timeout": 10,
}
HURRY = 5.0  # seconds that it may be away when the process is to stop
PATIENCE = 120  # seconds that the server may be away before a worker gives up


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
    # Few statements, run over and over: prepared at first use.
    connection = await psycopg.AsyncConnection.connect(
        **{**KEEPALIVE, **parameters}, autocommit=True, prepare_threshold=0
    )
    set_json_loads(_loads, connection)
    return connection


def _loads(data: str | bytes) -> Any:
    """Read JSON as json.loads does, without its guessing at encodings: half the price."""
    return _decode(data if isinstance(data, str) else data.decode())
