"""Machines whose every habit is drawn by lot, so that rules can be tried on thousands of kinds.

A habit here is something that machines in the field have; the mixture is chance. What no server
could tell from a person (one link, a current browser's full dress, another home each time) is not
drawn. Also people with habits drawn by lot: how fast they are, how many tabs, how many at once.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from tests.simulator import clients, people
from tests.simulator.campaign import GROUPS, Group
from tests.simulator.machines import SCANNER, maybe_read
from tests.simulator.strangers import cloud
from tests.simulator.traces import CANARY, Client, Mail, Trace, address, home, lognormal, scan_delay


class Habits(NamedTuple):
    """What a drawn machine does each time."""

    dress: str
    fleet: str  # one program; one for each mail; one for each hit
    places: str
    share: float  # of the mails that it touches
    when: str
    links: str
    pause: float  # seconds
    is_regular: bool
    method: str
    renders: bool
    finds_hidden: bool


def draw(random: Random) -> Habits:
    """Draw a machine that leaves at least something to know it by."""
    while True:
        habits = Habits(
            _one(random, bare=25, silent=15, old_way=10, full=25, old=15, phone=6, named=4),
            _one(random, one=50, mail=25, hit=25),
            _one(random, one=30, few=30, block=15, cloud=10, mail=10, hit=5),
            random.choice([1, 1, 1, 0.5, 0.2]),
            _one(random, scan=50, minutes=15, hours=15, opening=10, click=10),
            _one(random, one=15, same=15, first=10, ordered=30, shuffled=10, half=20),
            random.choice([0.1, 0.1, 0.5, 2, 5, 15, 40]),
            random.random() < 0.4,
            _one(random, GET=80, both=15, HEAD=5),
            random.random() < 0.25,
            random.random() < 0.1,
        )
        if not _is_indistinguishable(habits):
            return habits


def _one(random: Random, **weights: int) -> str:
    return random.choices(list(weights), list(weights.values()))[0]


def _is_indistinguishable(habits: Habits) -> bool:
    is_everywhere = habits.places in ("cloud", "mail", "hit")
    is_dressed = habits.dress in ("full", "phone", "old")
    is_alone = habits.links in ("one", "same", "first", "half") and habits.method == "GET"
    is_patient = habits.when in ("hours", "minutes", "opening") or habits.share < 1
    return is_everywhere and is_dressed and is_alone and is_patient and not habits.finds_hidden


def machine(random: Random, name: str = "drawn machine") -> Group:
    """Return a behaviour with habits drawn by lot."""
    habits = draw(random)

    def behave(trace: Trace, mails: list[Mail]) -> None:
        party = _Party(trace.random, habits)
        sweep = mails[-1].sent_at + trace.random.uniform(1, 12) * 3_600
        for mail in mails:
            if trace.random.random() > habits.share:
                maybe_read(trace, mail)
            elif habits.when in ("opening", "click"):
                _beside_a_reader(trace, mail, party, name)
            else:
                sweep += trace.random.uniform(0.5, 2) * min(habits.pause + 0.5, 5)
                at = sweep if habits.when == "hours" else mail.sent_at + _wait(trace.random, habits)
                _work(trace, mail, at, party, name)
                maybe_read(trace, mail)

    return behave


class _Party:
    """The programs and places of one machine."""

    def __init__(self, random: Random, habits: Habits) -> None:
        self.random, self.habits = random, habits
        self._client = self._dressed()
        maker = random.choice([home, cloud])
        self._networks = [maker(random) for _ in range(random.randint(2, 6))]
        self._mail = (self._client, home(random))

    def next_mail(self) -> None:
        self._mail = (self._dressed(), home(self.random))

    def client(self) -> Client:
        if self.habits.fleet == "hit":
            return self._dressed()
        return self._mail[0] if self.habits.fleet == "mail" else self._client

    def ip(self) -> str:
        random, places = self.random, self.habits.places
        if places == "hit":
            return address(random)
        if places == "block":
            part = ".".join(self._networks[0].split(".")[:2])
            return address(random, f"{part}.{random.randint(0, 255)}")
        if places == "cloud":
            return address(random, cloud(random))
        if places == "mail":
            return address(random, self._mail[1])
        return address(random, random.choice(self._networks[: 1 if places == "one" else None]))

    def _dressed(self) -> Client:
        random, dress = self.random, self.habits.dress
        if dress == "named":
            return clients.bare(random.choice(clients.CHECKERS))
        if dress == "phone":
            return clients.mobile(random)
        version = random.choice([90, 103, 109, 120]) if dress == "old" else None
        client = clients.chrome(random, random.choice(["windows", "mac", "linux"]), version)
        if dress == "bare":
            return clients.bare(client.agent)
        gone = {"silent": "accept-language", "old_way": "sec-"}.get(dress)
        for headers in client[1:] if gone else ():
            for header in [header for header in headers if header.startswith(str(gone))]:
                del headers[header]
        return client


def _wait(random: Random, habits: Habits) -> float:
    return scan_delay(random) if habits.when == "scan" else random.uniform(300, 2_400)


def _work(trace: Trace, mail: Mail, at: float, party: _Party, name: str) -> None:
    random, habits = trace.random, party.habits
    party.next_mail()
    if habits.renders:
        trace.add(SCANNER, name, mail, at, party.ip(), party.client())
        at += random.uniform(0.2, 30)
    for link in _chosen(random, mail, habits):
        _ask(trace, mail, at, party, name, link)
        at += habits.pause * (
            random.uniform(0.8, 1.2) if habits.is_regular else random.expovariate(1)
        )


def _ask(trace: Trace, mail: Mail, at: float, party: _Party, name: str, link: int) -> None:
    method, client = party.habits.method, party.client()
    if method != "GET":
        trace.add(SCANNER, name, mail, at, party.ip(), client, link, method="HEAD")
    if method != "HEAD":
        trace.add(SCANNER, name, mail, at + 0.05, party.ip(), client, link)


def _chosen(random: Random, mail: Mail, habits: Habits) -> list[int]:
    links = mail.links
    chosen = {
        "one": [random.choice(links)],
        "same": [links[-1]],
        "first": links[: random.randint(1, 3)],
        "half": [link for link in links if random.random() < 0.5] or [links[0]],
        "ordered": links,
        "shuffled": random.sample(links, len(links)),
    }[habits.links]
    return chosen + [CANARY] * habits.finds_hidden


def _beside_a_reader(trace: Trace, mail: Mail, party: _Party, name: str) -> None:
    """Work when a person opens the mail, or when they follow a link."""
    random, habits = trace.random, party.habits
    reader = people.some_reader(random)
    at = mail.sent_at + people.first_look(random)
    people.load_pictures(trace, mail, reader, at, "beside a drawn machine")
    if habits.when == "opening":
        _work(trace, mail, at + random.uniform(0.2, 4), party, name)
        if random.random() < 0.4:
            at += 8 + lognormal(random, 20, 0.8)
            people.follow(trace, mail, reader, at, "beside a drawn machine")
        return
    party.next_mail()
    at += 3 + lognormal(random, 12, 0.9)
    for link in random.sample(mail.links, random.choice([0, 1, 1, 2])):
        trace.add(people.HUMAN, "beside a drawn machine", mail, at, reader.ip, reader.browser, link)
        _ask(trace, mail, at + random.uniform(0.5, 20), party, name, link)
        at += 5 + lognormal(random, 25, 0.9)


def person(random: Random, name: str = "drawn person") -> Group:
    """Return people with habits drawn by lot: quick or slow, alone or many in one place."""
    pace, tabs = random.choice([0.6, 1, 2, 8, 30]), random.choice([1, 1, 1, 2, 4, 7])
    together, delay = random.random() < 0.4, random.choice([30, 300, 9_000, 9_000, 90_000])
    on_mobile, spread = random.random() < 0.5, random.choice([0.5, 1.0, 1.7])

    def behave(trace: Trace, mails: list[Mail]) -> None:
        random = trace.random
        network = home(random)
        browser = (clients.mobile if on_mobile else clients.desktop)(random)
        for mail in mails:
            ip = address(random, network if together else None)
            reader = people.some_reader(random, ip, on_mobile)
            if together and not on_mobile:
                reader = reader._replace(browser=browser)
            people.prefetch(trace, mail, reader)
            at = mail.sent_at + 8 + lognormal(random, delay, spread)
            people.load_pictures(trace, mail, reader, at, name)
            at += 3 + lognormal(random, 10, 0.8)
            for link in random.sample(mail.links, min(len(mail.links), random.randint(1, tabs))):
                trace.add(people.HUMAN, name, mail, at, reader.ip, reader.browser, link)
                at += 0.3 + lognormal(random, pace, 0.7)

    return behave


def drawn(seed: int) -> dict[Group, tuple[int, int, int]]:
    """Return the groups of a campaign: eight drawn machines, two kinds of drawn people, offices."""
    return dict(_drawn(Random(seed)))


def _drawn(random: Random) -> Iterator[tuple[Group, tuple[int, int, int]]]:
    for _ in range(8):
        yield machine(random), (2, 2, 40)
    for _ in range(2):
        yield person(random), (2, 1, 12)
    for group in list(GROUPS)[:2]:
        yield group, GROUPS[group]
