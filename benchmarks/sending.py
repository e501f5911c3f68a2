"""How fast a campaign is sent, against Postfix's load generator on the same sink in the same run.

A campaign of mails of 10 KB with 8 tracked links and a pixel, personal in a few places, goes
through all that a worker does: claim, render, journal, hand over by SMTP, record. The reference,
`smtp-source`, sends one ready mail of the same size over as many connections, and records nothing.
Both talk to `smtp-sink` on this machine. PostgreSQL runs here too, so the campaign shares the
processor with it, and the reference does not.
"""

import os
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

import django
from django.db import connection

if TYPE_CHECKING:  # models can be imported after django.setup only
    from subscribers.models import MailingList

PEOPLE = 20_000
ROUNDS = 5
SESSIONS = 20
LINKS = 8
SIZE = 10_000  # bytes, of a mail
FOLDERS = "/usr/sbin:/usr/local/sbin"  # where Postfix puts its tools, outside most PATHs


def main() -> None:
    """Print both rates and their ratio."""
    source, sink = _tool("smtp-source"), _tool("smtp-sink")
    if source is None or sink is None:
        print("Left out: smtp-source and smtp-sink are not here (Debian package postfix).")
        return
    django.setup()
    from django.test import override_settings

    with _own_database(), _running(sink) as port:
        smtp = {"SMTP_URL": f"smtp://127.0.0.1:{port}?tls=none", "SEND_CONNECTIONS": SESSIONS}
        with override_settings(**smtp, TRACKING_DEFAULT="individual"):
            mailing_list = _people()
            _campaign(mailing_list)  # warms up what a worker keeps warm
            ratios = []
            for _ in range(ROUNDS):
                reference = _reference(source, port)
                before = time.process_time()
                ours = _campaign(mailing_list)
                cost = (time.process_time() - before) / PEOPLE * 1e6
                ratios.append(reference / ours)
                print(
                    f"smtp-source {PEOPLE / reference:7,.0f} mails/s   "
                    f"campaign {PEOPLE / ours:7,.0f} mails/s, {cost:.0f} us of CPU each   "
                    f"ratio {reference / ours:.2f}",
                    flush=True,
                )
            print(f"median ratio {median(ratios):.2f}")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"peak memory of the worker {peak:.0f} MB")


def _tool(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{FOLDERS}")


@contextmanager
def _own_database() -> Iterator[None]:
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_sending_bench"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


@contextmanager
def _running(sink: str) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    # It refuses to run as root.
    account = ["-u", "nobody"] if os.getuid() == 0 else []
    process = subprocess.Popen([sink, *account, f"127.0.0.1:{port}", "1000"])
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def _reference(source: str, port: int) -> float:
    """Return the seconds that smtp-source takes."""
    start = time.perf_counter()
    subprocess.run(
        [
            *(source, "-s", str(SESSIONS), "-m", str(PEOPLE), "-l", str(SIZE)),
            *("-f", "news@example.org", "-t", "reader@example.org", f"127.0.0.1:{port}"),
        ],
        check=True,
    )
    return time.perf_counter() - start


def _people() -> "MailingList":
    from subscribers import addresses, suppression
    from subscribers.models import MailingList, Organisation, Subscriber, Subscription

    organisation = Organisation.current()
    organisation.postal_address = "12 Quay Street\nExampletown"
    organisation.save()
    mailing_list = MailingList.objects.create(name="Bench", slug="bench")
    keys = [addresses.parse(f"reader{number}@example.org").key for number in range(PEOPLE)]
    people = Subscriber.objects.bulk_create(
        [
            Subscriber(
                email=key,
                email_key=key,
                email_hash=suppression.email_hash(key),
                name=f"Ann Reader {number}",
                attributes={"city": "Łódź"},
            )
            for number, key in enumerate(keys)
        ],
        batch_size=5_000,
    )
    Subscription.objects.bulk_create(
        [
            Subscription(subscriber=person, mailing_list=mailing_list, status="active")
            for person in people
        ],
        batch_size=5_000,
    )
    return mailing_list


def _campaign(mailing_list: "MailingList") -> float:
    """Return the seconds that a campaign takes, from the first claim to the last record."""
    from newsletter import campaigns
    from newsletter.sending import run

    story = "The tide comes in twice a day, and so does the fish. " * 3
    body = "Hello {{ subscriber.first_name }} ({{ subscriber.email }}),\n\n" + "\n\n".join(
        f"{story}[Read on](https://example.org/story/{number})" for number in range(LINKS)
    )
    campaign = campaigns.create(lists=[mailing_list], subject="June issue", body=body)
    campaigns.start(campaign.pk)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
        cursor.execute("ANALYZE")
    start = time.perf_counter()
    run.send(campaign.pk, seconds=600)
    taken = time.perf_counter() - start
    progress = campaigns.progress(campaign.pk)
    if progress.sent != PEOPLE:
        raise SystemExit(f"Not everybody was sent to: {progress}")
    return taken
