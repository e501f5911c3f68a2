"""Moves packs of hits from the Redis stream into PostgreSQL.

Promise: every pack in the stream is counted exactly once, whichever process dies when. Events, sums
and the pack's id are committed together, and only then is the pack acknowledged. A crash in between
brings the same pack again, and its id says that it is known.

Several ingesters share the work. Each holds a name of its own for as long as it lives, so that one
that starts again goes on with what its predecessor had in hand.
"""

import gc
import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import chain, count
from uuid import UUID

from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.utils.timezone import now

from tracking import (
    hindsight,
    judging,
    packs,
    partitions,
    refreshing,
    rollups,
    spool,
    stream,
    working,
)
from tracking.models import StoredPack
from tracking.stream import Entry
from tracking.working import Stopped, Worker

logger = logging.getLogger(__name__)

BATCH = 1000  # packs in one transaction, when that many wait: twice as quick as 100
FULL = 64  # packs; when fewer came, nothing more is waiting
THREADS = 2  # one brings hits to PostgreSQL while it works on those of the other
LINGER = 0.2  # seconds between batches when little comes, to spare transactions
LOOK_AROUND = 10.0  # seconds between looks for what dead processes have left
TIDY = 3600.0  # seconds between making partitions, dropping old ones and forgetting old ids
SETTLE_EVERY = 20.0  # seconds between looks for minutes and days that can be judged again
# Likewise at most, when judging takes long: what is judged is looked at again beside what comes
# after it, so that the more there is, the more has to be left to gather.
SETTLE_SELDOM = 120.0
# A pack that comes again after this long would count twice. The only way to that is a spool file
# that was half replayed and then lay about for so long.
REMEMBERED = timedelta(days=30)

_NUMBERS = 0x6272_6F63  # the advisory locks that stand for ingesters' numbers

_REMEMBER = """
INSERT INTO tracking_storedpack (id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING RETURNING id
"""


def run(stopping: threading.Event, on_ready: Callable[[], None] = lambda: None) -> None:
    """Ingest in THREADS until `stopping` is set, and then finish the batches in hand.

    One that takes longer than working.GRACE is given up; its packs come again.

    A server that is away is waited for, and said so. Calls `on_ready` each time that both answer.
    Raises what a thread failed with.
    """
    # A batch is some hundred thousand small objects, none of which refers to itself by a circle:
    # looking for circles among them, and among all that is loaded, took a sixth of the time.
    gc.freeze()
    gc.set_threshold(100_000)
    ingesters = [Ingester(stopping, on_ready) for _ in range(THREADS)]
    working.run([*ingesters, Settler(stopping)], stopping)


def ingest_batch(consumer: str, read: Callable[[str, int], list[Entry]] = stream.read_new) -> int:
    """Store what `read` gives to `consumer`. Returns how many packs; 0 means that none waits."""
    entries = read(consumer, BATCH)
    if entries:
        _store(entries)
    return len(entries)


def store_pack(pack: bytes) -> None:
    """Store one pack, unless it was stored before.

    Raises BadPack, and DataError or IntegrityError when PostgreSQL refuses it.
    """
    _commit([Entry(b"", pack)])


class Settler(Worker):
    """Judges hits again when all that came around them is known: tracking/judging.py."""

    name = "judging"
    is_holding = True

    def work(self) -> None:
        """Judge what is ripe, again and again."""
        while not self._stopping.is_set():
            refreshing.look_again()
            started = time.monotonic()
            with suppress(Stopped):
                judging.settle(self.pulse)
                settled = time.monotonic()
                while hindsight.look_back(self.pulse):
                    if time.monotonic() - settled > SETTLE_EVERY:
                        break
            took = time.monotonic() - started
            self._stopping.wait(min(max(SETTLE_EVERY, 2 * took), SETTLE_SELDOM))


class Ingester(Worker):
    """One thread's work. It goes by a number, which makes its consumer's name."""

    name = "ingest"

    def __init__(self, stopping: threading.Event, on_ready: Callable[[], None]) -> None:
        super().__init__(stopping)
        self.number = 0
        self._on_ready = on_ready

    def work(self) -> None:
        """Take a number and ingest, beginning with what was in hand under it."""
        stream.create_group()
        self.take_number()
        consumer = f"ingest-{self.number}"
        logger.info("ingest runs as %s", consumer)
        self._on_ready()
        looked_at = tidied_at = -TIDY
        while not self._stopping.is_set() and ingest_batch(consumer, stream.read_own):
            pass
        while not self._stopping.is_set():
            if time.monotonic() - tidied_at > TIDY:
                tidied_at = time.monotonic()
                _tidy()
            if time.monotonic() - looked_at > LOOK_AROUND:
                looked_at = time.monotonic()
                with suppress(Stopped):
                    self._look_around(consumer)
            if ingest_batch(consumer) < FULL:
                self._stopping.wait(LINGER)

    def take_number(self) -> None:
        """Take a number that is ours until our database connection ends.

        The one that we had, if it is free, because our packs are still under its name.
        """
        with connection.cursor() as cursor:
            for number in chain([self.number] if self.number else [], count(1)):
                cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [_NUMBERS, number])
                if cursor.fetchone()[0]:
                    self.number = number
                    return

    def _look_around(self, consumer: str) -> None:
        """Take over what died with others: packs in the hands of consumers, files of edges."""
        while ingest_batch(consumer, stream.take_over):
            self.pulse()
        try:
            replayed = spool.replay(settings.TRACKING_SPOOL, self._hand_on)
        except stream.AWAY as error:
            # Mostly a stream that is full: only going on empties it. The files wait.
            logger.warning("what edges left on the disk waits: %s", error)
            return
        if replayed:
            logger.warning("replayed %d packs of hits that an edge had left on the disk", replayed)

    def _hand_on(self, packs_left: list[bytes]) -> None:
        self.pulse()
        stream.append_all(packs_left)


def _store(entries: list[Entry]) -> None:
    """Store and acknowledge packs. One that can't be stored is set aside, and holds nothing up."""
    try:
        _commit(entries)
    except (packs.BadPack, DataError, IntegrityError) as error:
        if len(entries) > 1:
            for entry in entries:
                _store([entry])
            return
        stream.set_aside(entries[0], str(error))
        # Not the message, which quotes the row: it stands beside the pack.
        logger.error(
            "a pack can't be stored, and is kept in %s (%s)",
            stream.dead_letters(),
            type(error).__name__,
        )
        return
    stream.acknowledge(entries)


def _commit(entries: list[Entry]) -> None:
    # By id: the same pack may be in a batch twice, from the stream and from a spool.
    lines = dict(packs.open_pack(entry.pack) for entry in entries if entry.pack is not None)
    with transaction.atomic():
        new = _remember(list(lines))
        if new:
            rollups.store([lines[pack] for pack in new])


def _remember(ids: list[UUID]) -> list[UUID]:
    """Return those of `ids` that were never stored, and note that they are now."""
    with connection.cursor() as cursor:
        # Sorted, so that two ingesters with the same packs wait for each other in one order.
        cursor.execute(_REMEMBER, [sorted(ids)])
        return [row[0] for row in cursor.fetchall()]


def _tidy() -> None:
    for name in partitions.make_ahead(now()):
        logger.info("made the partition %s", name)
    if settings.TRACKING_KEEP_EVENTS:
        for name in partitions.drop_old(now(), settings.TRACKING_KEEP_EVENTS):
            logger.info("dropped the partition %s, whose events are too old", name)
    StoredPack.objects.filter(id__lt=packs.oldest_id(now() - REMEMBERED)).delete()
