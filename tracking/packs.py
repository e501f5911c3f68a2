"""Packs: the hits of a few milliseconds, as one value. Pure.

A pack is what the edge stores before it answers, in the Redis stream or in a spool file, and what
ingest counts exactly once. It is a 16-byte id, a byte for the format, and a JSON array with one
array for each hit. The id begins with the time (UUID version 7), so that ids of one day lie
together in the table of stored packs; the rest is random.
"""

import json
import os
import time
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

FORMAT = 1
_HEAD = 17  # bytes: the id and the format
_JSON = json.JSONEncoder(separators=(",", ":"))


class BadPack(Exception):
    """The bytes are not a pack that this version can read."""


class Hit(NamedTuple):
    """One request of a reader: raw facts, no verdict."""

    kind: int  # tracking.models.Kind
    campaign_id: int
    subscriber_id: int  # 0: not named
    link_id: int  # 0: an open
    at: int  # milliseconds since 1970, when it came in
    network: str  # the address cut to /24 or /48; empty when unknown
    user_agent: str
    marks: str  # a JSON object, see tracking/facts.py


def encode(hits: list[Hit]) -> bytes:
    """Return the pack of `hits`, with a new id."""
    return b"%b%c%b" % (_new_id(), FORMAT, _JSON.encode(hits).encode())


def decode(pack: bytes) -> tuple[UUID, list[Hit]]:
    """Return the id and the hits of a pack. Raises BadPack."""
    if len(pack) < _HEAD or pack[_HEAD - 1] != FORMAT:
        raise BadPack("neither a pack nor of a format that this version knows")
    try:
        rows = json.loads(pack[_HEAD:])
        return UUID(bytes=pack[: _HEAD - 1]), [Hit(*row) for row in rows]
    except (ValueError, TypeError) as error:
        raise BadPack(str(error)) from error


def oldest_id(moment: datetime) -> UUID:
    """Return the smallest id that a pack made at `moment` can have."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(bytes=milliseconds.to_bytes(6, "big") + bytes(10))


def _new_id() -> bytes:
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big") & ~(0xF << 76) & ~(0b11 << 62)
    # Version 7 and variant 2 of RFC 9562.
    number = milliseconds << 80 | random | 7 << 76 | 2 << 62
    return number.to_bytes(16, "big")
