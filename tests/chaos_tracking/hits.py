"""What readers ask for, and what they have to get: drawn from a seed by number. Pure.

Every request names itself in its user agent, so that each can be found among the events: nothing
else is like it.
"""

import json
import random
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from tracking import tokens

OPEN, CLICK, CANARY = 1, 2, 3  # tracking.models.Kind
INDIVIDUAL, AGGREGATE, OFF = "individual", "aggregate", "off"
# As of real programs, so that the rules have something to say about them.
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "python-requests/2.32",
    "Barracuda\t\\N \\. 'quoted' \"twice\" ünï",
)
_MARK = re.compile(r" chaos/(\d+)\.(\d+)$")
# How often each is drawn, of a hundred.
_WHATS = {"open": 52, "click": 34, "canary": 3, "forged open": 5, "forged click": 6}
_HEAD = 0.04
_FORWARDED = 0.3


class Person(NamedTuple):
    """A reader of a campaign, and what they chose."""

    id: int
    choice: str


@dataclass(frozen=True)
class World:
    """Everything that can be asked for."""

    campaigns: list[int]
    people: list[Person]
    links: dict[int, str]  # id -> address
    campaign_of: dict[int, int]  # link -> campaign

    def write(self, path: Path) -> None:
        """Write it down for the readers' process."""
        path.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, path: Path) -> "World":
        """Read what `write` wrote."""
        found = json.loads(path.read_text())
        return cls(
            found["campaigns"],
            [Person(*each) for each in found["people"]],
            {int(link): url for link, url in found["links"].items()},
            {int(link): campaign for link, campaign in found["campaign_of"].items()},
        )


@dataclass(frozen=True)
class Hit:
    """One wish of a reader. It may take several requests until it is answered."""

    number: int
    what: str  # one of _WHATS
    method: str
    campaign: int
    person: Person
    link: int  # 0: no link
    url: str  # where the link leads
    agent: str
    forwarded: str  # X-Forwarded-For; empty: not sent
    network: str  # what is to be kept of the client's address

    @property
    def is_forged(self) -> bool:
        """Whether the token is none of ours."""
        return self.what.startswith("forged")

    @property
    def facts(self) -> tuple[int, int, int, int, str, bool] | None:
        """What is to be stored: kind, campaign, subscriber, link, network, by HEAD; or nothing."""
        if self.is_forged or self.person.choice == OFF:
            return None
        kind = {"open": OPEN, "click": CLICK, "canary": CANARY}[self.what]
        subscriber = self.person.id if self.person.choice == INDIVIDUAL else 0
        is_head = self.method == "HEAD"
        return kind, self.campaign, subscriber, self.link, self.network, is_head

    def path(self) -> str:
        """Return what is asked for. Needs the settings' TRACKING_KEYS."""
        if self.what.endswith("open"):
            token = tokens.sign_open(self.campaign, self.person.id)
            return f"/o/{_forge(token, self.number) if self.is_forged else token}.gif"
        token = tokens.sign_click(self.campaign, self.person.id, self.link)
        return f"/c/{_forge(token, self.number) if self.is_forged else token}"

    def user_agent(self, attempt: int) -> str:
        """Return the header of one request."""
        return f"{self.agent} chaos/{self.number}.{attempt}"


def attempt_of(user_agent: str) -> tuple[int, int] | None:
    """Return which request a user agent names: the hit's number and the attempt's."""
    found = _MARK.search(user_agent)
    return (int(found[1]), int(found[2])) if found else None


def draw(seed: int, number: int, world: World) -> Hit:
    """Return a hit. The same for the same seed and number, in whichever process."""
    dice = random.Random(f"hit {seed} {number}")
    [what] = dice.choices([*_WHATS], [*_WHATS.values()])
    person = dice.choice(world.people)
    link, url = 0, ""
    campaign = dice.choice(world.campaigns)
    if what.endswith("click"):
        link, url = dice.choice([*world.links.items()])
        campaign = world.campaign_of[link]
    forwarded, network = _client(dice)
    return Hit(
        number,
        what,
        "HEAD" if dice.random() < _HEAD else "GET",
        campaign,
        person,
        link,
        url,
        dice.choice(_AGENTS),
        forwarded,
        network,
    )


def _client(dice: random.Random) -> tuple[str, str]:
    """Return X-Forwarded-For, as a trusted proxy on this machine sends it, and the network."""
    if dice.random() > _FORWARDED:
        return "", "127.0.0.0"
    part, host = dice.randrange(256), dice.randrange(1, 255)
    if dice.random() < 0.3:
        return f"2001:db8:{part:x}:7::{host:x}", f"2001:db8:{part:x}::"
    # What the client itself claims stands in front, and is not believed.
    claimed = "203.0.113.9, " if dice.random() < 0.3 else ""
    return f"{claimed}198.51.{part}.{host}", f"198.51.{part}.0"


def _forge(token: str, number: int) -> str:
    """Return a token that is none: changed in one letter, cut, or made for something else."""
    if number % 3 == 0:
        place = number % len(token)
        letter = "A" if token[place] != "A" else "B"
        return token[:place] + letter + token[place + 1 :]
    return token[:-4] if number % 3 == 1 else token[::-1]
