"""Waking a worker holds up nobody, whatever the broker does.

Not by the clock, which counts a busy machine's work as well: one connection, and its patience.
"""

import os
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from newsletter import wake

# In a process of its own: what is waited for is a matter of Celery's connections as they begin.
CODE = """
import os, django
import tests.environment
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
django.setup()
import newsletter.celery
from newsletter import wake
wake.workers()
"""


def _connections(listener: socket.socket) -> int:
    """Return how many have come."""
    count = 0
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
            count += 1
    return count


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_broker_that_is_away_or_silent_does_not_hold_up_a_page(is_silent):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if is_silent:
            listener.listen(50)
            listener.setblocking(False)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

        done = subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "REDIS_URL": url},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        came = _connections(listener) if is_silent else 0

    assert came == is_silent
    assert wake.PATIENCE < 1
    assert "the next tick will" in done.stderr
