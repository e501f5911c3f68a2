"""Machines that open and click: gateways, checkers, previews."""

from random import Random

from tests.simulator import clients, people
from tests.simulator.traces import CANARY, Mail, Trace, address, home, scan_delay

SCANNER = "scanner"


def gateway_burst(trace: Trace, mails: list[Mail]) -> None:
    """Follow all links of each mail within seconds, from some addresses, GET and HEAD mixed."""
    random = trace.random
    networks = [home(random) for _ in range(random.choice([1, 1, 2, 3]))]
    sees_hidden, mixes, renders = (random.random() < p for p in (0.5, 0.35, 0.4))
    several = random.random() < 0.4
    client = clients.disguised(random)
    for mail in mails:
        at = mail.sent_at + scan_delay(random)
        if renders:
            trace.add(SCANNER, "gateway burst", mail, at, _ip(random, networks), client)
        links = mail.links + [CANARY] * sees_hidden
        random.shuffle(links)
        for link in links:
            at += random.expovariate(8)
            program = clients.disguised(random) if several else client
            if mixes and random.random() < 0.5:
                trace.add(SCANNER, "gateway burst", mail, at, _ip(random, networks), program, link,
                          method="HEAD")  # fmt: skip
                at += random.uniform(0.05, 0.5)
            trace.add(SCANNER, "gateway burst", mail, at, _ip(random, networks), program, link)
        maybe_read(trace, mail)


def known_gateway(trace: Trace, mails: list[Mail]) -> None:
    """Follow links from a network that the maker of the gateway has published."""
    random = trace.random
    network = random.choice(["40.94.27", "104.47.9", "209.222.82", "205.220.165", "207.211.30"])
    for mail in mails:
        at = mail.sent_at + scan_delay(random)
        for link in random.sample(mail.links, random.randint(1, len(mail.links))):
            client = clients.disguised(random)
            trace.add(SCANNER, "known gateway", mail, at, address(random, network), client, link)
            at += random.uniform(0.1, 4)
        maybe_read(trace, mail)


def single_link(trace: Trace, mails: list[Mail]) -> None:
    """Follow one link of each mail, soon after the hand-over."""
    random = trace.random
    network, client = home(random), clients.disguised(random)
    for mail in mails:
        at = mail.sent_at + scan_delay(random)
        link = random.choice(mail.links)
        trace.add(SCANNER, "single link", mail, at, address(random, network), client, link)
        maybe_read(trace, mail)


def slow_sweep(trace: Trace, mails: list[Mail]) -> None:
    """Follow all links of each mail, one after the other, over minutes."""
    random = trace.random
    networks = [home(random) for _ in range(random.choice([1, 1, 2, 4]))]
    client = clients.disguised(random)
    pause, is_regular = random.uniform(8, 45), random.random() < 0.5
    for mail in mails:
        at = mail.sent_at + scan_delay(random)
        for link in mail.links:
            trace.add(SCANNER, "slow sweep", mail, at, _ip(random, networks), client, link)
            at += random.uniform(0.8, 1.2) * pause if is_regular else random.expovariate(1 / pause)
        maybe_read(trace, mail)


def link_checker(trace: Trace, mail: Mail) -> None:
    """Ask for each link with HEAD, for some with GET as well."""
    random = trace.random
    ip, client = address(random), clients.bare(random.choice(clients.CHECKERS))
    at = mail.sent_at + random.uniform(30, 80_000)
    for link in mail.links:
        at += random.uniform(0.05, 3)
        trace.add(SCANNER, "link checker", mail, at, ip, client, link, method="HEAD")
        if random.random() < 0.4:
            trace.add(SCANNER, "link checker", mail, at + 0.2, ip, client, link)


def preview(trace: Trace, mail: Mail) -> None:
    """Share a link of one's own in a chat, which fetches it to show what it is."""
    random = trace.random
    reader = people.some_reader(random)
    people.read(trace, mail, reader, "desktop", clicking=1.0)
    at = mail.sent_at + people.first_look(random) + 60
    client = clients.bare(random.choice(clients.PREVIEWS))
    for _ in range(random.choice([1, 1, 2, 3])):
        link = random.choice(mail.links)
        trace.add("preview", "chat preview", mail, at, address(random), client, link)
        at += random.uniform(0.1, 5)


def maybe_read(trace: Trace, mail: Mail) -> None:
    """Let the person behind the gateway read as well."""
    reader = people.some_reader(trace.random, on_mobile=False)
    if trace.random.random() < 0.5:
        people.read(trace, mail, reader, "behind a gateway", clicking=0.4)
    else:
        people.prefetch(trace, mail, reader)


def _ip(random: Random, networks: list[str]) -> str:
    return address(random, random.choice(networks))
