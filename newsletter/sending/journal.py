"""The journal: what is about to be handed over, in PostgreSQL before its first byte goes out.

Group commit: everything that became ready, and every answer that came, while the last row was being
written goes into the next one; so it costs one round trip for all connections together. A mail may
go only while the batch is ours (its fence is what we claimed) and the campaign runs, and the
statement says who has left meanwhile. Whoever takes the batch over changes the fence under a lock
that this statement waits for, so that a row is either seen by the takeover or refused.

A connection asks for its next mail when an answer to an earlier one comes, and both go into one
row. That is why a killed worker leaves at most two mails in doubt for each connection.

The table is unlogged: PostgreSQL empties it when it comes up after a crash. On each new connection
the journal therefore looks for the witness of each claim; where it is gone, it writes from memory
what is under way.
"""

import asyncio
from collections.abc import Callable, Collection

from newsletter.models import Handover
from newsletter.sending.database import Connection
from newsletter.sending.holding import Hold, Job, Row
from newsletter.sending.prepared import Prepared, array, numbers

_WRITE = """
    WITH held AS MATERIALIZED (
        SELECT b.id, EXISTS (
            SELECT 1 FROM newsletter_campaign c
            WHERE c.id = b.campaign_id AND c.status = 'running'
        ) AS may_go,
        -- Whoever held the row while we waited for it may have committed what our snapshot, by
        -- which the departures are read, does not show.
        b.ctid <> (SELECT seen.ctid FROM newsletter_batch seen WHERE seen.id = $1) AS has_waited
        FROM newsletter_batch b
        WHERE b.id = $1::bigint AND b.fence = $2::int AND b.state = 'claimed'
        FOR KEY SHARE OF b
    )
    INSERT INTO newsletter_handover (batch_id, fence, turn, subscriber_ids, accepted_ids, free_ids)
    SELECT id, $2, $3::int, CASE WHEN may_go THEN $4::bigint[] ELSE '{}' END,
           $5::bigint[], $6::bigint[]
    FROM held
    -- The connection may break between the commit and its answer.
    ON CONFLICT (batch_id, fence, turn) DO UPDATE SET subscriber_ids = EXCLUDED.subscriber_ids
    RETURNING cardinality(subscriber_ids) > 0, CASE
        WHEN (SELECT has_waited FROM held) THEN $4::bigint[]
        ELSE (
            SELECT array_agg(d.subscriber_id) FROM subscribers_departure d
            WHERE d.subscriber_id = ANY($4::bigint[])
        )
    END
"""
_WRITE_ANEW = """
    INSERT INTO newsletter_handover (batch_id, fence, turn, subscriber_ids, accepted_ids, free_ids)
    SELECT b.id, b.fence, row.turn, row.noted, row.accepted, '{}'
    FROM (
        SELECT id, fence FROM newsletter_batch
        WHERE id = %(batch)s AND fence = %(fence)s AND state = 'claimed'
        FOR KEY SHARE
    ) AS b
    CROSS JOIN (
        VALUES (%(witness)s, '{}'::bigint[], '{}'::bigint[]),
               (%(turn)s, %(noted)s::bigint[], %(accepted)s::bigint[])
    ) AS row(turn, noted, accepted)
    WHERE NOT EXISTS (
        SELECT 1 FROM newsletter_handover
        WHERE batch_id = %(batch)s AND fence = %(fence)s AND turn = %(witness)s
    )
"""

# There is nothing to wait for at a commit, since the table is unlogged. The statement finds
# everything by key, so it is planned once: a plan for each row costs PostgreSQL more than the row.
_SETUP = """
    SELECT set_config('synchronous_commit', 'off', false),
           set_config('plan_cache_mode', 'force_generic_plan', false)
"""

# The hold, the jobs that asked, their row (None: the batch is not ours), whether they may go, and
# those who have just left, or came back since: to be looked at again.
Answer = Callable[[Hold, list[Job], Row | None, bool, Collection[int]], None]


class _Turn:
    """What goes into the next row of one batch."""

    __slots__ = ("accepted", "asked", "free")

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.accepted: list[int] = []
        self.free: list[int] = []

    def take_back(self) -> "_Turn":
        """Return what came back as a turn of its own; the rest stays."""
        back = _Turn()
        back.accepted, self.accepted = self.accepted, []
        back.free, self.free = self.free, []
        return back


class Journal:
    """Writes rows, one at a time, and says which jobs may go."""

    def __init__(self, answer: Answer, holds: Collection[Hold]) -> None:
        """`holds`: the batches that are ours at any time."""
        self._statement = Prepared(_WRITE, _SETUP, on_connect=self._recall)
        self._answer = answer
        self._holds = holds
        self._turns: dict[Hold, _Turn] = {}
        self._called = asyncio.Event()
        self._is_stopped = False

    def ask(self, job: Job) -> None:
        """Ask whether a job may go."""
        turn = self._turns.get(job.hold) or self._begin(job.hold)
        turn.asked.append(job)
        job.is_free = False
        if turn.free and job.subscriber_id in turn.free:
            turn.free.remove(job.subscriber_id)

    def accepted(self, job: Job) -> None:
        """Say that the mail server has accepted a mail."""
        turn = self._turns.get(job.hold) or self._begin(job.hold)
        turn.accepted.append(job.subscriber_id)

    def free(self, job: Job) -> None:
        """Say that the mail server has surely not accepted a mail."""
        job.is_free = True
        turn = self._turns.get(job.hold) or self._begin(job.hold)
        turn.free.append(job.subscriber_id)

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
                await self._write_all(sorted(turns.items(), key=_oldest_first))
        finally:
            await self._statement.close()

    async def _write_all(self, turns: list[tuple[Hold, _Turn]]) -> None:
        # What came back first, of all batches: it makes room for the doubt of what goes out.
        if len(turns) > 1:
            for hold, turn in turns:
                if turn.asked and (turn.accepted or turn.free):
                    hold.asked += 1
                    await self._write(hold, turn.take_back())
        for hold, turn in sorted(turns, key=lambda each: bool(each[1].asked)):
            await self._write(hold, turn)

    def _begin(self, hold: Hold) -> _Turn:
        turn = self._turns[hold] = _Turn()
        hold.asked += 1
        self._called.set()
        return turn

    async def _write(self, hold: Hold, turn: _Turn) -> None:
        claim, jobs = hold.claim, turn.asked
        number = hold.next_turn()
        result = await self._statement.run(
            *(b"%d" % claim.batch_id, b"%d" % claim.fence, b"%d" % number),
            array([job.subscriber_id for job in jobs]).encode(),
            *(array(turn.accepted).encode(), array(turn.free).encode()),
        )
        hold.asked -= 1
        if result is None:
            self._answer(hold, jobs, None, False, ())
        else:
            row = Row(number, len(jobs), has_free=bool(turn.free))
            self._answer(hold, jobs, row, result[0] == b"t", numbers(result[1]))

    async def _recall(self, db: Connection) -> None:
        """Write what is under way anew, where PostgreSQL has lost it."""
        for hold in list(self._holds):
            if hold.is_lost:
                continue
            turn, on_their_way = hold.next_turn(), hold.on_their_way()
            cursor = await db.execute(
                _WRITE_ANEW,
                {
                    "batch": hold.claim.batch_id,
                    "fence": hold.claim.fence,
                    "witness": Handover.WITNESS,
                    "turn": turn,
                    "noted": [job.subscriber_id for job in on_their_way],
                    "accepted": hold.accepted_ids(),
                },
            )
            if cursor.rowcount:
                hold.noted(on_their_way, Row(turn, len(on_their_way), has_free=False))


def _oldest_first(item: tuple[Hold, _Turn]) -> int:
    return item[0].claim.batch_id
