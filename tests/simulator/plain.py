"""Files as somebody writes them by hand: a few people, a few machines, and little told of each.

Such a file leaves out what its author didn't think of: headers, addresses, opens, the spread of
hand-overs. What it leaves out is drawn by lot, and so are the habits of its people and machines.
"""

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any, NamedTuple

from tests.simulator.traces import CANARY, Client, Headers, Mail, Trace, lognormal, scan_delay

_AGENTS = [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{v}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.4 Safari/605.1.15",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/{v}.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0",
]
_LANGUAGE = {"Accept-Language": "en-US,en;q=0.9"}
_USUAL = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    **_LANGUAGE,
    "Accept-Encoding": "gzip, deflate, br",
}
_FULL = {
    **_USUAL,
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "none",
    "Upgrade-Insecure-Requests": "1",
}
# How much is told of people's headers, and of machines'. None: the field is left out.
_TELLING: dict[str, tuple[Headers | None, list[Headers | None]]] = {
    "all": (_FULL, [{"Accept": "*/*"}, _FULL]),
    "some": (_USUAL, [{"Accept": "*/*"}, {"Accept": "*/*", "Accept-Encoding": "gzip"}, _USUAL]),
    "language": (_LANGUAGE, [{}, _LANGUAGE]),
    "empty": ({}, [{}]),
    "none": (None, [None]),
}
_PEOPLES_NETWORKS = {
    "own": lambda r: f"{r.randint(20, 99)}.{r.randint(0, 255)}.{r.randint(0, 255)}",
    "few": lambda r: f"203.0.{r.randint(110, 117)}",
    "one": lambda r: "203.0.113",
    "inside": lambda r: f"192.168.{r.randint(0, 3)}",
}
_DELAYS = {
    "hours": lambda r: 45 + lognormal(r, 5_400, 1.3),
    "uniform": lambda r: r.uniform(90, 86_400),
    "soon": lambda r: r.uniform(120, 7_200),
    "exponential": lambda r: 30 + r.expovariate(1 / 3_600),
}


class Form(NamedTuple):
    """What a file tells, and how."""

    telling: str
    networks: str  # of people
    agents: list[str]
    opens: float  # share of people of whose opens it tells
    delay: str
    handover: float  # seconds from the first to the last
    links: list[Any]
    is_text: bool  # ids are words, times are ISO 8601 with an offset


def form(random: Random) -> Form:
    version = random.choice([120, 124, 131, 150])
    agents = [agent.format(v=version) for agent in _AGENTS[: random.choice([1, 3, 5, 5])]]
    return Form(
        random.choice(list(_TELLING)),
        random.choice(["own", "own", "own", "few", "one", "inside"]),
        agents,
        random.choice([0, 0.6, 0.6, 0.8, 1]),
        random.choice(list(_DELAYS)),
        random.choice([0, 0, 1, 60, 600]),
        list(range(1, 1 + random.choice([2, 3, 4, 5, 5, 6, 8]))),
        random.random() < 0.5,
    )


def simulate(seed: int, people: int = 100, machines: int = 3) -> Trace:
    """Return a file of some people, and of machines that each look at the mail of twenty more."""
    random = Random(seed)
    trace, plan = Trace(random), form(random)
    number = 0

    def mail() -> Mail:
        nonlocal number
        number += 1
        sent_at = START + plan.handover * number / (people + 20 * machines)
        return Mail(1, number, sent_at, plan.links)

    for _ in range(people):
        _person(trace, mail(), plan)
    names = random.sample(list(_MACHINES), machines)
    for name in names:
        _Machine(trace, plan, name).work([mail() for _ in range(random.choice([8, 15, 20, 30]))])
    if plan.is_text:
        zone = timezone(timedelta(hours=random.choice([0, 2, -5])))
        for hit in trace.hits:
            _write_out(hit, zone)
    return trace


START = 1_782_900_000.0  # 2026-07-01


def _write_out(hit: dict[str, Any], zone: timezone) -> None:
    hit["campaign"] = "summer-sale"
    hit["subscriber"] = f"user{hit['subscriber']}@example.org"
    for field in ("at", "sent_at"):
        hit[field] = datetime.fromtimestamp(hit[field], UTC).astimezone(zone).isoformat()
    if hit["link"]:
        hit["link"] = f"https://example.com/page/{hit['link']}"


def _add(
    trace: Trace, truth: str, name: str, mail: Mail, at: float, who: tuple[str, str, Any],
    link: int | None = None, **more: Any,
) -> None:  # fmt: skip
    ip, agent, headers = who
    trace.add(truth, name, mail, at, ip, Client(agent, headers, headers), link, **more)


def _person(trace: Trace, mail: Mail, plan: Form) -> None:
    random = trace.random
    network = _PEOPLES_NETWORKS[plan.networks](random)
    who = (f"{network}.{random.randint(1, 254)}", random.choice(plan.agents),
           _TELLING[plan.telling][0])  # fmt: skip
    at = mail.sent_at + _DELAYS[plan.delay](random)
    if random.random() < plan.opens:
        _add(trace, "human", "person", mail, at, who)
    at += random.uniform(4, 60)
    for link in random.sample(mail.links, min(len(mail.links), random.choice([0, 1, 1, 1, 2, 3]))):
        _add(trace, "human", "person", mail, at, who, link)
        at += random.uniform(4, 90)


class _Machine:
    def __init__(self, trace: Trace, plan: Form, name: str) -> None:
        random = trace.random
        self.trace, self.plan, self.name = trace, plan, name
        self.networks = [
            f"{random.choice([34, 40, 52, 104])}.{random.randint(0, 255)}.{random.randint(0, 255)}"
            for _ in range(random.choice([1, 1, 3]))
        ]
        self.agent = random.choice([*plan.agents, _AGENTS[0].format(v=random.choice([90, 109]))])
        self.headers = random.choice(_TELLING[plan.telling][1])

    def who(self, *, anywhere: bool = False) -> tuple[str, str, Any]:
        random = self.trace.random
        network = random.choice(self.networks)
        if anywhere:
            network = _PEOPLES_NETWORKS["own"](random)
        agent = random.choice(self.plan.agents) if anywhere else self.agent
        return f"{network}.{random.randint(1, 254)}", agent, self.headers

    def ask(self, mail: Mail, at: float, link: int | None = None, **more: Any) -> None:
        _add(self.trace, "scanner", self.name, mail, at, self.who(), link, **more)

    def work(self, mails: list[Mail]) -> None:
        random = self.trace.random
        start = mails[-1].sent_at + random.uniform(2, 12) * 3_600
        for mail in mails:
            start += random.uniform(0.5, 3)
            _MACHINES[self.name](self, mail, start)
            if random.random() < 0.3:
                _person(self.trace, mail, self.plan)


def _burst(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + scan_delay(random)
    for link in mail.links:
        machine.ask(mail, at, link)
        at += random.uniform(0.05, 0.5)


def _spaced(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + scan_delay(random)
    for link in mail.links:
        machine.ask(mail, at, link)
        at += random.uniform(5, 30)


def _delayed_burst(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(600, 3_600)
    for link in mail.links:
        machine.ask(mail, at, link)
        at += random.uniform(0.05, 0.6)


def _delayed_walk(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(600, 3_600)
    for link in mail.links:
        machine.ask(mail, at, link)
        at += random.uniform(3, 12)


def _one_link(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    machine.ask(mail, mail.sent_at + random.uniform(5, 120), random.choice(mail.links))


def _rotating(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(10, 120)
    for link in mail.links:
        _add(machine.trace, "scanner", machine.name, mail, at, machine.who(anywhere=True), link)
        at += random.uniform(0.5, 8)


def _rendering(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(5, 60)
    machine.ask(mail, at)
    for link in mail.links:
        at += random.uniform(1, 4)
        machine.ask(mail, at, link)


def _as_a_reader(machine: _Machine, mail: Mail, _: float) -> None:
    """Opens, waits, and follows one link or two, in the first minutes."""
    random = machine.trace.random
    at = mail.sent_at + random.uniform(20, 240)
    machine.ask(mail, at)
    for link in random.sample(mail.links, random.choice([1, 2])):
        at += random.uniform(3, 20)
        machine.ask(mail, at, link)


def _in_turn(machine: _Machine, mail: Mail, at: float) -> None:
    """Goes from mail to mail, hours later."""
    machine.ask(mail, at, machine.trace.random.choice(mail.links))


def _asking_first(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + scan_delay(random)
    for link in mail.links:
        machine.ask(mail, at, link, method="HEAD")
        machine.ask(mail, at + random.uniform(0.1, 1), link)
        at += random.uniform(0.5, 4)


def _trapped(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(30, 600)
    for link in (random.choice(mail.links), CANARY, random.choice(mail.links)):
        machine.ask(mail, at, link)
        at += random.uniform(1, 10)


def _half(machine: _Machine, mail: Mail, _: float) -> None:
    random = machine.trace.random
    at = mail.sent_at + random.uniform(30, 300)
    for link in mail.links[: max(2, len(mail.links) // 2)]:
        machine.ask(mail, at, link)
        at += random.uniform(2, 15)


_MACHINES = {
    "burst": _burst,
    "spaced": _spaced,
    "delayed burst": _delayed_burst,
    "delayed walk": _delayed_walk,
    "one link": _one_link,
    "rotating": _rotating,
    "rendering": _rendering,
    "as a reader": _as_a_reader,
    "in turn": _in_turn,
    "asking first": _asking_first,
    "trapped": _trapped,
    "half": _half,
}
