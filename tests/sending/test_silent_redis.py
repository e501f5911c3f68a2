"""A Redis that takes connections and never answers: mail without limits goes on all the same."""

import socket
import time

import pytest

from tests.sending.several import Going, wait_until


@pytest.fixture
def silent_redis(settings):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"
        yield


def test_mail_without_limits_goes_on_over_all_servers(servers, started, silent_redis):
    made = [servers()[0] for _ in range(3)]
    campaign = started(200)

    with Going(campaign):
        wait_until(lambda: sum(len(sink.mails) for sink in made) == 200, seconds=20)


def test_a_run_stops_within_seconds(servers, started, silent_redis):
    made = [servers(per_minute=1)[0] for _ in range(3)]
    going = Going(started(5), seconds=60)
    going.start()
    wait_until(lambda: any("EHLO news.example.org" in sink.commands for sink in made))

    begun = time.monotonic()
    going.stop()
    going.wait()

    assert time.monotonic() - begun < 6
