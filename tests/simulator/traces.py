"""Hits with their truth, and what all behaviours share: mail, addresses, chance."""

import json
import math
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

CANARY = 0  # the link that no person sees
Headers = dict[str, str]


class Client(NamedTuple):
    """A program with its address."""

    agent: str
    page: Headers  # what it sends when it follows a link
    picture: Headers  # what it sends when it loads a picture


@dataclass
class Mail:
    """One person's copy of a campaign."""

    campaign: int
    subscriber: int
    sent_at: float
    links: list[int]


@dataclass
class Trace:
    """What the edge would have seen, with who it was."""

    random: Random
    hits: list[dict[str, Any]] = field(default_factory=list)
    truths: list[str] = field(default_factory=list)  # human, proxy_open, ... for each hit
    behaviours: list[str] = field(default_factory=list)

    def add(
        self, truth: str, behaviour: str, mail: Mail, at: float, ip: str, client: Client,
        link: int | None = None, method: str = "GET", **more: Any,
    ) -> None:  # fmt: skip
        """Add a hit: on a link, on the hidden one (CANARY), or on the picture (None)."""
        kind = "open" if link is None else "canary" if link == CANARY else "click"
        self.hits.append(
            {
                "id": len(self.hits),
                "at": round(at, 3),
                "kind": kind,
                "method": method,
                "campaign": mail.campaign,
                "subscriber": mail.subscriber,
                "link": link,
                "sent_at": round(mail.sent_at, 3),
                "ip": ip,
                "user_agent": client.agent,
                "headers": client.picture if link is None else client.page,
                **more,
            }
        )
        self.truths.append(truth)
        self.behaviours.append(behaviour)

    def lines(self) -> list[bytes]:
        return [json.dumps(hit).encode() for hit in self.hits]


def lognormal(random: Random, median: float, spread: float) -> float:
    return random.lognormvariate(math.log(median), spread)


def address(random: Random, network: str | None = None) -> str:
    """Return an address in a network such as 203.0.113, or anywhere people live."""
    if network is None:
        network = home(random)
    return f"{network}.{random.randint(1, 254)}"


def home(random: Random) -> str:
    first = random.choice([24, 31, 46, 62, 71, 78, 82, 86, 90, 92, 109, 151, 176, 188, 213])
    return f"{first}.{random.randint(1, 254)}.{random.randint(0, 255)}"


def scan_delay(random: Random) -> float:
    """Return seconds from hand-over to a scanner's burst.

    Measured over 836 bursts: median 43 s; 0.5 % within 10 s, 66 % at 20-60 s, 28 % at 1-5 min.
    """
    chance = random.random()
    if chance < 0.005:
        return random.uniform(1, 10)
    if chance < 0.045:
        return random.uniform(10, 20)
    if chance < 0.705:
        return 20 + 40 * random.betavariate(1.6, 1.4)
    if chance < 0.985:
        return random.uniform(60, 300)
    return random.uniform(300, 900)
