"""The batches of one run: claimed, recorded as outcomes come, and let go."""

import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial

import psycopg
from django.conf import settings

from newsletter.sending import batches, members, recording
from newsletter.sending.database import Connection, Database
from newsletter.sending.holding import Hold, Job
from newsletter.sending.members import Unusual
from newsletter.sending.queue import Queue
from newsletter.sending.recording import Claim

logger = logging.getLogger(__name__)


class Books:
    """What a run holds of the tables. Not to be used by two coroutines at a time."""

    def __init__(self, db: Database) -> None:
        """Begin with nothing."""
        self.holds: list[Hold] = []
        # For records too: planning one anew each time costs as much as to store it.
        self._by_key = db.another(batches.BY_KEY)
        self._number = secrets.randbits(62)  # of this run, in the batches that it claims
        self._breaks = 0  # of the connection for claims, of which claims have heard

    async def claim(self, queue: Queue, group: Callable[[str], str]) -> None:
        """Claim one more batch of a campaign; its mails go into the queue.

        `group` says to which mailbox provider an address belongs.
        """
        begun = time.monotonic()
        claim = await self._by_key.do(partial(self._claim, queue.campaign_id))
        if claim is None:
            queue.has_claimed_all = True
            return
        hold = Hold(claim, settings.SEND_LEASE, queue)
        hold.renewed(begun)
        # Kept before its people are known: whatever happens now, it is given back.
        self.holds.append(hold)
        queue.holds.append(hold)
        lists = queue.content.list_ids
        found = await self._by_key.do(partial(members.find, claim=claim, list_ids=lists))
        jobs = hold.add(found.people, group)
        if found.unusual:
            jobs = [job for job in jobs if self._may_be_mailed(job, found.unusual)]
        if not queue.is_stopped:
            queue.ready.extend(jobs)
            return
        for job in jobs:
            hold.returned(job)

    async def record(self) -> list[Hold]:
        """Store what is known, let go of what is over. Returns batches that are not ours now."""
        now, lost = time.monotonic(), []
        for hold in list(self.holds):
            if hold.is_over:
                await self._store(hold, partial(recording.close, delay=hold.delay))
                self._let_go(hold)
            elif hold.is_due(now):
                if await self._store(hold, recording.record):
                    hold.renewed(now)
                else:
                    lost.append(hold)
        return lost

    def lose(self, hold: Hold) -> None:
        """Forget a batch that another worker has now."""
        hold.is_lost = True
        hold.queue.remove(set(hold.jobs))
        self._let_go(hold)

    async def give_back(self, delay: float) -> None:
        """Give all batches back because the run stumbled, to be claimed after `delay` seconds.

        Nothing is claimed after this.
        """
        # What was in hand on it is undone; a new connection takes the rest.
        await self._by_key.close()
        stumbled = partial(recording.close, delay=delay, is_orderly=False)
        try:
            for hold in self.holds:
                await self._store_at_last(hold, stumbled)
        finally:
            await self._by_key.close()

    async def _store_at_last(self, hold: Hold, work: Callable[..., Awaitable[bool]]) -> None:
        try:
            await self._store(hold, work)
        except psycopg.Error:
            # Its lease will end; the others are given back all the same.
            logger.exception("batch %s could not be given back", hold.claim.batch_id)

    def _may_be_mailed(self, job: Job, unusual: dict[int, Unusual]) -> bool:
        known = unusual.get(job.subscriber_id)
        if known is None:
            return True
        job.deferrals, job.deferred_for = known.deferrals, known.deferred_for
        if known.skip:
            job.hold.skipped(job, known.skip)
        return not known.skip

    async def _claim(self, campaign_id: int, db: Connection) -> Claim | None:
        if self._by_key.breaks != self._breaks:
            # A claim may have been made of which the broken connection told us nothing.
            known = [hold.claim.batch_id for hold in self.holds]
            if own := await batches.find_own(db, campaign_id, self._number, known):
                return own
            self._breaks = self._by_key.breaks
        return await batches.claim(db, campaign_id, self._number)

    async def _store(self, hold: Hold, work: Callable[..., Awaitable[bool]]) -> bool:
        """Store what is known of a batch. Returns whether it is still ours."""
        record = hold.take_record()
        try:
            return await self._by_key.do(partial(work, claim=hold.claim, record=record))
        except BaseException:
            hold.put_back(record)
            raise

    def _let_go(self, hold: Hold) -> None:
        self.holds.remove(hold)
        hold.queue.holds.remove(hold)
        # Each of them names the hold: mails would stay in memory until the collector comes by.
        hold.jobs.clear()
