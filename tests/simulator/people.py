"""People who read mail, on what they read it with."""

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from tests.simulator import clients
from tests.simulator.traces import Client, Mail, Trace, address, home, lognormal

HUMAN = "human"


class Reader(NamedTuple):
    """A person with a browser, an address, and a way in which their pictures are loaded."""

    ip: str
    browser: Client
    pictures: str  # blocked, itself, program, gmail, yahoo, outlook, apple


def some_reader(random: Random, ip: str | None = None, on_mobile: bool | None = None) -> Reader:
    if on_mobile is None:
        on_mobile = random.random() < 0.5
    browser = (clients.mobile if on_mobile else clients.desktop)(random)
    ways = ["blocked", "itself", "program", "gmail", "yahoo", "outlook", "apple"]
    weights = [12, 12, 6, 30, 4, 6, 30] if on_mobile else [28, 18, 18, 20, 4, 6, 6]
    return Reader(ip or address(random), browser, random.choices(ways, weights)[0])


def first_look(random: Random) -> float:
    """Return seconds from hand-over to reading: most take hours, some sit before their inbox."""
    if random.random() < 0.08:
        return 8 + lognormal(random, 90, 1.0)
    return 30 + lognormal(random, 9_000, 1.7)


def load_pictures(trace: Trace, mail: Mail, reader: Reader, at: float, behaviour: str) -> None:
    """Load the picture at the moment of opening, in the reader's way."""
    random = trace.random
    at += random.uniform(0.1, 0.8)
    if reader.pictures == "itself":
        trace.add(HUMAN, behaviour, mail, at, reader.ip, reader.browser)
    elif reader.pictures == "program":
        trace.add(HUMAN, behaviour, mail, at, reader.ip, clients.mail_program(random))
    elif reader.pictures == "gmail":
        agent = clients.GMAIL if random.random() < 0.8 else clients.GMAIL_EDGE
        ip = address(random, f"66.249.{random.randint(80, 95)}")
        trace.add("proxy_open", "gmail proxy", mail, at, ip, clients.bare(agent))
    elif reader.pictures == "yahoo":
        ip = address(random, f"74.6.{random.randint(0, 255)}")
        trace.add("proxy_open", "yahoo proxy", mail, at, ip, clients.bare(clients.YAHOO))
    elif reader.pictures == "outlook":
        # Outlook on the web loads pictures through Microsoft, in a browser's name.
        ip = address(random, f"40.107.{random.randint(0, 255)}")
        trace.add(HUMAN, "outlook proxy", mail, at, ip, clients.chrome(random))


def prefetch(trace: Trace, mail: Mail, reader: Reader) -> None:
    """Load the picture as Apple does, whether or not anybody reads."""
    random = trace.random
    if reader.pictures != "apple":
        return
    at = mail.sent_at + (
        random.uniform(2, 90) if random.random() < 0.3 else lognormal(random, 5_400, 1.2)
    )
    ip = address(random, f"172.225.{random.randint(0, 255)}")
    client = clients.bare("Mozilla/5.0")
    trace.add("privacy_prefetch", "apple prefetch", mail, at, ip, client)


def read(trace: Trace, mail: Mail, reader: Reader, behaviour: str, clicking: float = 0.35) -> None:
    """Open the mail, and perhaps follow links."""
    random = trace.random
    prefetch(trace, mail, reader)
    at = mail.sent_at + first_look(random)
    load_pictures(trace, mail, reader, at, behaviour)
    if random.random() < clicking:
        follow(trace, mail, reader, at + 2 + lognormal(random, 12, 0.9), behaviour)
    if random.random() < 0.06:  # they come back to it
        at += lognormal(random, 20_000, 1.0)
        load_pictures(trace, mail, reader, at, behaviour)
        follow(trace, mail, reader, at + 2 + lognormal(random, 8, 0.9), behaviour)


def follow(trace: Trace, mail: Mail, reader: Reader, at: float, behaviour: str) -> None:
    """Follow some links: one mostly, at times two in tabs, at times one twice."""
    random = trace.random
    links = random.sample(mail.links, min(len(mail.links), random.choices(
        [1, 2, 3, 4, 6], [68, 18, 8, 4, 2])[0]))  # fmt: skip
    for link in links:
        trace.add(HUMAN, behaviour, mail, at, reader.ip, reader.browser, link)
        if random.random() < 0.04:
            trace.add(HUMAN, "double click", mail, at + random.uniform(0.08, 0.5), reader.ip,
                      reader.browser, link)  # fmt: skip
        in_tabs = random.random() < 0.25
        at += random.uniform(0.4, 2.0) if in_tabs else 1.5 + lognormal(random, 25, 1.0)


def alone(on_mobile: bool) -> Callable[[Trace, Mail], None]:
    def behave(trace: Trace, mail: Mail) -> None:
        reader = some_reader(trace.random, on_mobile=on_mobile)
        read(trace, mail, reader, "mobile" if on_mobile else "desktop")

    return behave


def two_tabs(trace: Trace, mail: Mail) -> None:
    """Open two links in tabs within two seconds."""
    random = trace.random
    reader = some_reader(random, on_mobile=False)
    at = mail.sent_at + first_look(random)
    load_pictures(trace, mail, reader, at, "two tabs")
    at += 3 + lognormal(random, 10, 0.8)
    first, second = random.sample(mail.links, 2)
    trace.add(HUMAN, "two tabs", mail, at, reader.ip, reader.browser, first)
    at += random.uniform(0.3, 1.9)
    trace.add(HUMAN, "two tabs", mail, at, reader.ip, reader.browser, second)


def forwarded(trace: Trace, mail: Mail) -> None:
    """Read it, and send it on: others read the same copy from elsewhere."""
    random = trace.random
    read(trace, mail, some_reader(random), "forwarded", clicking=0.4)
    for _ in range(random.randint(1, 4)):
        later = Mail(mail.campaign, mail.subscriber, mail.sent_at, mail.links)
        reader = some_reader(random)
        at = later.sent_at + 600 + lognormal(random, 20_000, 1.2)
        load_pictures(trace, later, reader, at, "forwarded")
        if random.random() < 0.5:
            follow(trace, later, reader, at + 2 + lognormal(random, 12, 0.9), "forwarded")


def two_devices(trace: Trace, mail: Mail) -> None:
    """Look at it on the telephone, and again at the desk."""
    random = trace.random
    phone, desk = some_reader(random, on_mobile=True), some_reader(random, on_mobile=False)
    at = mail.sent_at + first_look(random)
    load_pictures(trace, mail, phone, at, "two devices")
    if random.random() < 0.3:
        follow(trace, mail, phone, at + 2 + lognormal(random, 10, 0.9), "two devices")
    at += lognormal(random, 3_000, 1.3) + 20
    load_pictures(trace, mail, desk, at, "two devices")
    follow(trace, mail, desk, at + 2 + lognormal(random, 10, 0.9), "two devices")


def office(trace: Trace, mails: list[Mail]) -> None:
    """Sit behind one address, at machines that were set up alike."""
    random = trace.random
    network, browser = home(random), clients.desktop(random)
    for mail in mails:
        reader = some_reader(random, address(random, network), on_mobile=False)
        reader = reader._replace(
            browser=browser, pictures=random.choice(["blocked", "program", "outlook", "itself"])
        )
        read(trace, mail, reader, "office", clicking=0.5)


def carrier(trace: Trace, mails: list[Mail]) -> None:
    """Read on telephones that share a few addresses of their carrier."""
    random = trace.random
    networks = [home(random) for _ in range(2)]
    for mail in mails:
        reader = some_reader(random, address(random, random.choice(networks)), on_mobile=True)
        read(trace, mail, reader, "carrier", clicking=0.4)
