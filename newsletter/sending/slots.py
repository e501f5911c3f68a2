"""Keeps a process of each worker free: mail that a person waits for is never behind a campaign.

A run holds its process for most of a minute. Each takes a slot first, of which a worker has one
less than it has processes. Slots are locks on bytes of a nameless file that all processes of a
worker inherit, so a process that is killed gives its slot back.
"""

import fcntl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

_FILE = tempfile.TemporaryFile()  # noqa: SIM115  (open for as long as the worker lives)


@contextmanager
def slot() -> Iterator[bool]:
    """Hold a slot inside the block. Yields False when all are taken."""
    number = next((n for n in range(count()) if _take(n)), None)
    try:
        yield number is not None
    finally:
        if number is not None:
            fcntl.lockf(_FILE, fcntl.LOCK_UN, 1, number)


def count() -> int:
    """Return how many runs may go on at once in one worker."""
    return max(1, settings.CELERY_WORKER_CONCURRENCY - 1)


def _take(number: int) -> bool:
    try:
        fcntl.lockf(_FILE, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
    except OSError:
        return False
    return True
