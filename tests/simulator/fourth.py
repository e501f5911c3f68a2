"""Three machines, written when the second version of the rules was done.

The rules were mended once after they had been judged, so nothing here is unseen any more.
"""

from collections.abc import Callable

from tests.simulator import clients, people
from tests.simulator.machines import SCANNER, maybe_read
from tests.simulator.strangers import cloud
from tests.simulator.traces import Mail, Trace, address, home, lognormal


def queued_sandbox(trace: Trace, mails: list[Mail]) -> None:
    """Render each mail minutes later in a real Chrome, and walk its links in order."""
    random, name = trace.random, "queued sandbox"
    networks = [cloud(random) for _ in range(2)]
    for mail in mails:
        client = clients.chrome(random, "windows", clients.CHROME_NOW - random.randint(1, 4))
        ip = address(random, random.choice(networks))
        at = mail.sent_at + random.uniform(240, 1_500)
        trace.add(SCANNER, name, mail, at, ip, client)
        for link in mail.links:
            at += random.uniform(2.5, 9)
            trace.add(SCANNER, name, mail, at, ip, client, link)
        maybe_read(trace, mail)


def reputation_crawler(trace: Trace, mails: list[Mail]) -> None:
    """Look at each address of a campaign by way of some copies, an hour or more afterwards."""
    random, name = trace.random, "reputation crawler"
    networks = [cloud(random) for _ in range(12)]
    for mail in mails:
        if random.random() < 0.4:
            at = mail.sent_at + 3_600 + lognormal(random, 3_000, 0.8)
            for link in random.sample(mail.links, random.choice([1, 1, 2])):
                ip = address(random, random.choice(networks))
                client = clients.bare(clients.firefox(random).agent)
                trace.add(SCANNER, name, mail, at, ip, client, link)
                at += random.uniform(1, 240)
        maybe_read(trace, mail)


def guard_on_the_desk(trace: Trace, mails: list[Mail]) -> None:
    """Ask for all links when its owner opens the mail, who then reads on."""
    random, name = trace.random, "guard on the desk"
    for mail in mails:
        ip = address(random, home(random))
        reader = people.some_reader(random, ip, on_mobile=False)
        at = mail.sent_at + people.first_look(random)
        people.load_pictures(trace, mail, reader, at, "behind a guard on the desk")
        agent = clients.chrome(random, "windows", 109).agent
        checked = at + random.uniform(0.2, 1.5)
        for link in mail.links:
            trace.add(SCANNER, name, mail, checked, ip, clients.bare(agent), link)
            checked += random.uniform(0.01, 0.3)
        if random.random() < 0.4:
            later = at + 5 + lognormal(random, 25, 0.8)
            people.follow(trace, mail, reader, later, "behind a guard on the desk")


# Behaviour -> how often, and the number of its people.
FOURTH: dict[Callable[[Trace, list[Mail]], None], tuple[int, int, int]] = {
    queued_sandbox: (1, 5, 40),
    reputation_crawler: (1, 30, 120),
    guard_on_the_desk: (1, 5, 40),
}
