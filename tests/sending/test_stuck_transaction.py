"""A worker that is stopped, or loses power, in the middle of a transaction keeps no lock for long.

Its connection to PostgreSQL stays as it is: nothing says that the other end is gone. The batch that
it had locked at that moment would be passed over by everybody (SKIP LOCKED) for as long.
"""

import asyncio
import time

from newsletter.sending import database
from tests.sending.conftest import numbers, send
from tests.sending.several import LONG

LEASE = 1


def test_a_batch_locked_by_a_worker_that_went_silent_is_sent_by_another(sink, started, settings):
    settings.SEND_LEASE = LEASE
    campaign = started(5)

    async def go_silent() -> None:
        db = await database.connect()
        silent.append(db)
        await db.execute("BEGIN")
        await db.execute("SELECT 1 FROM newsletter_batch FOR UPDATE")

    silent = []
    with asyncio.Runner() as runner:
        runner.run(go_silent())
        end = time.monotonic() + LONG
        while numbers(campaign) != {"sent": 5} and time.monotonic() < end:
            send(campaign)
            time.sleep(0.1)
        after = numbers(campaign)
        runner.run(silent[0].close())

    assert after == {"sent": 5}
