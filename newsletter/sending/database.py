"""A connection to PostgreSQL that comes back: a restart of the server stops no campaign."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from django.db import connection as django_connection

logger = logging.getLogger(__name__)

T = TypeVar("T")
Connection = psycopg.AsyncConnection[Any]

PATIENCE = 120  # seconds that the server may be away before a worker gives up


class Database:
    """One asynchronous connection to the database that Django uses."""

    def __init__(self, setup: str = "") -> None:
        """Run the statement `setup` on each new connection."""
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
    parameters["options"] = f"{parameters.get('options', '')} {custom}".strip()
    # Few statements, run over and over: prepared at first use.
    return await psycopg.AsyncConnection.connect(**parameters, autocommit=True, prepare_threshold=0)
