"""Where legs do their work: a stream and a database of their own, removed afterwards."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection


@contextmanager
def own_stream() -> Iterator[None]:
    """Name a stream that nobody else uses in the settings, and remove all that belongs to it."""
    from tracking import stream

    settings.TRACKING_STREAM = f"bench:{os.getpid()}"
    try:
        yield
    finally:
        for key in stream.client().scan_iter(f"{settings.TRACKING_STREAM}*"):
            stream.client().delete(key)


@contextmanager
def own_database(name: str) -> Iterator[None]:
    """Make a database with empty tables and connect to it, until the block is left."""
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_{name}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)
