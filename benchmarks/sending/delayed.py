"""A run of the engine, in this process, against a server that is 20 ms away.

Without Celery, because only the conversation is compared: the same client and settings, with the
server's offer of PIPELINING and with that offer hidden on the way (benchmarks/delay_proxy.py).
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings

from benchmarks.report import Incomplete
from benchmarks.sending import campaign
from newsletter import campaigns, due
from newsletter.sending import run

ONE_WAY = 0.01  # seconds
CONNECTIONS = 10
PATIENCE = 600.0  # seconds


def send(port: int, mails: int, *, pipelining: bool) -> float:
    """Return the seconds of one run that sends so many mails. Raises Incomplete."""
    campaign_id = campaign.make(mails)
    campaigns.start(campaign_id)
    with _proxy(port, pipelining=pipelining) as near:
        url = f"smtp://127.0.0.1:{near}?tls=none"
        with override_settings(SMTP_URL=url, SEND_CONNECTIONS=CONNECTIONS):
            start = time.perf_counter()
            run.send(campaign_id, seconds=PATIENCE)
            seconds = time.perf_counter() - start
    due.finish_complete()
    campaign.check(campaign_id, mails)
    return seconds


@contextmanager
def _proxy(port: int, *, pipelining: bool) -> Iterator[int]:
    hide = [] if pipelining else ["--hide-pipelining"]
    command = [sys.executable, "-m", "benchmarks.delay_proxy", "--to", str(port), *hide]
    process = subprocess.Popen(
        [*command, "--one-way", str(ONE_WAY)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if not (line := process.stdout.readline()):
            raise Incomplete("the delay proxy did not start")
        yield int(line)
    finally:
        process.terminate()
        process.wait()
