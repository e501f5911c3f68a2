"""Machines and people after six sets that somebody wrote who had not seen the rules.

Here is what each does, in short; docs/verdicts.md tells what the sets themselves scored at first.
"""

from tests.simulator import clients, people
from tests.simulator.campaign import Group
from tests.simulator.machines import SCANNER, maybe_read
from tests.simulator.strangers import cloud
from tests.simulator.traces import CANARY, Client, Mail, Trace, address, home, lognormal


def _without(client: Client, *beginnings: str) -> Client:
    page, picture = (
        {name: value for name, value in headers.items() if not name.startswith(beginnings)}
        for headers in client[1:]
    )
    return Client(client.agent, page, picture)


def fetched_before(trace: Trace, mails: list[Mail]) -> None:
    """Fetch a link that a reader follows a moment before the reader's browser does."""
    random, name = trace.random, "fetched before"
    networks = [cloud(random) for _ in range(3)]
    client = _without(clients.chrome(random, "windows", 120), "sec-")
    for mail in mails:
        reader = people.some_reader(random)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "fetched before them")
        at += 3 + lognormal(random, 12, 0.9)
        for link in random.sample(mail.links, random.choice([0, 1, 1, 2])):
            ip = address(random, random.choice(networks))
            if random.random() < 0.5:
                trace.add(SCANNER, name, mail, at - 0.2, ip, client, link, method="HEAD")
            trace.add(SCANNER, name, mail, at, ip, client, link)
            at += random.uniform(0.25, 6)
            trace.add(people.HUMAN, "fetched before them", mail, at, reader.ip, reader.browser,
                      link)  # fmt: skip
            at += 5 + lognormal(random, 25, 0.9)


def second_engine(trace: Trace, mails: list[Mail]) -> None:
    """Render mails minutes later, follow some links, and look again as a telephone."""
    random, name = trace.random, "second engine"
    networks = [cloud(random) for _ in range(2)]
    for mail in mails:
        client = clients.chrome(random, "windows")
        at = mail.sent_at + random.uniform(120, 720)
        trace.add(SCANNER, name, mail, at, address(random, random.choice(networks)), client)
        for link in random.sample(mail.links, min(len(mail.links), random.randint(0, 3))):
            at += random.uniform(2.5, 9)
            ip = address(random, random.choice(networks))
            trace.add(SCANNER, name, mail, at, ip, client, link)
        if random.random() < 0.2:
            ip = address(random, random.choice(networks))
            at += random.uniform(300, 3_600)
            trace.add(SCANNER, name, mail, at, ip, clients.iphone(random),
                      random.choice(mail.links))  # fmt: skip
        maybe_read(trace, mail)


def walking_appliance(trace: Trace, mails: list[Mail]) -> None:
    """Follow most links slowly, from the address of the office whose mail it looks at."""
    random, name = trace.random, "walking appliance"
    ip, client = address(random), clients.chrome(random, "windows", brand=" Edg/")
    at = mails[0].sent_at
    for mail in mails:
        at = max(at, mail.sent_at) + random.uniform(10, 30)
        moment = at
        for link in random.sample(mail.links, max(1, round(len(mail.links) * 0.75))):
            trace.add(SCANNER, name, mail, moment, ip, client, link)
            moment += random.uniform(5, 30)
        if random.random() < 0.2:
            trace.add(SCANNER, name, mail, moment, ip, client, CANARY)
        if random.random() < 0.5:
            reader = people.some_reader(random, ip)
            people.read(trace, mail, reader, "beside an appliance", clicking=0.4)


def provider_check(trace: Trace, mails: list[Mail]) -> None:
    """Fetch one link of some mails, from many addresses of one network, saying little."""
    random, name = trace.random, "provider's check"
    network = home(random)
    for mail in mails:
        if random.random() < 0.4:
            client = _without(clients.chrome(random, "android"), "sec-", "accept-language")
            at = mail.sent_at + random.uniform(15, 1_500)
            ip = address(random, network)
            trace.add(SCANNER, name, mail, at, ip, client, random.choice(mail.links))
        maybe_read(trace, mail)


def farm(trace: Trace, mails: list[Mail]) -> None:
    """Follow all links from the last to the first, each from another place and browser."""
    random, name = trace.random, "farm"
    networks = [cloud(random) for _ in range(6)]
    for mail in mails:
        at = mail.sent_at + random.uniform(25, 210)
        for link in reversed(mail.links):
            ip = address(random, random.choice(networks))
            trace.add(SCANNER, name, mail, at, ip, clients.desktop(random), link)
            at += random.uniform(3, 12)
        maybe_read(trace, mail)


def computer_room(trace: Trace, mails: list[Mail]) -> None:
    """Open the mail in a lesson, and follow the same link within two minutes, all alike."""
    random, name = trace.random, "computer room"
    network, browser = home(random), clients.chrome(random, "linux")
    lesson, link = mails[-1].sent_at + random.uniform(20, 50) * 3_600, random.choice(mails[0].links)
    for mail in mails[:30]:
        reader = people.Reader(
            address(random, network), browser, random.choice(["gmail", "itself"])
        )
        people.load_pictures(trace, mail, reader, lesson + random.uniform(0, 240), name)
        trace.add(people.HUMAN, name, mail, lesson + random.uniform(245, 365), reader.ip, browser,
                  link)  # fmt: skip


def tab_opener(trace: Trace, mails: list[Mail]) -> None:
    """Open some stories in tabs, from the top to the bottom."""
    random, name = trace.random, "tab opener"
    for mail in mails:
        reader = people.some_reader(random, on_mobile=False)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, name)
        at += 4 + lognormal(random, 15, 0.8)
        for link in mail.links[: random.randint(3, 8)]:
            trace.add(people.HUMAN, name, mail, at, reader.ip, reader.browser, link)
            at += random.uniform(0.4, 6)


# Behaviour -> how often, and the number of its people.
BLIND: dict[Group, tuple[int, int, int]] = {
    fetched_before: (1, 10, 60),
    second_engine: (1, 10, 60),
    walking_appliance: (1, 10, 40),
    provider_check: (1, 20, 80),
    farm: (1, 5, 40),
    computer_room: (1, 25, 30),
    tab_opener: (1, 1, 6),
}
