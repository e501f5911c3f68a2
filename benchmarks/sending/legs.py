"""What is measured, leg by leg: each returns its ratios, and prints its rounds as they end.

To be imported after django.setup only.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import NamedTuple

from benchmarks.report import Ratio, rate, say
from benchmarks.sending import campaign, delayed, django_mail, postfix, workers
from benchmarks.sending.campaign import Sent, medians
from benchmarks.sending.sizes import Sizes
from benchmarks.sending.workers import Workers
from newsletter.models import Edition, SendingServer


class _Setting(NamedTuple):
    workers: Workers
    ports: list[int]


def one_worker(sizes: Sizes) -> list[Ratio]:
    """One worker and one sink, against smtp-source on the same sink."""
    with _running(1) as setting:
        return _race(f"one worker, {sizes.people:,} mails", setting, sizes, aim=1.25)


def two_workers(sizes: Sizes) -> list[Ratio]:
    """Two workers and two sinks as two sending servers, against one smtp-source on one of them."""
    with _running(2) as setting, _as_servers(setting.ports):
        return _race(f"two workers, two sinks, {sizes.people:,} mails", setting, sizes, aim=2)


def against_django(sizes: Sizes) -> list[Ratio]:
    """One worker, against Django's EmailMultiAlternatives on one connection that is kept."""
    with _running(1) as setting:
        port = setting.ports[0]
        warm_up = campaign.send(sizes.warm_up, setting.workers)
        edition = Edition.objects.get(campaign_id=warm_up.campaign_id)
        django_mail.send(edition, port, sizes.django // 10)
        ours, reference = [], []
        for number in range(1, sizes.rounds + 1):
            reference.append(django_mail.send(edition, port, sizes.django) / sizes.django)
            sent = campaign.send(sizes.people, setting.workers)
            ours.append(sent.seconds / sizes.people)
            say(f"round {number}: {reference[-1] / ours[-1]:.1f}; ours {sent}")
    return [Ratio(
        f"the same, against Django's EmailMultiAlternatives ({sizes.django:,} mails)",
        rate(1, ours), rate(1, reference), _quotients(reference, ours), aim=20,
    )]  # fmt: skip


def over_a_delay(sizes: Sizes) -> list[Ratio]:
    """A server that is 20 ms away: with its PIPELINING, and with that hidden."""
    with postfix.sinks(1) as (port,):
        delayed.send(port, max(1, sizes.delayed // 10), pipelining=True)
        delayed.send(port, max(1, sizes.delayed // 10), pipelining=False)
        ours, reference = [], []
        for number in range(1, sizes.rounds + 1):
            reference.append(delayed.send(port, sizes.delayed, pipelining=False))
            ours.append(delayed.send(port, sizes.delayed, pipelining=True))
            say(f"round {number}: {ours[-1]:.2f} s, without PIPELINING {reference[-1]:.2f} s")
    return [Ratio(
        f"20 ms round trip, {sizes.delayed:,} mails, against no PIPELINING",
        rate(sizes.delayed, ours), rate(sizes.delayed, reference), _quotients(reference, ours),
        aim=3.5,
    )]  # fmt: skip


def a_million(sizes: Sizes) -> list[Ratio]:
    """The peak memory of a fresh worker over a campaign to very many, against one to few."""
    many, few = [], []
    for number in range(1, sizes.rounds + 1):
        campaign.forget()
        peaks = []
        for people in (sizes.few, sizes.many):
            with _running(1) as setting:
                sent = campaign.send(people, setting.workers)
                peaks.append(setting.workers.peak_memory() / 1024)
            say(f"round {number}: {people:,} people, peak {peaks[-1]:.1f} MB, {sent}")
        few.append(peaks[0])
        many.append(peaks[1])
    return [Ratio(
        f"memory of a worker, {sizes.many:,} people against {sizes.few:,}",
        f"{median(many):.1f} MB", f"{median(few):.1f} MB", _quotients(many, few),
        aim=1.1, at_most=True,
    )]  # fmt: skip


# --- what they share ------------------------------------------------------------------------


@contextmanager
def _running(count: int) -> Iterator[_Setting]:
    """As many sinks as workers. Without sending servers, all workers take the first."""
    campaign.forget()
    with (
        postfix.sinks(count) as ports,
        workers.running(count, f"smtp://127.0.0.1:{ports[0]}?tls=none") as running,
    ):
        yield _Setting(running, ports)


@contextmanager
def _as_servers(ports: list[int]) -> Iterator[None]:
    made = SendingServer.objects.bulk_create(
        SendingServer(
            name=f"Sink {number}",
            host="127.0.0.1",
            port=port,
            tls=SendingServer.Tls.NONE,
            connections=workers.CONNECTIONS,
        )
        for number, port in enumerate(ports, 1)
    )
    try:
        yield
    finally:
        SendingServer.objects.filter(id__in=[server.pk for server in made]).delete()


def _race(leg: str, setting: _Setting, sizes: Sizes, *, aim: float) -> list[Ratio]:
    """Let a campaign and smtp-source send the same number of mails of the same size in turn.

    smtp-source runs in both of its ways: a connection for each mail, and connections that are kept.
    """
    port = setting.ports[0]
    mail = campaign.render(campaign.send(sizes.warm_up, setting.workers).campaign_id)
    ours: list[Sent] = []
    references: dict[bool, list[float]] = {False: [], True: []}
    for keeps in references:
        postfix.race(port, sizes.warm_up, mail, keeps=keeps)
    for number in range(1, sizes.rounds + 1):
        for keeps, seconds in references.items():
            seconds.append(postfix.race(port, sizes.people, mail, keeps=keeps))
        ours.append(campaign.send(sizes.people, setting.workers))
        fresh, kept = (seconds[-1] / ours[-1].seconds for seconds in references.values())
        say(f"round {number}: {fresh:.2f} and {kept:.2f} of smtp-source; ours {ours[-1]}")
    taken = [sent.seconds for sent in ours]
    print(f"{leg} of {len(mail):,} bytes, medians of {sizes.rounds} rounds:\n{medians(ours)}")
    return [
        Ratio(
            f"{leg}, against smtp-source {'-d' if keeps else ''}".rstrip(),
            rate(sizes.people, taken), rate(sizes.people, seconds),
            _quotients(seconds, taken), None if keeps else aim,
        )
        for keeps, seconds in references.items()
    ]  # fmt: skip


def _quotients(above: list[float], below: list[float]) -> list[float]:
    return [dividend / divisor for dividend, divisor in zip(above, below, strict=True)]
