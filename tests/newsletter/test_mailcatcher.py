"""The mail catcher, asked over a real SMTP conversation."""

import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsletter import outbox
from scripts.ports import free_port

ROOT = Path(__file__).parents[2]


@pytest.fixture
def catcher(settings) -> Iterator[tuple[str, int]]:
    """The real process, listening."""
    address = ("127.0.0.1", free_port())
    environment = {
        **os.environ,
        "MAILCATCHER_PORT": str(address[1]),
        "RUN_DIR": str(settings.RUN_DIR),
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "mailcatcher"], cwd=ROOT, env=environment
    )
    wait_for(address)
    yield address
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=120) == 0


def wait_for(address: tuple[str, int]) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            socket.create_connection(address, timeout=60).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("The mail catcher does not listen.")


RAW = b"From: a@example.org\r\nSubject: one\r\n\r\n..leading dot\r\n.\r\nlast line\r\n"


def test_what_is_acknowledged_is_kept_byte_for_byte(catcher):
    with smtplib.SMTP(*catcher) as client:
        client.sendmail("bounce+1@example.org", ["a@example.net", "b@example.net"], RAW)

        mail = outbox.list_mails().mails[0]

    assert outbox.read_mail(mail.id).raw == RAW
    assert mail.sender == "bounce+1@example.org"
    assert mail.recipients == ("a@example.net", "b@example.net")


def test_it_offers_what_our_client_uses(catcher):
    with smtplib.SMTP(*catcher) as client:
        client.ehlo()

        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(client.esmtp_features)


def test_addresses_in_other_scripts(catcher):
    with smtplib.SMTP(*catcher) as client:
        client.sendmail(
            "news@example.org",
            ["jürgen@bücher.example"],
            "Subject: grüß dich\r\n\r\nhallo\r\n".encode(),
            mail_options=["SMTPUTF8", "BODY=8BITMIME"],
        )

    assert outbox.list_mails().mails[0].recipients == ("jürgen@bücher.example",)


def test_a_pipelined_conversation(catcher):
    """Envelope and DATA in one write, the body and the next envelope in one write."""
    envelope = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
    with socket.create_connection(catcher, timeout=60) as connection:
        answers = connection.makefile("rb")
        answers.readline()
        connection.sendall(b"EHLO client\r\n")
        while answers.readline()[3:4] != b" ":
            pass

        connection.sendall(envelope)
        first = [answers.readline()[:3] for _ in range(3)]
        connection.sendall(b"Subject: 1\r\n\r\n1\r\n.\r\n" + envelope)
        second = [answers.readline()[:3] for _ in range(4)]
        connection.sendall(b"Subject: 2\r\n\r\n2\r\n.\r\nQUIT\r\n")
        third = [answers.readline()[:3] for _ in range(2)]

    assert first == [b"250", b"250", b"354"]
    assert second == [b"250", b"250", b"250", b"354"]
    assert third == [b"250", b"221"]
    assert [message["Subject"] for message in outbox.messages()] == ["1", "2"]


def test_a_line_that_is_too_long_is_refused(catcher):
    with smtplib.SMTP(*catcher) as client, pytest.raises(smtplib.SMTPDataError):
        client.sendmail("a@example.org", ["b@example.net"], b"Subject: x\r\n\r\n" + b"y" * 1100)

    assert outbox.list_mails().total == 0


def test_a_conversation_broken_off_leaves_nothing(catcher):
    with socket.create_connection(catcher, timeout=60) as connection:
        connection.sendall(b"EHLO c\r\nMAIL FROM:<a@b.c>\r\nRCPT TO:<d@e.f>\r\nDATA\r\nSubject: ")
        time.sleep(0.2)

    with smtplib.SMTP(*catcher) as client:
        client.noop()

    assert outbox.list_mails().total == 0
