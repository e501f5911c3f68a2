"""Waking a worker holds up nobody, whatever the broker does."""

import os
import socket
import subprocess
import sys

import pytest

# In a process of its own: how long it takes is a matter of Celery's connections as they begin.
CODE = """
import os, time, django
import tests.environment
os.environ["DJANGO_SETTINGS_MODULE"] = "newsletter.settings"
django.setup()
import newsletter.celery
from newsletter import wake
begun = time.monotonic()
wake.workers()
print(time.monotonic() - begun)
"""


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_broker_that_is_away_or_silent_does_not_hold_up_a_page(is_silent):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        if is_silent:
            listener.listen(50)
        url = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

        done = subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "REDIS_URL": url},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )

    assert float(done.stdout.split()[-1]) < 2
    assert "the next tick will" in done.stderr
