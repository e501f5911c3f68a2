"""Several mail servers, many people, and runs that go on while a test does something else."""

import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

from django.db import connection

from newsletter import due
from newsletter.models import Campaign, SendingServer
from newsletter.sending import run
from newsletter.sending.run import Result
from subscribers import addresses, suppression
from subscribers.models import MailingList, Subscriber, Subscription
from tests.factories import make_list
from tests.sending.sink import Mail, Sink

LONG = 120.0  # seconds; so that only what never comes is waited for in vain, however busy all is

# Limits stand in Redis under these numbers, for a day, and for other processes' tests too.
_unused = count(time.time_ns() // 1000)


def unused() -> int:
    """Return a number under which Redis knows nothing."""
    return next(_unused)


def make_server(sink: Sink, **fields: Any) -> SendingServer:
    """Make the row of a server."""
    number = unused()
    return SendingServer.objects.create(
        **{
            "pk": number,
            "name": f"Server {number}",
            "host": "127.0.0.1",
            "port": sink.port,
            "tls": "none",
            **fields,
        }
    )


def crowd(
    people: int, domain: str = "example.org", mailing_list: MailingList | None = None
) -> MailingList:
    """Put many people with addresses in `domain` on a list."""
    mailing_list = mailing_list or make_list()
    emails = [f"r{unused()}@{domain}" for _ in range(people)]
    keys = [addresses.parse(email).key for email in emails]
    made = Subscriber.objects.bulk_create(
        Subscriber(email=email, email_key=key, email_hash=suppression.email_hash(key))
        for email, key in zip(emails, keys, strict=True)
    )
    Subscription.objects.bulk_create(
        Subscription(subscriber=person, mailing_list=mailing_list, status="active")
        for person in made
    )
    return mailing_list


class Going(threading.Thread):
    """A run on a thread of its own, which is asked to stop at the end of the block."""

    def __init__(self, *chosen: Campaign, seconds: float = LONG) -> None:
        super().__init__(daemon=True)
        self._ids = [campaign.pk for campaign in chosen]
        self._seconds = seconds
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self.result: Result | None = None

    def run(self) -> None:
        try:
            self.result = run.send(
                *self._ids, seconds=self._seconds, is_stopping=self._stopping.is_set
            )
        except BaseException as error:
            self._error = error
        finally:
            connection.close()

    def __enter__(self) -> "Going":
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
        self.wait()

    def stop(self) -> None:
        """Ask it to stop, as SIGTERM does."""
        self._stopping.set()

    def wait(self, seconds: float = LONG) -> Result:
        """Wait for its end."""
        self.join(seconds)
        assert not self.is_alive(), "the run goes on and on"
        if self._error is not None:
            raise self._error
        assert self.result is not None
        due.finish_complete()
        return self.result


def wait_until(is_so: Callable[[], object], seconds: float = LONG) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "it did not come to be so"
        time.sleep(0.01)


def mails(sinks: Iterable[Sink]) -> list[Mail]:
    """Return what all servers have accepted, in order."""
    return sorted((mail for sink in sinks for mail in sink.mails), key=lambda mail: mail.at)


def doubled(*sinks: Sink) -> list[str]:
    """Return who got more than one mail, from whichever servers."""
    everybody = [mail.recipient for mail in mails(sinks)]
    return [who for who in set(everybody) if everybody.count(who) > 1]


def ahead(sinks: Iterable[Sink], per_second: float, since: float, to: str = "") -> float:
    """Return by how many mails, at most, the mails to a domain were ahead of an even pace.

    `since`: a moment (time.time) before the first. Mails may come later than they were let go,
    when the machine is busy, and never earlier: so no load makes this larger.
    """
    moments = [mail.at for mail in mails(sinks) if mail.recipient.endswith(to)]
    return max(
        (number - per_second * (moment - since) for number, moment in enumerate(moments, start=1)),
        default=0.0,
    )
