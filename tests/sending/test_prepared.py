"""The journal's statement comes back whatever moment its connection breaks at."""

import asyncio
import os
import time

import psycopg
import pytest
import uvloop
from django.conf import settings

from newsletter.sending.prepared import Prepared

NAME = f"broadsheet-test-prepared-{os.getpid()}"  # others run this test at the same time


def terminate() -> None:
    """End the statement's server process, as a restart does, and let that reach our socket."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
            "WHERE application_name = %s",
            [NAME],
        )
    time.sleep(0.02)


@pytest.mark.parametrize("attempt", range(5))
def test_a_statement_that_meets_a_connection_just_closed_is_answered_by_the_next(attempt):
    """What is written to it makes the socket an error, for which uvloop tells no reader."""

    async def talk() -> list[object]:
        statement = Prepared("SELECT $1::int", f"SET application_name = '{NAME}'")
        first = await statement.run(b"1")
        terminate()  # blocks the loop: what came with it was not read when we write
        async with asyncio.timeout(60):
            second = await statement.run(b"2")
        await statement.close()
        return [first, second]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        answers = runner.run(talk())

    assert answers == [[b"1"], [b"2"]]
