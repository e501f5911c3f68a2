"""One campaign of the measurement: made, started, watched until it is finished, and checked."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median

from django.db import connection

from benchmarks.report import Incomplete
from benchmarks.sending import place
from benchmarks.sending.workers import Workers, machine_seconds
from newsletter import campaigns
from newsletter.composing import CompiledMessage, Person
from newsletter.models import Campaign, Edition
from newsletter.progress import progress
from subscribers.models import MailingList

LINKS = 8
LOOK_EVERY = 0.1  # seconds: to look costs the processors that the workers need
PATIENCE = 60.0  # seconds without one more mail
STORY = "The tide comes in twice a day, and so does the fish. "  # as long as makes 10 KB


@dataclass(frozen=True, slots=True)
class Sent:
    """What one campaign took: in seconds, all but `start` from when `campaigns.start` returned."""

    campaign_id: int
    seconds: float  # until it was finished, as its row says
    first_claim: float
    first_mail: float  # accepted
    last_mail: float
    last_batch: float  # recorded
    start: float  # what `campaigns.start` itself took: compile, freeze content and audience
    cpu: float  # microseconds of the workers' processor time for each mail
    machine: float  # the same of everything on this machine, sink and PostgreSQL included

    def __str__(self) -> str:
        return (
            f"{self.seconds:.2f} s (first claim {self.first_claim:.2f}, first mail "
            f"{self.first_mail:.2f}, last mail {self.last_mail:.2f}, last batch "
            f"{self.last_batch:.2f}), {self.cpu:.1f} us of CPU a mail in the workers, "
            f"{self.machine:.1f} on the whole machine; the start before took {self.start:.2f} s"
        )


def medians(all_sent: Sequence[Sent]) -> str:
    """Return each figure's median over some campaigns, in words."""
    names = [field.name for field in fields(Sent)]
    return str(Sent(*(median(getattr(sent, name) for sent in all_sent) for name in names)))


def make(people: int) -> int:
    """Make a draft to so many people, personal in a few places. Returns its id."""
    body = "Hello {{ subscriber.first_name }} ({{ subscriber.email }}),\n\n" + "\n\n".join(
        f"{STORY * 2}[Read on](https://example.org/story/{number})" for number in range(LINKS)
    )
    mailing_list = MailingList.objects.get(id=place.list_of(people))
    return campaigns.create(lists=[mailing_list], subject="June issue", body=body).pk


def render(campaign_id: int) -> bytes:
    """Return one mail of a started campaign, as it goes over the wire."""
    person = Person(1, "reader1@example.org", "Ann Reader 1", {"city": "Łódź"}, "en")
    edition = Edition.objects.get(campaign_id=campaign_id)
    return CompiledMessage(edition).render(person).data


def send(people: int, workers: Workers) -> Sent:
    """Send one campaign by workers that are running. Raises Incomplete."""
    campaign_id = make(people)
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")  # that of the round before is not this one's
    machine, cpu = machine_seconds(), workers.cpu_seconds()
    before = time.perf_counter()
    campaigns.start(campaign_id)
    start, clock = time.perf_counter() - before, time.time()
    _wait(campaign_id, workers)
    used = workers.cpu_seconds() - cpu, machine_seconds() - machine
    check(campaign_id, people)
    first_claim, first_mail, last_mail, last_batch, end = (
        moment - clock for moment in _moments(campaign_id)
    )
    return Sent(
        campaign_id,
        end,
        first_claim,
        first_mail,
        last_mail,
        last_batch,
        start,
        *(taken / people * 1e6 for taken in used),
    )


def _wait(campaign_id: int, workers: Workers) -> None:
    seen, seen_at = -1, time.monotonic()
    looked_at = seen_at
    campaign = Campaign.objects.filter(id=campaign_id).values_list("status", flat=True)
    while (status := campaign.get()) != Campaign.Status.FINISHED:
        time.sleep(LOOK_EVERY)
        workers.check()
        now = time.monotonic()
        if now - looked_at < 5:
            continue
        looked_at = now
        so_far = progress(campaign_id)
        if so_far.sent > seen:
            seen, seen_at = so_far.sent, now
        if now - seen_at > PATIENCE or status not in ("running", "finished"):
            raise Incomplete(f"the campaign does not go on: {so_far}")


def check(campaign_id: int, people: int) -> None:
    """Raise Incomplete unless everybody was sent to, and each of them is recorded."""
    at_end = progress(campaign_id)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*), count(DISTINCT subscriber_id) FROM newsletter_delivery"
            " WHERE campaign_id = %s AND status = 'sent'",
            [campaign_id],
        )
        found = cursor.fetchone()
    if not (at_end.audience == at_end.sent == people and found == (people, people)):
        raise Incomplete(f"of {people} people, {found} are recorded, and the sum is {at_end}")


def forget() -> None:
    """Empty what campaigns leave behind, so that each leg begins with the same tables."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE newsletter_batch, newsletter_delivery CASCADE")


_MOMENTS = """
    SELECT extract(epoch FROM min(b.claimed_at)),
           (SELECT extract(epoch FROM min(at)) FROM newsletter_delivery WHERE campaign_id = %(id)s),
           (SELECT extract(epoch FROM max(at)) FROM newsletter_delivery WHERE campaign_id = %(id)s),
           extract(epoch FROM max(b.done_at)),
           (SELECT extract(epoch FROM finished_at) FROM newsletter_campaign WHERE id = %(id)s)
    FROM newsletter_batch b
    WHERE b.campaign_id = %(id)s
"""


def _moments(campaign_id: int) -> list[float]:
    with connection.cursor() as cursor:
        cursor.execute(_MOMENTS, {"id": campaign_id})
        return [float(moment) for moment in cursor.fetchone() or ()]
