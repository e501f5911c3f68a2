"""The journal: what is about to be handed over, in PostgreSQL before its first byte goes out.

Group commit: everything that became ready while the last note was being written goes into the next
one, so that a note costs one round trip for all connections together. The note is granted only
while the batch is ours (its fence is what we claimed) and the campaign runs; without it nothing is
sent. Whoever takes the batch over changes the fence under a lock that this statement waits for, so
that a note is either seen by the takeover or refused.
"""

import asyncio
from collections.abc import Callable
from functools import partial

from newsletter.sending.database import Connection, Database
from newsletter.sending.holding import Hold, Job, Row

_NOTE = """
    WITH held AS MATERIALIZED (
        SELECT b.id
        FROM newsletter_batch b
        WHERE b.id = %s AND b.fence = %s AND b.state = 'claimed'
          AND EXISTS (
              SELECT 1 FROM newsletter_campaign c
              WHERE c.id = b.campaign_id AND c.status = 'running'
          )
        FOR KEY SHARE OF b
    )
    INSERT INTO newsletter_handover (batch_id, fence, subscriber_ids)
    SELECT held.id, %s, %s::bigint[] FROM held
    RETURNING id
"""

Answer = Callable[[Hold, list[Job], Row | None], None]


class Journal:
    """Writes notes, one at a time, and says which jobs may go (`answer`, without a row: none)."""

    def __init__(self, answer: Answer) -> None:
        # The table is unlogged: there is nothing to wait for at a commit (see Handover).
        self._db = Database("SET synchronous_commit = off")
        self._answer = answer
        self._ready: list[Job] = []
        self._called = asyncio.Event()
        self._is_stopped = False

    def ask(self, job: Job) -> None:
        """Ask for a note about one job; it goes with all others of this turn."""
        job.hold.asked += 1
        self._ready.append(job)
        self._called.set()

    def stop(self) -> None:
        """Write no more notes than the one in hand."""
        self._is_stopped = True
        self._called.set()

    async def run(self) -> None:
        """Write notes until stopped."""
        try:
            while not self._is_stopped:
                await self._called.wait()
                self._called.clear()
                await self._turn()
        finally:
            await self._db.close()

    async def _turn(self) -> None:
        ready, self._ready = self._ready, []
        by_hold: dict[Hold, list[Job]] = {}
        for job in ready:
            by_hold.setdefault(job.hold, []).append(job)
        for hold, jobs in by_hold.items():
            claim = hold.claim
            ids = [job.subscriber_id for job in jobs]
            row_id = await self._db.do(partial(_note, claim.batch_id, claim.fence, ids))
            hold.asked -= len(jobs)
            self._answer(hold, jobs, Row(row_id, len(jobs)) if row_id else None)


async def _note(batch_id: int, fence: int, ids: list[int], db: Connection) -> int | None:
    cursor = await db.execute(_NOTE, (batch_id, fence, fence, ids))
    row = await cursor.fetchone()
    return row[0] if row else None
