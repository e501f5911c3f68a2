"""The connections of one run: opened as they are needed, watched, and closed."""

import asyncio
import logging
from collections.abc import Callable
from math import inf

from newsletter.sending import connection
from newsletter.sending.connection import Connection, Owner, Unreachable
from newsletter.sending.servers import Endpoint

logger = logging.getLogger(__name__)

MOST_FRUITLESS = 5  # connections in a row that ended without one answer for a mail
GOODBYE = 1.0  # seconds for the server to take our QUIT
BROKEN = "no connection can be opened: {}; the worker's log says more"


class Pool:
    """Up to `limit` connections to one server; the limit may change.

    Begins with one, and opens the others when the server has answered for a mail: a server that
    drops everybody gets few mails into doubt.
    """

    def __init__(
        self,
        server: Endpoint,
        name: str,
        owner: Owner,
        limit: int,
        on_open: Callable[[], None] = lambda: None,
    ) -> None:
        """`name`: what we call ourselves; `on_open` is called when a connection is ready."""
        self.connections: set[Connection] = set()
        self.trouble = ""  # why no mail can be handed over; empty while some connection works
        self._server = server
        self._name = name
        self._owner = owner
        self._on_open = on_open
        self.limit = limit
        self._allowed: float = 1  # as far as the server is known
        self._fruitless = 0
        self._opening: set[asyncio.Task[None]] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no connection is open, or about to be."""
        return not (self.connections or self._opening)

    def widen(self) -> None:
        """Take note that the server works: all connections may be opened."""
        self._fruitless = 0
        if self._allowed == 1:
            self._allowed = inf

    def tend(self, *, wanted: int) -> None:
        """Open what is missing for `wanted` mails that wait, and look for servers that hang."""
        for open_connection in list(self.connections):
            open_connection.check_patience()
        most = int(min(self._allowed, self.limit))
        missing = most - len(self.connections) - len(self._opening)
        for _ in range(min(missing, wanted) if not self.trouble else 0):
            task = asyncio.create_task(self._open())
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def revive(self) -> None:
        """Try again after trouble."""
        self.trouble = ""
        self._fruitless = 0
        self._allowed = 1

    def closed(self, gone: Connection) -> None:
        """Take note that a connection is gone."""
        self.connections.discard(gone)
        conversation = gone.conversation
        if conversation.answered or conversation.is_over_by_us:
            self._fruitless = 0
            return
        self._fruitless += 1
        if self._fruitless >= MOST_FRUITLESS:
            self.trouble = conversation.ended

    def abort(self, reason: str) -> None:
        """Hang up everywhere at once."""
        for open_connection in list(self.connections):
            open_connection.abort(reason)

    async def close(self) -> None:
        """Say goodbye everywhere."""
        for task in list(self._opening):
            task.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)
        for open_connection in list(self.connections):
            open_connection.quit()
        end = asyncio.get_running_loop().time() + GOODBYE
        while self.connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.01)

    async def _open(self) -> None:
        try:
            opened = await connection.connect(self._server, self._name, self._owner)
        except Unreachable as error:
            self._failed(str(error))
        except Exception as error:
            # Nobody waits for this task: unsaid, it would be tried again and again in silence.
            logger.exception("a connection to %s can't be opened", self._server)
            self._failed(BROKEN.format(type(error).__name__))
        else:
            self._add(opened)

    def _failed(self, reason: str) -> None:
        # A server that takes some connections and no more has a limit: it is kept to.
        self._allowed = max(1, len(self.connections))
        if not self.connections:
            self.trouble = reason

    def _add(self, opened: Connection) -> None:
        # It may have been closed again before we came to hear that it was open.
        if opened.conversation.ended:
            self.closed(opened)
        else:
            self.connections.add(opened)
            self._on_open()
