"""Packs: the hits of a few milliseconds, as one value. Pure.

A pack is what the edge stores before it answers, in the Redis stream or in a spool file, and what
ingest counts exactly once. It is a 16-byte id, a byte for the format, and a line for each hit, in
the form that PostgreSQL's COPY reads: ingest checks the lines and hands them on as they are. The id
begins with the time (UUID version 7), so that ids of one day lie together in the table of stored
packs; the rest is random.
"""

import os
import re
import time
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

FORMAT = 2
_HEAD = 17  # bytes: the id and the format
_LINES = re.compile(
    rb"(?:[1-5]"  # kind
    rb"(?:\t[0-9]{1,19}){5}"  # campaign, subscriber, forward, link, time
    rb"\t(?:\\N|[0-9a-f.:]{2,45})"  # network
    rb"\t[^\t\n\r\0]*"  # user agent
    rb"\t\{[^\t\n\r\0]*\}\n)*"  # marks
)


class BadPack(Exception):
    """The bytes are not a pack that this version can read."""


class Hit(NamedTuple):
    """One request of a reader: raw facts, no verdict."""

    kind: int  # tracking.models.Kind
    campaign_id: int
    subscriber_id: int  # 0: not named
    forward_id: int  # 0: the subscriber's own copy; else the forward whose copy or page it is
    link_id: int  # 0: no link
    at: int  # milliseconds since 1970, when it came in
    network: str  # the address cut to /24 or /48; empty when unknown
    user_agent: str
    marks: str  # a JSON object, see tracking/facts.py


def encode(hits: Iterable[Hit]) -> bytes:
    """Return the pack of `hits`, with a new id."""
    return b"%b%c%b" % (_new_id(), FORMAT, "".join(map(_line, hits)).encode(errors="replace"))


def open_pack(pack: bytes) -> tuple[UUID, bytes]:
    """Return the id of a pack and its lines for COPY. Raises BadPack."""
    if len(pack) < _HEAD or pack[_HEAD - 1] != FORMAT:
        raise BadPack("neither a pack nor of a format that this version knows")
    lines = pack[_HEAD:]
    if not _LINES.fullmatch(lines):
        raise BadPack("a line is not that of a hit")
    return UUID(bytes=pack[: _HEAD - 1]), lines


def decode(pack: bytes) -> tuple[UUID, list[Hit]]:
    """Return the id and the hits of a pack. Raises BadPack."""
    pack_id, lines = open_pack(pack)
    try:
        return pack_id, [_hit(line) for line in lines.decode().split("\n")[:-1]]
    except UnicodeDecodeError as error:
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


def _line(hit: Hit) -> str:
    kind, campaign_id, subscriber_id, forward_id, link_id, at, network, user_agent, marks = hit
    return (
        f"{kind}\t{campaign_id}\t{subscriber_id}\t{forward_id}\t{link_id}\t{at}\t"
        f"{network or NULL}\t{_escape(user_agent)}\t{_escape(marks)}\n"
    )


def _hit(line: str) -> Hit:
    *numbers, network, user_agent, marks = line.split("\t")
    texts = ("" if network == NULL else network, unescape(user_agent), unescape(marks))
    return Hit._make((*map(int, numbers), *texts))


NULL = r"\N"  # what COPY reads as no value
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
_TO_COPY = str.maketrans({**_ESCAPES, "\0": None})
_FROM_COPY = {escape: letter for letter, escape in _ESCAPES.items()}


@lru_cache(maxsize=16_384)
def _escape(text: str) -> str:
    return text.translate(_TO_COPY)


def unescape(text: str) -> str:
    """Return what a field of a line says."""
    return re.sub(r"\\.", lambda match: _FROM_COPY.get(match[0], match[0]), text)
