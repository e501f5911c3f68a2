"""Makers of hits. The truth that sums are compared with stands in tests/tracking/exact.py."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection, transaction

from tracking import packs, rollups, stream
from tracking.models import Kind
from tracking.packs import Hit
from tracking.working import Stopped

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def opened(subscriber: int = 0, campaign: int = 7, at: datetime = NOON, **more: Any) -> Hit:
    return Hit(
        **{
            "kind": Kind.OPEN.value,
            "campaign_id": campaign,
            "subscriber_id": subscriber,
            "forward_id": 0,
            "link_id": 0,
            "at": milliseconds(at),
            "network": "203.0.113.0",
            "user_agent": "Mozilla/5.0",
            "marks": "{}",
            **more,
        }
    )


def clicked(
    link: int, subscriber: int = 0, campaign: int = 7, at: datetime = NOON, **more: Any
) -> Hit:
    return opened(subscriber, campaign, at, kind=Kind.CLICK.value, link_id=link, **more)


def anything(chance: random.Random, readers: Sequence[int], spread: int = 6000) -> Hit:
    """Return a hit of any kind by any program, up to `spread` minutes before or after noon.

    Its agent says, after a program's name, what tests/tracking/rules.py takes it for.
    """
    campaign = chance.choice([7, 8])
    kind = chance.choices(list(Kind), [50, 40, 4, 3, 3])[0]
    link = campaign * 10 + chance.randint(0, 3) if kind == Kind.CLICK else 0
    seconds = chance.randint(-spread * 60, spread * 60)
    program = chance.choice(["", "Thunderbird/140.0 ", "Outlook-iOS/709 ", "GoogleImageProxy "])
    agents = ["HUMAN", "Mozilla/5.0", "PROXY_OPEN", "PRIVACY_PREFETCH", "SCANNER", "UNKNOWN"]
    return opened(
        chance.choice(readers),
        campaign,
        NOON + timedelta(seconds=seconds),
        kind=kind.value,
        link_id=link,
        forward_id=campaign * 100 + chance.randint(0, 2) if chance.random() < 0.1 else 0,
        network=chance.choice(["203.0.113.0", "198.51.100.0", "192.0.2.0"]),
        user_agent=program + chance.choices(agents, [20, 50, 5, 10, 10, 5])[0],
    )


def append(*hits: Hit) -> bytes:
    """Put hits into the stream as one pack, as the edge does; return the pack."""
    pack = packs.encode(list(hits))
    stream.append_all([pack])
    return pack


def recorded(client: Any, name: str) -> list[Hit]:
    """Return the hits in a stream, in order. A pack that came twice counts once, as in ingest."""
    entries = client.xrange(name)
    found = dict(packs.decode(fields[stream.FIELD]) for _, fields in entries)
    return [hit for hits in found.values() for hit in hits]


def store(hits: Iterable[Hit]) -> None:
    """Store hits without the way through the stream."""
    with transaction.atomic():
        rollups.store([packs.open_pack(packs.encode(hits))[1]])


def stopping_at(moment: int) -> Callable[[], None]:
    """Return a pulse that ends judging at its so-manieth beat."""
    beats = count(1)

    def beat() -> None:
        if next(beats) == moment:
            raise Stopped

    return beat


def elsewhere(act: Callable[[], Any]) -> Any:
    """Return what `act` returns in another thread, with a connection of its own."""

    def run() -> Any:
        try:
            return act()
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        return threads.submit(run).result()


def while_storing(batches: Sequence[Iterable[Hit]]) -> Iterator[None]:
    """Store batches of hits in two threads, and yield again and again until all are stored."""

    def keep(part: Iterable[Iterable[Hit]]) -> None:
        try:
            for hits in part:
                store(hits)
        finally:
            connection.close()

    with ThreadPoolExecutor() as threads:
        storing = [threads.submit(keep, batches[start::2]) for start in range(2)]
        while not all(each.done() for each in storing):
            yield
        for each in storing:
            each.result()
