"""Where a personal link leads: worked out for who clicks, at the moment of the click.

The link's address is a template, and its token names the reader, so no address of ours holds a
person's data. The person is read from PostgreSQL each time, and nowhere kept: what was corrected
holds at once, and who was erased is led nowhere. Without PostgreSQL a reader is asked to try again.

The template is filled by LINK_RESOLVER, which knows the language of templates; what it returns is
checked like the address of any other link.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from typing import Any, cast

import psycopg
from django.conf import settings
from django.utils.module_loading import import_string

from tracking.targets import REST, TIMEOUT, BadTarget, TargetsAway, as_target

logger = logging.getLogger(__name__)

_PEOPLE = """
    SELECT id, name, email, language, attributes FROM subscribers_subscriber WHERE id = ANY(%s)
"""

Row = tuple[int, str, str, str, dict[str, Any]]  # as in _PEOPLE
_Resolver = Callable[[str, Row], str]


class Personal:
    """Resolves the personal links of one edge process. Made and used inside its event loop."""

    def __init__(self) -> None:
        self._people = _People()
        self._resolve: _Resolver | None = None

    async def resolve(self, template: str, subscriber_id: int) -> str | None:
        """Return where a link leads a subscriber; None when there is no such person (any more).

        Raises BadTarget when their values make no address that may be followed, and TargetsAway.
        """
        row = await self._people.find(subscriber_id)
        if row is None:
            return None
        resolve = self._resolve
        if resolve is None:
            # Imported at the first click, since many an edge has no such link; in a thread, since
            # it takes a part of a second.
            resolver: _Resolver = await asyncio.to_thread(import_string, settings.LINK_RESOLVER)
            resolve = self._resolve = resolver
        try:
            return as_target(resolve(template, row))
        except BadTarget:
            raise BadTarget("a person's values make no address") from None
        except Exception as error:  # noqa: BLE001  (the values are what is wrong)
            # Nothing of the error but its kind: the message may hold a value.
            raise BadTarget(f"it can't be resolved ({type(error).__name__})") from None

    async def close(self) -> None:
        """Close the connection."""
        await self._people.close()


class _People:
    """Reads people, all those asked for in the same moment in one query."""

    def __init__(self) -> None:
        self._asked: dict[int, asyncio.Future[Row | None]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._resting_until = 0.0

    async def find(self, subscriber_id: int) -> Row | None:
        if self._resting_until > time.monotonic():
            raise TargetsAway
        answer = self._asked.get(subscriber_id)
        if answer is None:
            answer = self._asked[subscriber_id] = asyncio.get_running_loop().create_future()
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._read())
        return await asyncio.shield(answer)

    async def close(self) -> None:
        if self._reading is not None:
            await asyncio.wait([self._reading], timeout=2)
        await self._hang_up()

    async def _read(self) -> None:
        while self._asked:
            asked, self._asked = self._asked, {}
            try:
                rows = await self._query(list(asked))
            except Exception as error:  # noqa: BLE001  (whatever it is, readers wait for a word)
                self._resting_until = time.monotonic() + REST
                logger.warning(
                    "personal links: no answer from PostgreSQL (%s)", type(error).__name__
                )
                for answer in asked.values():
                    answer.set_exception(TargetsAway())
            else:
                for subscriber_id, answer in asked.items():
                    answer.set_result(rows.get(subscriber_id))
        self._reading = None

    async def _query(self, ids: list[int]) -> dict[int, Row]:
        if self._connection is not None:
            try:
                return await self._query_once(ids)
            except (psycopg.Error, OSError):
                # PostgreSQL may have been restarted since the last click.
                await self._hang_up()
        try:
            return await self._query_once(ids)
        except (psycopg.Error, OSError):
            await self._hang_up()
            raise

    async def _query_once(self, ids: list[int]) -> dict[int, Row]:
        async with asyncio.timeout(TIMEOUT):
            if self._connection is None:
                self._connection = await psycopg.AsyncConnection.connect(
                    settings.DATABASE_URL, autocommit=True
                )
            cursor = await self._connection.execute(_PEOPLE, [ids])
            return {row[0]: cast("Row", row) for row in await cursor.fetchall()}

    async def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()
