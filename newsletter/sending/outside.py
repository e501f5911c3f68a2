"""What a run knows of the world: servers, limits, pauses, paces; and what it tells the world.

Read about once a second, so that whatever a person changes takes effect within two.
"""

import asyncio
import logging
import time
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections

from newsletter.sending import batches, content, current, pauses, providers, waiting
from newsletter.sending.database import PATIENCE, Database
from newsletter.sending.gates import Gates
from newsletter.sending.holding import Job
from newsletter.sending.lane import Lane, Sender
from newsletter.sending.live import Publisher
from newsletter.sending.message import Outcome
from newsletter.sending.pace import PaceUnknown
from newsletter.sending.queue import Queue

logger = logging.getLogger(__name__)

T = TypeVar("T")

EVERY = 1.0  # seconds between looks
LEASE_PATIENCE = 1.0  # seconds for Redis to lease connections: all else waits for it
REDIS_AWAY = 5.0  # seconds without such a question after it did not answer; less than pace.LEASE
BROKEN = "The content of the campaign can't be made ready: {}. The worker's log says more."


class Outside:
    """One run's view of everything that is not its own."""

    def __init__(self, name: str, sender: Sender, gates: Gates, db: Database) -> None:
        """`name`: what we call ourselves to mail servers."""
        self._name = name
        self._sender = sender
        self._gates = gates
        self._db = db
        self._aside = Database()  # for looks that must not wait for what is being recorded
        self._run_id = uuid.uuid4().hex
        self._lanes: dict[int, Lane] = {}
        self._leaving: list[Lane] = []  # of servers no longer in use; their last mails are out
        self._publisher = Publisher(settings.REDIS_URL)
        self._directory: providers.Directory | None = None
        self._next = 0.0
        self._redis_is_away_until = 0.0  # on the monotonic clock
        # One thread, so that Django's own connection is one too.
        self._thread = ThreadPoolExecutor(1, "tables")
        self._tasks: set[asyncio.Task[None]] = set()

    def is_due(self) -> bool:
        """Whether it is time to look again; at most once for each call."""
        now = time.monotonic()
        if now < self._next:
            return False
        self._next = now + EVERY
        return True

    def group(self, email: str) -> str:
        """Return the mailbox provider of an address."""
        domain = email.rpartition("@")[2].lower()
        return self._directory.group(domain) if self._directory else domain

    @property
    def _all(self) -> list[Lane]:
        return [*self._lanes.values(), *self._leaving]

    # --- reading ---------------------------------------------------------------------------

    async def refresh(self, queues: Iterable[Queue]) -> list[Lane]:
        """Read what has changed; bring lanes and `queues` up to date; tell what was done."""
        queues = list(queues)
        if self._directory is None:
            self._directory = await self._from_tables(providers.load)
        found = await self._from_tables(current.servers)
        await self._take_servers(found)
        pauses_now = await self._db.do(pauses.load)
        for lane in self._lanes.values():
            lane.take_pauses(pauses_now)
            await self._lease(lane)
        await self._take_paces(queues)
        await self._tell(queues)
        return self._all

    async def newly_due(self, queues: Iterable[Queue], only: list[int]) -> list[Queue]:
        """Return the campaigns that have become due, their content compiled."""
        known = {queue.campaign_id for queue in queues}
        due = await self._db.do(partial(batches.due, only=only))
        new = [campaign_id for campaign_id in due if campaign_id not in known]
        if only:
            new = [campaign_id for campaign_id in new if campaign_id in only]
        found = [queue for queue in [await self._load(one) for one in new] if queue]
        await self._take_paces(found)
        return found

    def look_again(
        self,
        queue: Queue,
        jobs: list[Job],
        answer: Callable[[list[Job], dict[int, str] | None], None],
    ) -> None:
        """Ask whether people may still be written to, who changed something just now.

        `answer` gets those who may not, with the reasons; None when nobody can tell.
        """

        async def ask() -> None:
            people = [job.subscriber_id for job in jobs]
            check = partial(
                batches.no_longer_allowed, people=people, list_ids=queue.content.list_ids
            )
            try:
                gone = await self._aside.do(check)
            except Exception:
                logger.exception("nobody knows whether some people may still be written to")
                answer(jobs, None)
                raise
            answer(jobs, gone)

        task = asyncio.create_task(ask())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _load(self, campaign_id: int) -> Queue | None:
        try:
            loaded = await self._from_tables(partial(content.load, campaign_id))
        except Exception as error:
            # One bad campaign must not stop the others.
            logger.exception("campaign %s can't be made ready", campaign_id)
            reason = BROKEN.format(type(error).__name__)
            await self._db.do(partial(waiting.begin, campaign_id=campaign_id, reason=reason))
            return None
        return Queue(loaded, self._gates.get(f"campaign:{campaign_id}"))

    async def _take_servers(self, found: current.Servers) -> None:
        rows = {server.id: server for server in found.servers}
        for server_id, lane in list(self._lanes.items()):
            server = rows.get(server_id)
            if server is not None and server.endpoint == lane.server.endpoint:
                lane.refresh(server, found.providers)
            else:
                lane.retire()
                self._leaving.append(self._lanes.pop(server_id))
        for lane in [lane for lane in self._leaving if lane.is_gone]:
            self._leaving.remove(lane)
            if lane.server.id not in self._lanes:
                await self._lease(lane)
        for server in found.servers:
            if server.id not in self._lanes:
                limit = min(settings.SEND_CONNECTIONS, server.connections or 10_000)
                lane = Lane(server, self._name, self._sender, self._gates, limit)
                # It has nothing to make up for: the others would wait for it.
                lane.served = min((each.served for each in self._lanes.values()), default=0.0)
                lane.refresh(server, found.providers)
                # In case that Redis has forgotten what went to it today.
                lane.gate.used = await self._db.do(partial(current.used, server_id=server.id))
                self._lanes[server.id] = lane

    async def _take_paces(self, queues: Collection[Queue]) -> None:
        if not queues:
            return
        ids = [queue.campaign_id for queue in queues]
        found = await self._db.do(partial(current.paces, campaign_ids=ids))
        for queue in queues:
            pace = found.get(queue.campaign_id)
            queue.is_running = pace is not None and pace.is_running
            if pace is not None:
                queue.gate.change(pace.limits)
                self._gates.get(queue.gate.key, pace.limits)
                queue.window = pace.window
            domain = queue.content.from_domain
            queue.lanes = [
                lane for lane in self._lanes.values() if lane.server.may_send_for(domain)
            ]

    async def _lease(self, lane: Lane) -> None:
        """Share a server's connections with the runs of all workers."""
        limit = lane.server.connections
        if limit is None:
            return
        wanted = 0 if lane.is_retired else min(settings.SEND_CONNECTIONS, limit)
        leaving = [each for each in self._leaving if each.server.id == lane.server.id]
        of_before = sum(len(each.pool.connections) for each in leaving)
        holding = len(lane.pool.connections) + of_before
        key = f"server:{lane.server.id}"
        granted = await self._ask_for_connections(key, wanted, limit, holding)
        if granted is not None:
            lane.pool.limit = max(0, granted - of_before)
        else:
            # What we have stays; Redis forgets us when it is away for long, and so do the others.
            lane.pool.limit = max(1, len(lane.pool.connections))
        lane.trim()

    async def _ask_for_connections(
        self, key: str, wanted: int, limit: int, holding: int
    ) -> int | None:
        """Return how many connections we may have; None when Redis does not say."""
        if time.monotonic() < self._redis_is_away_until:
            return None
        buckets = self._gates.buckets
        try:
            async with asyncio.timeout(LEASE_PATIENCE):
                return await buckets.connections(key, self._run_id, wanted, limit, holding)
        except (PaceUnknown, TimeoutError):
            self._redis_is_away_until = time.monotonic() + REDIS_AWAY
            return None

    # --- troubles --------------------------------------------------------------------------

    async def tend(self, lane: Lane, wanted: int) -> deque[Outcome]:
        """Open what connections are missing. Returns refusals that mean something else now."""
        freed: deque[Outcome] = deque()
        lane.tend(wanted)
        if lane.is_retired or lane.breaker.reason:
            freed.extend(lane.breaker.take())
        server = lane.server
        for stop in lane.breaker.take_stops():
            freed.extend(stop.held)
            begin = partial(pauses.begin, provider=stop.group, cause=stop.cause, reason=stop.reason)
            await self._db.do(partial(begin, server_id=server.id))
            lane.hold_off(stop.group, stop.reason)
        if lane.trouble_to_tell and (lane.breaker.reason or len(self._lanes) > 1):
            # The only server is tried again as the campaign is, which waits for it.
            cause = lane.breaker.cause if lane.breaker.reason else "trouble"
            begin = partial(pauses.begin, provider="", cause=cause, reason=lane.trouble_to_tell)
            await self._db.do(partial(begin, server_id=server.id))
            lane.rest()
        return freed

    # --- telling -----------------------------------------------------------------------------

    async def _tell(self, queues: Iterable[Queue]) -> None:
        await self._publisher.publish({queue.campaign_id: queue.take_news() for queue in queues})
        for lane in self._all:
            counts = lane.take_counts()
            for group in lane.ended:
                await self._db.do(partial(pauses.end, server_id=lane.server.id, provider=group))
            lane.ended = set()
            if counts:
                count = partial(current.count, server_id=lane.server.id, counts=counts)
                await self._db.do(count)

    # --- the end -----------------------------------------------------------------------------

    async def close(self, queues: Iterable[Queue]) -> None:
        """Say goodbye to everybody."""
        async with AsyncExitStack() as at_last:  # in the reverse order, whatever fails
            at_last.callback(self._thread.shutdown)
            at_last.push_async_callback(self._in_thread, connections.close_all)
            at_last.push_async_callback(self._aside.close)
            at_last.push_async_callback(self._publisher.close)
            await asyncio.gather(*self._tasks, return_exceptions=True)
            for lane in self._all:
                await lane.pool.close()
                lane.retire()
                await self._lease(lane)
            await self._tell(queues)

    async def _from_tables(self, work: Callable[[], T]) -> T:
        """Read by Django's connection; again, on a new one, when it breaks."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                return await self._in_thread(work)
            except (OperationalError, InterfaceError):
                await self._in_thread(connections.close_all)
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.2)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
