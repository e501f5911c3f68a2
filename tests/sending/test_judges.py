"""Campaigns to Postfix's own test server, in each of its moods; it keeps the record."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections import Counter

import pytest

from newsletter.models import Delivery
from newsletter.sending import run
from scripts.ports import free_port
from subscribers.models import Subscriber, Suppression
from tests.launcher.launched import open_folder
from tests.sending.conftest import numbers, reasons, send

PEOPLE = 200
RECIPIENT = re.compile(rb"^X-Rcpt-Args: <([^>]+)>", re.MULTILINE)


@pytest.fixture
def postfix(settings):
    """Start smtp-sink with some arguments. Returns a function that gives the recipients it has."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec")
    if not program:
        assert not os.environ.get("CI"), "smtp-sink (of Postfix) was not found"
        pytest.skip("smtp-sink (of Postfix) was not found")
    servers = []
    as_root = ["-u", "nobody"] if os.geteuid() == 0 else []

    def start(*arguments):
        port = free_port()
        command = [program, *as_root, *arguments, "-D", str(record), f"127.0.0.1:{port}", "50"]
        servers.append(subprocess.Popen(command))
        wait_for(port)
        settings.SMTP_URL = f"smtp://127.0.0.1:{port}?tls=none"
        settings.SEND_CONNECTIONS = 4
        settings.SEND_BATCH_SIZE = 25
        return taken

    def taken():
        return [each.decode() for each in RECIPIENT.findall(record.read_bytes())]

    with open_folder() as folder:
        folder.chmod(0o777)  # it gives up root's rights
        record = folder / "taken"
        yield start
        for server in servers:
            server.kill()
            server.wait()


def wait_for(port):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as made:
            if made.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("smtp-sink does not listen")


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["-p"], ["-e"], ["-P"], ["-8"], ["-N", "-E", "-a"]),
        *(["-f", "EHLO"], ["-r", "EHLO"], ["-f", "QUIT"], ["-q", "QUIT"], ["-Q", "QUIT"]),
        ["-m", "2"],
    ],
    ids=" ".join,
)
def test_everybody_gets_one_mail(postfix, started, arguments):
    taken = postfix(*arguments)
    campaign = started(PEOPLE)

    send(campaign)

    assert numbers(campaign) == {"sent": PEOPLE}
    everybody = set(Subscriber.objects.values_list("email", flat=True))
    assert Counter(taken()) == Counter(everybody)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-f", "CONNECT"], ["-r", "CONNECT"], ["-q", "CONNECT"], ["-Q", "CONNECT"]),
        *(["-q", "EHLO"], ["-Q", "EHLO"], ["-f", "EHLO HELO"]),
        *(["-f", "MAIL"], ["-r", "MAIL"], ["-q", "MAIL"], ["-Q", "MAIL"]),
        *(["-f", "RCPT"], ["-r", "RCPT"], ["-q", "RCPT"], ["-Q", "RCPT"]),
        *(["-f", "DATA"], ["-r", "DATA"], ["-q", "DATA"], ["-Q", "DATA"]),
        *(["-f", "."], ["-r", "."], ["-Q", "."]),
        ["-B", "554 5.7.1 Blocked by our reputation list", "-f", "RCPT"],
        ["-b", "451 4.7.1 Greylisted, try again later", "-r", "RCPT"],
    ],
    ids=" ".join,
)
def test_a_server_that_takes_nothing_costs_nobody_their_mail(postfix, started, arguments):
    postfix(*arguments)
    campaign = started(60)

    send(campaign, seconds=3)

    assert numbers(campaign) == {"pending": 60}, reasons(campaign)
    assert not Suppression.objects.exists()
    assert not Delivery.objects.exists()


def test_a_server_that_never_answers_the_last_dot_leaves_few_in_doubt(postfix, started):
    postfix("-q", ".")
    campaign = started(PEOPLE)

    send(campaign, seconds=3)

    found = numbers(campaign)
    assert found.get("sent", 0) == 0
    assert found["pending"] + found["in_doubt"] == PEOPLE
    assert found["in_doubt"] <= 20


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize("how", ["closes", "says so", "was told"])
def test_a_limit_for_each_connection(sink, started, settings, how, pipelining):
    if not pipelining:
        sink.keywords.remove("PIPELINING")
    if how == "closes":
        sink.mails_per_connection = 20
    elif how == "says so":
        sink.keywords.append("LIMITS MAILMAX=20")
    else:
        settings.SMTP_URL += "&mails_per_connection=20"
    most = count_mails_of_each_connection(sink)
    campaign = started(PEOPLE)

    run.send(campaign.pk, seconds=120)

    assert numbers(campaign) == {"sent": PEOPLE}
    assert Counter(sink.recipients) == Counter(Subscriber.objects.values_list("email", flat=True))
    assert max(most.values()) == 20
    assert len(most) <= PEOPLE / 20 + settings.SEND_CONNECTIONS


def count_mails_of_each_connection(sink):
    """Return a counter that goes up while mails are taken."""
    counts = Counter()
    sink.on_taken = lambda number, recipient: counts.update([number])
    return counts
