"""Scanners that the rules were not written for: made after the rules were frozen.

What they score is told in docs/verdicts.md as it was first measured, and what was learnt from it.
"""

from tests.simulator import clients, people
from tests.simulator.campaign import Group
from tests.simulator.machines import SCANNER
from tests.simulator.traces import Mail, Trace, address, home, lognormal, scan_delay


def night_rescan(trace: Trace, mails: list[Mail]) -> None:
    """Look at each mail once more in the night: one link or two, one mail after the other."""
    random = trace.random
    network, client = home(random), clients.chrome(random, "windows")
    at = mails[-1].sent_at + random.uniform(6, 30) * 3_600
    for mail in mails:
        for link in random.sample(mail.links, random.choice([1, 1, 2])):
            at += random.uniform(0.2, 1.5)
            trace.add(SCANNER, "night rescan", mail, at, address(random, network), client, link)
        people.read(trace, mail, people.some_reader(random), "desktop")


def three_looks(trace: Trace, mails: list[Mail]) -> None:
    """Look at one link of each mail from three places, half a minute apart."""
    random = trace.random
    networks = [home(random) for _ in range(3)]
    client = clients.chrome(random, "windows", 118)
    for name in [name for name in client.page if name.startswith("sec-")]:
        del client.page[name]
    for mail in mails:
        at, link = mail.sent_at + scan_delay(random), random.choice(mail.links)
        for network in networks:
            trace.add(SCANNER, "three looks", mail, at, address(random, network), client, link)
            at += random.uniform(15, 60)
        people.read(trace, mail, people.some_reader(random), "desktop")


def telephone_guard(trace: Trace, mails: list[Mail]) -> None:
    """Look at all links from the reader's own telephone when they open the mail."""
    random = trace.random
    for mail in mails:
        reader = people.some_reader(random, on_mobile=True)
        guard = clients.webview(random)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "mobile")
        later = at + 5
        for link in mail.links:
            later += random.uniform(0.3, 1.2)
            trace.add(SCANNER, "telephone guard", mail, later, reader.ip, guard, link)
        if random.random() < 0.4:
            at = max(at + lognormal(random, 14, 0.8), later + 2)
            people.follow(trace, mail, reader, at, "behind a guard")


def archive_robot(trace: Trace, mails: list[Mail]) -> None:
    """Fetch all links of a mail hours later, one after the other, to keep what they led to."""
    random = trace.random
    network, client = home(random), clients.firefox(random)
    for mail in mails:
        at = mail.sent_at + random.uniform(1, 8) * 3_600
        for link in mail.links:
            trace.add(SCANNER, "archive robot", mail, at, address(random, network), client, link)
            at += random.uniform(2, 6)
        people.read(trace, mail, people.some_reader(random), "desktop")


def hired_homes(trace: Trace, mails: list[Mail]) -> None:
    """Fetch each link once within minutes, each from another home in another browser's dress."""
    random = trace.random
    for mail in mails:
        for link in mail.links:
            at = mail.sent_at + random.uniform(20, 240)
            client = clients.desktop(random)
            trace.add(SCANNER, "hired homes", mail, at, address(random), client, link)
        people.read(trace, mail, people.some_reader(random), "desktop")


def second_opinion(trace: Trace, mails: list[Mail]) -> None:
    """Look at the first link at once, and again as a telephone from elsewhere."""
    random = trace.random
    networks = [home(random), home(random)]
    first, second = clients.chrome(random, "linux"), clients.iphone(random)
    for mail in mails:
        at, link = mail.sent_at + random.uniform(5, 15), mail.links[0]
        trace.add(SCANNER, "second opinion", mail, at, address(random, networks[0]), first, link)
        at += random.uniform(30, 70)
        trace.add(SCANNER, "second opinion", mail, at, address(random, networks[1]), second, link)
        people.read(trace, mail, people.some_reader(random), "desktop")


def sampling_gateway(trace: Trace, mails: list[Mail]) -> None:
    """Open each mail as a browser does, and follow some of its links at a reader's pace."""
    random = trace.random
    network, client = home(random), clients.chrome(random, "mac")
    for mail in mails:
        at = mail.sent_at + random.uniform(60, 300)
        trace.add(SCANNER, "sampling gateway", mail, at, address(random, network), client)
        for link in [link for link in mail.links if random.random() < 0.4]:
            at += random.uniform(3, 15)
            trace.add(SCANNER, "sampling gateway", mail, at, address(random, network), client, link)
        people.read(trace, mail, people.some_reader(random), "desktop")


def impatient(trace: Trace, mails: list[Mail]) -> None:
    """Ask for one link again and again within seconds, from one address."""
    random = trace.random
    client = clients.chrome(random, "linux")
    for mail in mails:
        at, ip = mail.sent_at + random.uniform(30, 20_000), address(random)
        link = random.choice(mail.links)
        for _ in range(random.randint(4, 8)):
            trace.add(SCANNER, "impatient", mail, at, ip, client, link)
            at += random.uniform(0.5, 4)
        people.read(trace, mail, people.some_reader(random), "desktop")


def public_archive(trace: Trace, mails: list[Mail]) -> None:
    """Find a mail's copy on the web days later: all links, from many addresses, over an hour."""
    random = trace.random
    client = clients.chrome(random, "windows", 140)
    for name in [name for name in client.page if name.startswith("sec-")]:
        del client.page[name]
    for mail in mails[:5]:
        start = mail.sent_at + random.uniform(1, 9) * 86_400
        for link in mail.links:
            at = start + random.uniform(0, 3_600)
            trace.add(SCANNER, "public archive", mail, at, address(random), client, link)
        people.read(trace, mail, people.some_reader(random), "desktop")


Groups = dict[Group, tuple[int, int, int]]
FIRST: Groups = {night_rescan: (1, 5, 60), three_looks: (1, 5, 40), telephone_guard: (1, 5, 40)}
SECOND: Groups = {archive_robot: (1, 5, 40), hired_homes: (1, 5, 40), second_opinion: (1, 5, 40)}
THIRD: Groups = {sampling_gateway: (1, 5, 40), impatient: (1, 5, 40), public_archive: (1, 5, 40)}
