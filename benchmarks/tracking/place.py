"""Where legs do their work: a stream and databases of their own, removed afterwards."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_OURS = settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"]


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
def own_database(
    name: str, *, fill: Callable[[], None] = lambda: None, keep: bool = False
) -> Iterator[BaseDatabaseWrapper]:
    """Make a database with empty tables, `fill` it, and use it until the block is left.

    With `keep` it stays, and is there the next time: `fill` has to see for itself what is missing.
    Several may be open at once: `use` goes from one to the other.
    """
    outside = connections[DEFAULT_DB_ALIAS]
    inside = outside.copy()
    before = settings.DATABASES[DEFAULT_DB_ALIAS]["NAME"]
    inside.settings_dict["TEST"]["NAME"] = f"{_OURS}_{name}"
    use(inside)
    inside.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
    try:
        try:
            fill()
        except BaseException:
            keep = False  # half filled
            raise
        yield inside
    finally:
        use(inside)
        inside.creation.destroy_test_db(before, verbosity=0, keepdb=keep)
        use(outside)


def use(connection: BaseDatabaseWrapper) -> None:
    """Let everything in this thread speak to a database."""
    connections[DEFAULT_DB_ALIAS] = connection
