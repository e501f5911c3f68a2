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

PATIENCE = 120  # seconds that the server may be away before a worker gives up


class Database:
    """One asynchronous connection to the database that Django uses."""

    def __init__(self, setup: str = "") -> None:
        """Run the statement `setup` on each new connection."""
        self.breaks = 0  # how often a connection broke
        self._setup = setup
        self._connection: Connection | None = None

    async def do(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Run `work` on the connection; again, on a new one, when the connection breaks.

        What was committed just before the break is run twice, so `work` must be safe to repeat.
        """
        end = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                return await work(await self._connected())
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                is_broken = self._connection is None or self._connection.closed
                if not is_broken or asyncio.get_running_loop().time() > end:
                    raise
                self.breaks += 1
                logger.warning("the database connection broke, trying again: %s", error)
                await asyncio.sleep(0.2)

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.close()

    async def _connected(self) -> Connection:
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
        **parameters, autocommit=True, prepare_threshold=0
    )
    set_json_loads(_loads, connection)
    return connection


def _loads(data: str | bytes) -> Any:
    """Read JSON as json.loads does, without its guessing at encodings: half the price."""
    return _decode(data if isinstance(data, str) else data.decode())
