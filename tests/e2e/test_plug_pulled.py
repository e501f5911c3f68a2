"""Web, worker, ingest and Redis lose power in turn while mail goes out and readers read.

Nobody gets a second mail, nobody is missed, and every hit that got its answer is on the report.
"""

import http.client
import json
import re
import threading
import time
from collections import Counter
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.stack import Stack
from tests.launcher.launched import open_folder, wait_until

pytestmark = pytest.mark.e2e

PEOPLE = 4_000
PLUGS = ("celery .* worker", "(valkey|redis)-server", "newsletter.wsgi", "manage.py ingest")


@pytest.fixture
def stack():
    with open_folder() as folder:
        running = Stack(folder / "run")
        running.start()
        running.launched.wait_for("The demonstration is ready")
        yield running
        running.launched.finish()


class Readers(threading.Thread):
    """Open each mail as it comes, without pause, and count the answers."""

    def __init__(self, outbox: Path, subject: str) -> None:
        super().__init__(daemon=True)
        self._outbox, self._subject = outbox, subject
        self._seen: set[Path] = set()
        self.answered = 0
        self.statuses: Counter[int] = Counter()
        self.stopping = threading.Event()

    def run(self) -> None:
        while not self.stopping.is_set():
            for path in sorted(set(self._outbox.glob("*/*.eml")) - self._seen):
                self._seen.add(path)
                self._read(path)

    def _read(self, path: Path) -> None:
        mail = message_from_bytes(path.read_bytes(), policy=policy.SMTP)
        if mail["Subject"] != self._subject or self.stopping.is_set():
            return
        picture = re.findall(r'src="([^"]+/o/[^"]+)"', mail.get_body(("html",)).get_content())[0]
        parts = urlsplit(picture)
        connection = http.client.HTTPConnection(parts.netloc, timeout=120)
        connection.request("GET", parts.path)
        self.statuses[connection.getresponse().status] += 1
        connection.close()


def test_nothing_is_lost_and_nothing_is_doubled(stack, tmp_path):
    number = start_campaign(stack, tmp_path)
    readers = Readers(stack.run_dir / "outbox", "Under fire")
    readers.start()
    for plug in PLUGS:
        time.sleep(1.5)
        stack.kill(plug)
    wait_until(lambda: status(stack, number)["state"] == "finished", 480)
    end = status(stack, number)
    mails = Counter(recipients(stack.run_dir / "outbox", "Under fire"))
    wait_until(lambda: sum(readers.statuses.values()) >= len(mails), 480)
    readers.stopping.set()
    readers.join()

    assert end["audience"] == PEOPLE
    assert end["sent"] + end["in_doubt"] == PEOPLE
    assert set(mails.values()) == {1}
    assert PEOPLE - end["in_doubt"] <= len(mails) <= PEOPLE
    assert set(readers.statuses) == {200}
    wait_until(
        lambda: opens(report(stack, number)) == readers.statuses[200],
        240,
        lambda: f"{report(stack, number)} after {readers.statuses}",
    )


def start_campaign(stack: Stack, folder: Path) -> str:
    people, body = folder / "people.csv", folder / "body.md"
    people.write_text("email\n" + "".join(f"p{n}@example.com\n" for n in range(PEOPLE)))
    body.write_text("Read [this](https://example.org/).")
    stack.manage("import_subscribers", str(people), "--list", "f")
    create = ("campaign", "create", "--list", "f", "--subject", "Under fire", "--body", str(body))
    number = stack.manage(*create).strip()
    stack.manage("campaign", "start", number)
    return number


def status(stack: Stack, number: str) -> dict[str, int]:
    return json.loads(stack.manage("campaign", "status", number, "--json"))


def report(stack: Stack, number: str) -> dict[str, Any]:
    return json.loads(stack.manage("report", number, "--json"))


def opens(found: dict[str, Any]) -> int:
    """Return all opens: a program that says nothing of itself is taken for a machine."""
    return found["opens"]["total"] + found["machines"]["opens"]["total"]


def recipients(outbox: Path, subject: str) -> list[str]:
    """Return who got the mail, from the envelopes as the mail server wrote them down."""
    texts = [index.read_text() for index in outbox.glob("*/index.jsonl")]
    mails = [json.loads(line) for text in texts for line in text.splitlines()]
    return [name for mail in mails if mail["subject"] == subject for name in mail["recipients"]]
