"""The whole job by commands alone, to Postfix's own test server: one mail for each person."""

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from scripts.ports import free_port
from tests.e2e.stack import Stack
from tests.launcher.launched import open_folder

pytestmark = pytest.mark.e2e

PEOPLE = 10_000
SINK = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec")


class Sink:
    """smtp-sink with a dump of all that it took."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o777)  # it gives up root's rights
        self.folder = folder
        self.port = free_port()
        as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(
            [SINK, *as_root, "-D", str(folder / "mail"), f"127.0.0.1:{self.port}", "1000"]
        )

    def recipients(self) -> Counter[str]:
        """Return how many mails each address got, from the sink's own record."""
        return Counter(
            match[1].decode()
            for dump in self.folder.iterdir()
            for match in re.finditer(rb"(?m)^X-Rcpt-Args: <([^>]*)>", dump.read_bytes())
        )


@pytest.fixture
def run_dir():
    with open_folder() as folder:
        yield folder / "run"


@pytest.fixture
def sink():
    if SINK is None:
        assert not os.environ.get("CI"), "smtp-sink (of Postfix) was not found"
        pytest.skip("smtp-sink (of Postfix) was not found")
    with open_folder() as folder:
        running = Sink(folder)
        yield running
        running.process.kill()
        running.process.wait()


def test_ten_thousand_people_get_exactly_one_mail_each(sink, tmp_path, run_dir):
    people = tmp_path / "people.csv"
    people.write_text(
        "email,name\n" + "".join(f"p{n}@example.com,Person {n}\n" for n in range(PEOPLE))
    )
    body = tmp_path / "june.md"
    body.write_text("# Hello {{ subscriber.name }}\n\nRead [the story](https://example.org/story).")
    stack = Stack(run_dir, SMTP_URL=f"smtp://127.0.0.1:{sink.port}?tls=none")
    stack.start()
    try:
        imported = stack.manage("import_subscribers", str(people), "--list", "weekly", "--json")
        created = stack.manage(
            "campaign", "create", "--list", "weekly", "--subject", "June", "--body", str(body)
        )
        number = created.strip()
        stack.manage("campaign", "start", number, "--wait")
        status = json.loads(stack.manage("campaign", "status", number, "--json"))
        report = json.loads(stack.manage("report", number, "--json"))
    finally:
        code = stack.stop()

    assert json.loads(imported)["added"] == PEOPLE
    assert status["state"] == "finished"
    assert [status[name] for name in ("audience", "sent")] == [PEOPLE, PEOPLE]
    assert [status[name] for name in ("failed", "skipped", "in_doubt", "pending")] == [0, 0, 0, 0]
    assert report["sent"] == PEOPLE
    assert sink.recipients() == Counter({f"p{n}@example.com": 1 for n in range(PEOPLE)})
    assert code == 0


def test_the_campaign_waits_for_a_server_that_is_down_and_says_so(tmp_path, run_dir):
    port = free_port()
    body = tmp_path / "june.md"
    body.write_text("Hello")
    people = tmp_path / "people.csv"
    people.write_text("email\na@example.com\nb@example.com\n")
    stack = Stack(run_dir, SMTP_URL=f"smtp://127.0.0.1:{port}?tls=none")
    stack.start()
    try:
        stack.manage("import_subscribers", str(people), "--list", "weekly")
        number = stack.manage(
            "campaign", "create", "--list", "weekly", "--subject", "June", "--body", str(body)
        ).strip()
        stack.manage("campaign", "start", number)
        waiting = _status_when(stack, number, lambda status: status["waiting_reason"])
        server = _SmallSink(port)
        done = _status_when(stack, number, lambda status: status["state"] == "finished")
    finally:
        stack.stop()
        server.stop()

    assert waiting["pending"] == 2
    assert done["sent"] == 2
    assert done["waiting_reason"] == ""


class _SmallSink:
    """A real server that comes up late."""

    def __init__(self, port: int) -> None:
        from aiosmtpd.controller import Controller
        from aiosmtpd.handlers import Sink as Swallow

        self._controller = Controller(Swallow(), hostname="127.0.0.1", port=port)
        self._controller.start()

    def stop(self) -> None:
        self._controller.stop()


def _status_when(stack: Stack, number: str, good, within: float = 240) -> dict[str, object]:
    end = time.monotonic() + within
    while True:
        status = json.loads(stack.manage("campaign", "status", number, "--json"))
        if good(status):
            return status
        assert time.monotonic() < end, status
        time.sleep(0.5)
