"""Machines that go through stored mail hours later, and people who come all at once.

Written after a fifth author's sweep of mailboxes: the links of one mail, then those of the next,
in a browser's full dress. The people are those who might be taken for one.
"""

from collections.abc import Callable
from random import Random

from tests.simulator import clients, people
from tests.simulator.campaign import Group
from tests.simulator.machines import SCANNER, maybe_read
from tests.simulator.strangers import cloud
from tests.simulator.traces import Mail, Trace, address, home, lognormal

_HOUR = 3_600.0


def _sweep(name: str, pause: Callable[[Random], float], most: int) -> Group:
    """Return a machine that takes mail after mail, in any order, with `pause` between two hits.

    It has up to `most` workers and as many networks.
    """

    def behave(trace: Trace, mails: list[Mail]) -> None:
        random = trace.random
        networks = [random.choice([home, cloud])(random) for _ in range(random.randint(1, most))]
        client = clients.chrome(random, random.choice(["windows", "mac"]))
        renders = random.random() < 0.5
        start = mails[-1].sent_at + random.uniform(2, 30) * _HOUR
        free = [start] * random.randint(1, most)  # when each worker takes the next mail
        for mail in random.sample(mails, len(mails)):
            worker = free.index(min(free))
            at, ip = free[worker], address(random, random.choice(networks))
            if renders:
                trace.add(SCANNER, name, mail, at, ip, client)
                at += pause(random)
            for link in random.sample(mail.links, min(len(mail.links), random.randint(1, 4))):
                trace.add(SCANNER, name, mail, at, ip, client, link)
                at += pause(random)
            free[worker] = at + random.uniform(2, 40)
            maybe_read(trace, mail)

    return behave


# Some workers who are done with each mail in seconds; one who takes as long as a person.
swift_sweep = _sweep("swift sweep", lambda random: lognormal(random, 2.5, 0.6), 3)
patient_sweep = _sweep("patient sweep", lambda random: 3 + lognormal(random, 12, 0.6), 1)


def next_day(trace: Trace, mails: list[Mail]) -> None:
    """Look at each mail a day after it came, at one link or two."""
    random = trace.random
    network, client = cloud(random), clients.chrome(random, "windows")
    for mail in mails:
        at = mail.sent_at + 24 * _HOUR + lognormal(random, 300, 1.0)
        ip = address(random, network)
        trace.add(SCANNER, "next day", mail, at, ip, client)
        for link in random.sample(mail.links, random.randint(1, 2)):
            at += random.uniform(1, 6)
            trace.add(SCANNER, "next day", mail, at, ip, client, link)
        maybe_read(trace, mail)


def talk_of_the_office(trace: Trace, mails: list[Mail]) -> None:
    """Read within minutes what a colleague has just mentioned, in an office with one browser."""
    random = trace.random
    network, browser = home(random), clients.desktop(random)
    start = mails[-1].sent_at + random.uniform(1, 28) * _HOUR
    for mail in mails:
        pictures = random.choice(["blocked", "program", "outlook", "itself", "itself"])
        reader = people.Reader(address(random, network), browser, pictures)
        _read_at(trace, mail, reader, start + lognormal(random, 120, 0.8), "talk of the office")


def several_mailboxes(trace: Trace, mails: list[Mail]) -> None:
    """Go through one's own mailboxes, one after the other."""
    random, name = trace.random, "several mailboxes"
    reader = people.some_reader(random, on_mobile=False)
    at = mails[-1].sent_at + people.first_look(random)
    for mail in mails:
        people.load_pictures(trace, mail, reader, at, name)
        for link in random.sample(mail.links, random.randint(1, 2)):
            at += random.uniform(4, 30)
            trace.add(people.HUMAN, name, mail, at, reader.ip, reader.browser, link)
        at += random.uniform(5, 60)


def _read_at(trace: Trace, mail: Mail, reader: people.Reader, at: float, name: str) -> None:
    people.load_pictures(trace, mail, reader, at, name)
    people.follow(trace, mail, reader, at + 2 + lognormal(trace.random, 12, 0.9), name)


# Behaviour -> how often, and the number of its people.
STORED: dict[Group, tuple[int, int, int]] = {
    swift_sweep: (2, 20, 60),
    patient_sweep: (1, 30, 60),
    next_day: (1, 20, 60),
    people.office: (1, 5, 60),
    people.carrier: (1, 40, 120),
    talk_of_the_office: (2, 8, 25),
    several_mailboxes: (1, 3, 6),
}
