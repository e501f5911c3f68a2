"""Threads that work with PostgreSQL and Redis until they are told to end, and then do end.

A server that is away is waited for. A thread that is told to end is not kept by others that use
PostgreSQL: a supervisor would kill the process. Only by a PostgreSQL that neither answers nor hangs
up; then nothing is lost by being killed.
"""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress

import psycopg
from django.db import DEFAULT_DB_ALIAS, Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from tracking import stream

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 15.0  # seconds between tries when a server is away
# Seconds that what is in hand may take when we are told to end. The statement at which it is ends
# then: an ingester that hangs, or a table that is being changed, may keep it waiting for any time.
GRACE = 5.0
# Seconds after which PostgreSQL ends a transaction in which nothing happens, of a process that
# hangs or whose machine is gone: it may hold rows that others wait for. Judging a batch, which is
# done within one, may take some ten seconds.
HANGING = 60
# Likewise, of a session in which nothing happens, where a thread holds locks in between.
SILENT = 600


class Stopped(Exception):
    """Work was told to end. What it had in hand is done the next time."""


class Worker:
    """A thread that works until it is stopped, and waits for servers that are away."""

    name = ""
    is_holding = False  # locks, while it says nothing to PostgreSQL

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._database: BaseDatabaseWrapper | None = None  # the connection of our thread
        self._pause = 0.0  # seconds before the last try

    def work(self) -> None:
        """Work until stopped, or until a server goes away (raises one of its errors)."""
        raise NotImplementedError

    def run(self) -> None:
        """Work until stopped; wait for servers that are away."""
        self._database = connections[DEFAULT_DB_ALIAS]
        try:
            while not self._stopping.is_set():
                self._work_until_away()
        finally:
            connection.close()

    def _work_until_away(self) -> None:
        started = time.monotonic()
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET idle_in_transaction_session_timeout = %s", [HANGING * 1000])
                if self.is_holding:
                    cursor.execute("SET idle_session_timeout = %s", [SILENT * 1000])
            self.work()
        except (*stream.AWAY, Error) as error:
            if self._stopping.is_set():
                return  # the error may be of our own making
            lasted = time.monotonic() - started
            longer = min(LONGEST_PAUSE, self._pause * 2 or 0.25)
            self._pause = 0.25 if lasted > LONGEST_PAUSE else longer
            logger.warning(
                "%s waits: %s (%s); next try in %.2g s",
                self.name,
                str(error).strip() or "no answer",
                type(error).__name__,
                self._pause,
            )
            connection.close()
            self._stopping.wait(self._pause)

    def interrupt(self) -> None:
        """End the statement that PostgreSQL is at for us. Called by another thread.

        What is not committed comes again, to whoever is there.
        """
        raw = self._database.connection if self._database else None
        if raw is not None:
            with suppress(psycopg.Error):
                raw.cancel_safe(timeout=GRACE)

    def pulse(self) -> None:
        """Raise Stopped when we are told to end. For work that may take longer than that waits."""
        if self._stopping.is_set():
            raise Stopped


def run(workers: Sequence[Worker], stopping: threading.Event) -> None:
    """Run each in a thread of its own until `stopping` is set. Raises what one of them fails with.

    A thread that fails sets it: the process ends, for a supervisor to see.
    """
    with ThreadPoolExecutor(len(workers), thread_name_prefix="worker") as threads:
        running = {threads.submit(worker.run): worker for worker in workers}
        for thread in running:
            thread.add_done_callback(lambda _: stopping.set())
        stopping.wait()
        late = wait(running, GRACE).not_done
        while late:
            for thread in late:
                running[thread].interrupt()
            late = wait(late, 1.0).not_done
    for thread in running:
        thread.result()
