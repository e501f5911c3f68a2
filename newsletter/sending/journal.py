"""The journal: what is about to be handed over, in PostgreSQL before its first byte goes out.

Group commit: everything that became ready, and every answer that came, while the last row was being
written goes into the next one; so it costs one round trip for all connections together. A mail may
go only while the batch is ours (its fence is what we claimed) and the campaign runs. Whoever takes
the batch over changes the fence under a lock that this statement waits for, so that a row is
either seen by the takeover or refused.

A connection asks for its next mail when an answer to an earlier one comes, and both go into one
row. That is why a killed worker leaves at most two mails in doubt for each connection.
"""

import asyncio
from collections.abc import Callable

from newsletter.sending.holding import Hold, Job, Row
from newsletter.sending.prepared import Prepared, array

_WRITE = """
    WITH held AS MATERIALIZED (
        SELECT b.id, EXISTS (
            SELECT 1 FROM newsletter_campaign c
            WHERE c.id = b.campaign_id AND c.status = 'running'
        ) AS may_go
        FROM newsletter_batch b
        WHERE b.id = $1::bigint AND b.fence = $2::int AND b.state = 'claimed'
        FOR KEY SHARE OF b
    )
    INSERT INTO newsletter_handover (batch_id, fence, subscriber_ids, accepted_ids, free_ids)
    SELECT id, $2, CASE WHEN may_go THEN $3::bigint[] ELSE '{}' END, $4::bigint[], $5::bigint[]
    FROM held
    RETURNING id, cardinality(subscriber_ids) > 0
"""

# The hold, the jobs that asked, their row (None: the batch is not ours), and whether they may go.
Answer = Callable[[Hold, list[Job], Row | None, bool], None]


class _Turn:
    """What goes into the next row of one batch."""

    __slots__ = ("accepted", "asked", "free")

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.accepted: list[int] = []
        self.free: list[int] = []


class Journal:
    """Writes rows, one at a time, and says which jobs may go."""

    def __init__(self, answer: Answer) -> None:
        # The table is unlogged: there is nothing to wait for at a commit (see Handover).
        self._statement = Prepared(_WRITE, setup="SET synchronous_commit = off")
        self._answer = answer
        self._turns: dict[Hold, _Turn] = {}
        self._called = asyncio.Event()
        self._is_stopped = False

    def ask(self, job: Job) -> None:
        """Ask whether a job may go."""
        self._turn(job.hold).asked.append(job)

    def accepted(self, job: Job) -> None:
        """Say that the mail server has accepted a mail."""
        self._turn(job.hold).accepted.append(job.subscriber_id)

    def free(self, job: Job) -> None:
        """Say that the mail server has surely not accepted a mail."""
        self._turn(job.hold).free.append(job.subscriber_id)

    def stop(self) -> None:
        """Write no more rows than the one in hand."""
        self._is_stopped = True
        self._called.set()

    async def run(self) -> None:
        """Write rows until stopped."""
        try:
            while not self._is_stopped:
                await self._called.wait()
                self._called.clear()
                turns, self._turns = self._turns, {}
                # What came back first: it makes room for the doubt of what goes out.
                for hold, turn in sorted(turns.items(), key=_oldest_first):
                    await self._write(hold, turn)
        finally:
            await self._statement.close()

    def _turn(self, hold: Hold) -> _Turn:
        turn = self._turns.get(hold)
        if turn is None:
            turn = self._turns[hold] = _Turn()
            hold.asked += 1
            self._called.set()
        return turn

    async def _write(self, hold: Hold, turn: _Turn) -> None:
        claim, jobs = hold.claim, turn.asked
        ids = [job.subscriber_id for job in jobs]
        row = await self._statement.run(
            *(b"%d" % claim.batch_id, b"%d" % claim.fence),
            *(array(ids), array(turn.accepted), array(turn.free)),
        )
        hold.asked -= 1
        if row is None:
            self._answer(hold, jobs, None, False)
        else:
            self._answer(hold, jobs, Row(int(row[0] or 0), len(jobs)), row[1] == b"t")


def _oldest_first(item: tuple[Hold, _Turn]) -> int:
    return item[0].claim.batch_id
