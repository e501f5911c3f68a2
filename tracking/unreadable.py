"""Packs that ingest could not store and set aside: they are tried again when somebody asks for it.

Mostly a version that could not read them has been replaced since, or a partition is there again.
Promise: a pack is stored once however often it is tried, and stays where it is until it is stored.
"""

from collections import Counter
from typing import NamedTuple

from django.db import DataError, IntegrityError

from tracking import ingest, stream
from tracking.packs import BadPack


class Tried(NamedTuple):
    """What became of the packs that were set aside."""

    stored: int  # and removed
    left: dict[str, int]  # why packs could still not be stored, with how many


def read_again() -> Tried:
    """Try to store each pack once. Raises one of stream.AWAY, or the database's errors.

    Reasons name no row: it would say whose hit it was.
    """
    stored, left = 0, Counter[str]()
    for entry in stream.dead_entries():
        try:
            ingest.store_pack(entry.pack or b"")
        except BadPack as error:
            left[str(error)] += 1
        except (DataError, IntegrityError) as error:
            left[f"PostgreSQL refuses it ({type(error).__name__})"] += 1
        else:
            # Only now: dying in between leaves it, and its id says the next time that it is known.
            stream.forget_dead(entry)
            stored += 1
    return Tried(stored, dict(left))
