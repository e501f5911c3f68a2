"""Six kinds of people who look odd to a server, written without a look at the rules."""

from collections.abc import Callable

from tests.simulator import clients, people
from tests.simulator.people import HUMAN
from tests.simulator.traces import Client, Mail, Trace, address, home, lognormal

_TEXT_BROWSERS = [
    "Lynx/2.9.2 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.8.3",
    "w3m/0.5.3+git20230121",
    "ELinks/0.17.0 (textmode; Linux 6.8.0 x86_64; 120x40-2)",
]


def curator(trace: Trace, mails: list[Mail]) -> None:
    """Open many links in tabs, one right after the other, to read them all later."""
    random, name = trace.random, "curator"
    for mail in mails:
        reader = people.some_reader(random, on_mobile=False)
        people.prefetch(trace, mail, reader)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, name)
        at += 4 + lognormal(random, 15, 0.8)
        for link in mail.links[: random.randint(4, 8)]:
            trace.add(HUMAN, name, mail, at, reader.ip, reader.browser, link)
            at += random.uniform(0.4, 3)


def behind_a_web_gateway(trace: Trace, mails: list[Mail]) -> None:
    """Work through a company's tunnel, where two hundred share an address and a browser."""
    random, name = trace.random, "behind a web gateway"
    network = random.choice(["165.225.80", "136.226.72", "147.161.166", home(random)])
    browser = clients.chrome(random, "windows", brand=random.choice(["", " Edg/"]))
    addresses = [address(random, network) for _ in range(3)]
    for mail in mails:
        reader = people.some_reader(random, random.choice(addresses), on_mobile=False)
        ways = ["blocked", "program", "outlook", "outlook", "itself"]
        reader = reader._replace(browser=browser, pictures=random.choice(ways))
        people.read(trace, mail, reader, name, clicking=0.5)


def screen_reader(trace: Trace, mails: list[Mail]) -> None:
    """Go from link to link in the order of the document, without pictures."""
    random, name = trace.random, "screen reader"
    for mail in mails:
        browser = random.choice([clients.firefox, clients.chrome, clients.iphone])(random)
        ip = address(random)
        at = mail.sent_at + people.first_look(random)
        for link in mail.links[: random.randint(2, len(mail.links))]:
            trace.add(HUMAN, name, mail, at, ip, browser, link)
            at += 4 + lognormal(random, 18, 0.7)


def lesson(trace: Trace, mails: list[Mail]) -> None:
    """Follow one link, all forty within two minutes, in one room, as they were told to."""
    random, name = trace.random, "lesson"
    ip, browser = address(random), clients.chrome(random, random.choice(["windows", "mac"]))
    told = max(mail.sent_at for mail in mails) + random.uniform(5, 90) * 60
    link = random.choice(mails[0].links)
    for mail in mails:
        pictures = random.choice(["gmail", "outlook", "itself", "blocked"])
        at = told + random.uniform(0, 80)
        people.load_pictures(trace, mail, people.Reader(ip, browser, pictures), at, name)
        at += 3 + lognormal(random, 12, 0.7)
        trace.add(HUMAN, name, mail, at, ip, browser, link)
        if random.random() < 0.2:
            at += 3 + lognormal(random, 12, 0.7)
            trace.add(HUMAN, name, mail, at, ip, browser, random.choice(mail.links))


def few_headers(trace: Trace, mails: list[Mail]) -> None:
    """Read in text, or in a browser that tells little, often from a rented exit."""
    random, name = trace.random, "few headers"
    for mail in mails:
        if random.random() < 0.3:
            page = {"accept": "text/html, text/plain, text/sgml, */*;q=0.01",
                    "accept-encoding": "gzip, compress", "accept-language": "en"}  # fmt: skip
            browser = Client(random.choice(_TEXT_BROWSERS), page, page)
        else:
            browser = clients.firefox(random)
            gone = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"]
            page = {key: value for key, value in browser.page.items() if key not in gone}
            page["accept-language"] = "en-US,en;q=0.5"
            browser = Client(browser.agent, page, page)
        exit_network = random.choice(["185.65.134", "146.70.116", "193.138.218", home(random)])
        ip = address(random, exit_network)
        at = mail.sent_at + people.first_look(random)
        for link in random.sample(mail.links, min(len(mail.links), random.choice([1, 1, 1, 2]))):
            trace.add(HUMAN, name, mail, at, ip, browser, link)
            at += 4 + lognormal(random, 25, 0.9)


def at_once_or_late(trace: Trace, mails: list[Mail]) -> None:
    """Follow a link the moment the mail arrives, twice at times, or three weeks afterwards."""
    random, name = trace.random, "at once or late"
    for mail in mails:
        reader = people.some_reader(random)
        delay = random.choice([random.uniform(5, 40), random.uniform(18, 25) * 86_400])
        at = mail.sent_at + delay
        people.load_pictures(trace, mail, reader, at, name)
        at += 1.5 + lognormal(random, 4, 0.6)
        link = random.choice(mail.links)
        trace.add(HUMAN, name, mail, at, reader.ip, reader.browser, link)
        if random.random() < 0.3:
            at += random.uniform(0.1, 1.5)
            trace.add(HUMAN, name, mail, at, reader.ip, reader.browser, link)


# Behaviour -> how often, and the number of its people.
PEOPLE: dict[Callable[[Trace, list[Mail]], None], tuple[int, int, int]] = {
    curator: (1, 1, 8),
    behind_a_web_gateway: (1, 60, 200),
    screen_reader: (1, 1, 6),
    lesson: (1, 15, 45),
    few_headers: (1, 1, 8),
    at_once_or_late: (1, 2, 12),
}
