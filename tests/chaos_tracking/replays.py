"""Sees a replay from outside: which packs lie on an edge's disk, and which are in the stream."""

import struct
import time
from pathlib import Path

import redis
from django.conf import settings

from tracking import stream

WITHIN = 5.0  # seconds until an edge notices that Redis is back, and replays
SMALL = 300  # packs in a stream that has room for a whole spool
_HEAD = struct.Struct(">II")  # as in a spool file: length and checksum of the pack that follows
_ID = 16  # bytes of a pack that name it


def length(client: redis.Redis) -> int:
    """Return how many packs are in the stream."""
    return int(client.xlen(settings.TRACKING_STREAM))


def wait_for_first(client: redis.Redis, folder: Path) -> None:
    """Wait until a part of what lies in the folder is in the stream, or for WITHIN."""
    spooled, last = _spooled(folder), "-"
    end = time.monotonic() + WITHIN
    new: set[bytes] = set()
    while not new & spooled and time.monotonic() < end:
        new, last = _packs(client, last)


def is_in_the_middle(client: redis.Redis, folder: Path) -> bool:
    """Say whether of what lies in the folder a part is in the stream, and a part is not."""
    spooled, (packs, _) = _spooled(folder), _packs(client, "-")
    return bool(spooled & packs) and bool(spooled - packs)


def _packs(client: redis.Redis, after: str) -> tuple[set[bytes], str]:
    start = after if after == "-" else f"({after}"
    entries = client.xrange(settings.TRACKING_STREAM, start)
    packs = {fields[stream.FIELD][:_ID] for _, fields in entries}
    return packs, entries[-1][0].decode() if entries else after


def _spooled(folder: Path) -> set[bytes]:
    found = set()
    for path in folder.glob("*.spool"):
        try:
            data = path.read_bytes()
        except OSError:
            continue  # replayed by now
        at = 0
        while at + _HEAD.size + _ID <= len(data):
            size, _ = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            found.add(data[at : at + _ID])
            at += size
    return found
