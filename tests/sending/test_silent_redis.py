"""A Redis that takes connections and never answers: mail without limits goes on all the same."""

import socket

import pytest

from newsletter.sending.engine import SHUTDOWN_GRACE
from tests.sending.several import Going, crowd, wait_until


@pytest.fixture
def silence(settings):
    """Let Redis fall silent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)

        def fall_silent():
            settings.REDIS_URL = f"redis://127.0.0.1:{listener.getsockname()[1]}/0"

        yield fall_silent


def test_mail_without_limits_goes_on_over_all_servers(servers, started, silence):
    made = [servers()[0] for _ in range(3)]
    campaign = started(200)
    silence()

    with Going(campaign):
        wait_until(lambda: sum(len(sink.mails) for sink in made) == 200)


@pytest.mark.parametrize("limits", [{}, {"per_minute": 1}])
def test_a_run_stops_within_seconds(servers, started, silence, limits):
    made = [servers(**limits)[0] for _ in range(3)]
    for sink in made:
        sink.seconds = 0.1
    going = Going(started(0, lists=[crowd(1_000)]))
    silence()
    going.start()
    wait_until(lambda: any(sink.commands for sink in made))

    going.stop()

    going.wait(SHUTDOWN_GRACE + 20)
