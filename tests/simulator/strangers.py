"""Twelve machines as they are deployed, written without a look at the rules, and one more.

Sources: reports of senders in public trackers (bursts a median of 43 s after hand-over with the
picture some 30 s before; pairs of agents from a cloud on one link of the footer; old Chromes from
a cloud; fetches before and after a person's own click), and the manuals of gateways.
"""

from collections.abc import Callable
from random import Random

from tests.simulator import clients, people
from tests.simulator.machines import SCANNER, maybe_read
from tests.simulator.traces import CANARY, Client, Mail, Trace, address, home, lognormal, scan_delay

_CLOUDS = [(3, 80, 95), (18, 204, 236), (34, 192, 239), (35, 153, 175), (52, 2, 95), (54, 80, 95),
           (20, 36, 127), (13, 64, 107), (34, 64, 127), (104, 196, 199)]  # fmt: skip
_OLD_CHROMES = [79, 80, 96, 97, 103, 113, 120]


def cloud(random: Random) -> str:
    """Return a network that a host of servers lets to anybody."""
    first, least, most = random.choice(_CLOUDS)
    return f"{first}.{random.randint(least, most)}.{random.randint(0, 255)}"


def _without(client: Client, *names: str) -> Client:
    page, picture = (
        {name: value for name, value in headers.items() if name not in names}
        for headers in client[1:]
    )
    return Client(client.agent, page, picture)


def _with(client: Client, **headers: str) -> Client:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Client(client.agent, {**client.page, **more}, {**client.picture, **more})


def cloud_detonation(trace: Trace, mails: list[Mail]) -> None:
    """Render most mails in a headless Chrome of a cloud, which its client hints still name."""
    random, name = trace.random, "cloud detonation"
    networks = [cloud(random) for _ in range(random.randint(3, 8))]
    for mail in mails:
        if random.random() < 0.6:
            version = random.choice(_OLD_CHROMES)
            client = _with(
                clients.chrome(random, "windows", version),
                sec_ch_ua=f'"Not A;Brand";v="99", "HeadlessChrome";v="{version}"',
                accept_language="en-US",
            )
            ip = address(random, random.choice(networks))
            at = mail.sent_at + lognormal(random, 9, 0.6)
            trace.add(SCANNER, name, mail, at, ip, client)
            at += lognormal(random, 33, 0.5)
            for link in random.sample(mail.links, random.randint(1, len(mail.links))):
                ip = address(random, random.choice(networks))
                trace.add(SCANNER, name, mail, at, ip, client, link)
                at += random.uniform(0.02, 6)
        maybe_read(trace, mail)


def pairs_on_one_link(trace: Trace, mails: list[Mail]) -> None:
    """Follow the same link of each copy twice, as Linux and as Windows, from all over a cloud."""
    random, name = trace.random, "pairs on one link"
    place = random.choice([-1, -1, 0])
    for mail in mails:
        at = mail.sent_at + random.choice([scan_delay(random), random.uniform(60, 2_400)])
        version = clients.CHROME_NOW - random.randint(5, 30)
        for system in ("linux", "windows"):
            client = clients.chrome(random, system, version)
            ip = address(random, cloud(random))
            trace.add(SCANNER, name, mail, at, ip, client, mail.links[place])
            at += random.uniform(0.005, 0.4)
        maybe_read(trace, mail)


def own_appliance(trace: Trace, mails: list[Mail]) -> None:
    """Ask for links with HEAD and follow some, from the address that the readers share."""
    random, name = trace.random, "own appliance"
    network = home(random)
    ip, client = address(random, network), clients.bare(clients.chrome(random, version=109).agent)
    for mail in mails:
        at = mail.sent_at + scan_delay(random)
        for link in mail.links:
            at += random.uniform(0.1, 3)
            trace.add(SCANNER, name, mail, at, ip, client, link, method="HEAD")
            if random.random() < 0.5:
                at += random.uniform(0.1, 1)
                trace.add(SCANNER, name, mail, at, ip, client, link)
        if random.random() < 0.6:
            reader = people.some_reader(random, ip, on_mobile=False)
            people.read(trace, mail, reader, "behind an appliance", clicking=0.5)


def time_of_click(trace: Trace, mails: list[Mail]) -> None:
    """Fetch what a person is about to see, a moment before the person's browser does."""
    random, name = trace.random, "time of click"
    networks = [cloud(random) for _ in range(3)]
    agent = clients.chrome(random, "windows", random.choice(_OLD_CHROMES)).agent
    office = home(random)
    for mail in mails:
        reader = people.some_reader(random, address(random, office), on_mobile=False)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "behind time of click")
        at += 3 + lognormal(random, 12, 0.9)
        for link in random.sample(mail.links, random.choice([0, 0, 1, 1, 1, 2])):
            ip = address(random, random.choice(networks))
            trace.add(SCANNER, name, mail, at, ip, clients.bare(agent), link)
            at += random.uniform(0.3, 2.5)
            trace.add(
                people.HUMAN, "behind time of click", mail, at, reader.ip, reader.browser, link
            )
            at += 5 + lognormal(random, 20, 0.8)


def rescan_at_night(trace: Trace, mails: list[Mail]) -> None:
    """Go through the stored mails of a company hours later, in one sweep over all of them."""
    random, name = trace.random, "rescan at night"
    networks = [cloud(random) for _ in range(2)]
    client = _without(clients.chrome(random, "linux", random.choice([120, 131])), "accept-language")
    at = mails[-1].sent_at + random.uniform(3, 14) * 3_600
    for mail in mails:
        for link in random.sample(mail.links, min(len(mail.links), random.randint(1, 3))):
            ip = address(random, random.choice(networks))
            trace.add(SCANNER, name, mail, at, ip, client, link)
            at += random.uniform(0.8, 4)
        maybe_read(trace, mail)


def scattered(trace: Trace, mails: list[Mail]) -> None:
    """Follow all links of one copy of a company's, each from another home with another browser."""
    random, name = trace.random, "scattered"
    for mail in mails[: 1 + len(mails) // 8]:
        at = mail.sent_at + scan_delay(random)
        for link in random.sample(mail.links, len(mail.links)):
            moment = at + random.uniform(0, 90)
            trace.add(SCANNER, name, mail, moment, address(random), clients.desktop(random), link)
    for mail in mails:
        maybe_read(trace, mail)


def residential_sandbox(trace: Trace, mails: list[Mail]) -> None:
    """Walk through two or three links in a patient Chrome that claims another system's name."""
    random, name = trace.random, "residential sandbox"
    for mail in mails:
        version = clients.CHROME_NOW - random.randint(0, 12)
        client = _with(
            clients.chrome(random, "windows", version),
            sec_ch_ua_platform='"Linux"',
            accept_language="en-US,en;q=0.9",
        )
        at = mail.sent_at + lognormal(random, 700, 1.2)
        trace.add(SCANNER, name, mail, at, address(random), client)
        for link in random.sample(mail.links, min(len(mail.links), random.randint(1, 3))):
            at += random.uniform(5, 40)
            trace.add(SCANNER, name, mail, at, address(random), client, link)
        maybe_read(trace, mail)


def prefetching_browser(trace: Trace, mails: list[Mail]) -> None:
    """Fetch the links of a mail that a person reads, in case they are followed, and say so."""
    random, name = trace.random, "prefetching browser"
    for mail in mails:
        reader = people.some_reader(random)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "has a prefetching browser")
        header = random.choice([{"sec_purpose": "prefetch"}, {"sec_purpose": "prefetch;prerender"},
                                {"purpose": "prefetch"}, {"x_moz": "prefetch"},
                                {"x_purpose": "preview"}])  # fmt: skip
        eager = _with(reader.browser, **header)
        for link in mail.links[: random.randint(1, 5)]:
            moment = at + random.uniform(0.3, 2)
            trace.add("preview", name, mail, moment, reader.ip, eager, link)
        if random.random() < 0.5:
            people.follow(trace, mail, reader, at + 5 + lognormal(random, 12, 0.9),
                          "has a prefetching browser")  # fmt: skip


def checking_program(trace: Trace, mails: list[Mail]) -> None:
    """Check all links when a person opens the mail, from the person's own computer."""
    random, name = trace.random, "checking program"
    agent = clients.chrome(random, "windows", random.choice([91, 109, 120])).agent
    method, hidden = random.choice(["GET", "HEAD"]), random.random() < 0.5
    for mail in mails:
        reader = people.some_reader(random, on_mobile=False)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "has a checking program")
        client = clients.bare(agent)
        for link in mail.links + [CANARY] * hidden:
            moment = at + random.uniform(0.2, 4)
            trace.add(SCANNER, name, mail, moment, reader.ip, client, link, method=method)
        if random.random() < 0.5:
            people.follow(trace, mail, reader, at + 6 + lognormal(random, 12, 0.9),
                          "has a checking program")  # fmt: skip


def shadow(trace: Trace, mails: list[Mail]) -> None:
    """Look again at what people of a company follow, some minutes after they did."""
    random, name = trace.random, "shadow"
    networks, office = [cloud(random) for _ in range(2)], home(random)
    client = _without(clients.firefox(random), "accept-language", "sec-fetch-site",
                      "sec-fetch-mode", "sec-fetch-dest", "upgrade-insecure-requests")  # fmt: skip
    for mail in mails:
        reader = people.some_reader(random, address(random, office), on_mobile=False)
        people.prefetch(trace, mail, reader)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "shadowed")
        at += 3 + lognormal(random, 12, 0.9)
        for link in random.sample(mail.links, random.choice([0, 1, 1, 1, 2])):
            trace.add(people.HUMAN, "shadowed", mail, at, reader.ip, reader.browser, link)
            moment = at + lognormal(random, 500, 1.0)
            ip = address(random, random.choice(networks))
            trace.add(SCANNER, name, mail, moment, ip, client, link)
            at += 5 + lognormal(random, 25, 1.0)


def sampler(trace: Trace, mails: list[Mail]) -> None:
    """Try the first links of some mails of a provider, from addresses beside its customers'."""
    random, name = trace.random, "sampler"
    provider = home(random)
    networks = [provider] + [cloud(random) for _ in range(11)]
    fleet = [clients.chrome(random, "windows", random.randint(110, 150)) for _ in range(5)]
    fleet = [_without(client, "sec-fetch-site", "sec-fetch-mode") for client in fleet]
    for mail in mails:
        if random.random() < 0.3:
            at = mail.sent_at + scan_delay(random) * random.choice([1, 1, 4])
            client = random.choice(fleet)
            for link in mail.links[: random.randint(1, 3)]:
                ip = address(random, random.choice(networks))
                trace.add(SCANNER, name, mail, at, ip, client, link)
                at += lognormal(random, 4, 1.0)
        reader = people.some_reader(random, address(random, provider))
        people.read(trace, mail, reader, "customer of a provider", clicking=0.4)


def triage(trace: Trace, mails: list[Mail]) -> None:
    """Detonate one link of all copies within minutes, hours later, after a person's report."""
    random, name = trace.random, "triage"
    cloud_part = ".".join(cloud(random).split(".")[:2])
    client = clients.chrome(random, "windows", clients.CHROME_NOW - random.randint(3, 20))
    at = mails[-1].sent_at + random.uniform(1, 6) * 3_600
    place = random.randrange(len(mails[0].links))
    for mail in mails:
        ip = address(random, f"{cloud_part}.{random.randint(0, 255)}")
        trace.add(SCANNER, name, mail, at, ip, client, mail.links[place])
        at += random.uniform(1.5, 3.5)
        maybe_read(trace, mail)


def indistinguishable(trace: Trace, mails: list[Mail]) -> None:
    """Follow one link as a person would: no server can know; out of every aim."""
    random = trace.random
    for mail in mails:
        at = mail.sent_at + people.first_look(random)
        client, link = clients.desktop(random), random.choice(mail.links)
        trace.add(SCANNER, "indistinguishable", mail, at, address(random), client, link)


# Behaviour -> how often, and the number of its people.
MACHINES: dict[Callable[[Trace, list[Mail]], None], tuple[int, int, int]] = {
    cloud_detonation: (1, 5, 40),
    pairs_on_one_link: (1, 5, 40),
    own_appliance: (1, 5, 40),
    time_of_click: (1, 10, 60),
    rescan_at_night: (1, 5, 40),
    scattered: (1, 5, 40),
    residential_sandbox: (1, 2, 20),
    prefetching_browser: (1, 2, 20),
    checking_program: (1, 2, 20),
    shadow: (1, 10, 60),
    sampler: (1, 30, 120),
    triage: (1, 5, 40),
}
