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

OPEN, CLICK, CANARY, SHARE, QUOTE = 1, 2, 3, 4, 5  # tracking.models.Kind
INDIVIDUAL, AGGREGATE, OFF = "individual", "aggregate", "off"
# As of real programs, so that the rules have something to say about them.
_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148",
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "python-requests/2.32",
    "Barracuda\t\\N \\. 'quoted' \"twice\"",
)
_MARK = re.compile(r" chaos/(\d+)\.(\d+)$")
# How often each is drawn, of a hundred.
_WHATS = {
    "open": 44,
    "click": 30,
    "canary": 3,
    "share": 2,
    "quote": 2,
    "forwarded open": 4,
    "forwarded click": 4,
    "forged open": 5,
    "forged click": 6,
}
_KINDS = {"open": OPEN, "click": CLICK, "canary": CANARY, "share": SHARE, "quote": QUOTE}
_FORWARDS = 500
_HEAD = 0.04
_FORWARDED = 0.3


class Person(NamedTuple):
    """A reader of a campaign, and what they chose."""

    id: int
    choice: str


class Right(NamedTuple):
    """What a reader has to get."""

    status: int
    leads_to: str  # empty: nowhere


class Facts(NamedTuple):
    """What has to be stored of a request."""

    kind: int
    campaign: int
    subscriber: int  # 0: not named
    forward: int  # 0: nobody's but the subscriber's own copy
    link: int
    network: str
    is_head: bool


@dataclass(frozen=True)
class World:
    """Everything that can be asked for."""

    public_url: str
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
            found["public_url"],
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
    forward: int  # whose copy, or whose shared link, it is; 0: the person's own
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
    def facts(self) -> Facts | None:
        """What is to be stored; None: nothing at all."""
        is_named = not self.forward
        if self.is_forged or (is_named and self.person.choice == OFF):
            return None
        may_be_named = is_named and self.person.choice == INDIVIDUAL
        return Facts(
            _KINDS[self.what.split()[-1]],
            self.campaign,
            self.person.id if may_be_named else 0,
            self.forward,
            self.link,
            self.network,
            self.method == "HEAD",
        )

    @property
    def right(self) -> Right:
        """What the answer has to be."""
        if self.is_forged:
            return Right(404, "")
        return Right(302, self.url) if self.url else Right(200, "")

    def path(self) -> str:
        """Return what is asked for. Needs the settings' TRACKING_KEYS."""
        token = self._token()
        if self.is_forged:
            token = _forge(token, self.number)
        if self.what == "share":
            return f"/s/{token}"
        if self.what.endswith(("click", "canary")):
            return f"/c/{token}"
        return f"/{'q' if self.what == 'quote' else 'o'}/{token}.gif"

    def _token(self) -> str:
        if self.what == "share":
            return tokens.sign_share(self.campaign, self.forward)
        if self.what.endswith(("click", "canary")):
            if self.forward:
                return tokens.sign_forward_click(self.campaign, self.forward, self.link)
            return tokens.sign_click(self.campaign, self.person.id, self.link)
        if self.forward:
            return tokens.sign_forward_open(self.campaign, self.forward)
        return tokens.sign_open(self.campaign, self.person.id)

    def user_agent(self, attempt: int) -> str:
        """Return the header of one request."""
        return f"{self.agent} chaos/{self.number}.{attempt}"


def attempt_of(user_agent: str) -> tuple[int, int] | None:
    """Return which request a user agent names: the hit's number and the attempt's."""
    found = _MARK.search(user_agent)
    return (int(found[1]), int(found[2])) if found else None


def draw(seed: int, number: int, world: World) -> Hit:
    """Return a hit. The same for the same seed and number, in whichever process.

    Needs the settings' TRACKING_KEYS.
    """
    dice = random.Random(f"hit {seed} {number}")
    [what] = dice.choices([*_WHATS], [*_WHATS.values()])
    person = dice.choice(world.people)
    campaign, link, url = dice.choice(world.campaigns), 0, ""
    forward = 0
    if what.endswith("click"):
        link, url = dice.choice([*world.links.items()])
        campaign = world.campaign_of[link]
    if what == "share" or what.startswith("forwarded"):
        # Each belongs to one campaign.
        forward = world.campaigns.index(campaign) * _FORWARDS + dice.randrange(1, _FORWARDS)
    if what == "canary":
        url = f"{world.public_url}/"
    elif what == "share":
        url = f"{world.public_url}/v/{tokens.sign_share(campaign, forward)}"
    forwarded, network = _client(dice)
    return Hit(
        number=number,
        what=what,
        method="HEAD" if dice.random() < _HEAD else "GET",
        campaign=campaign,
        person=person,
        forward=forward,
        link=link,
        url=url,
        agent=dice.choice(_AGENTS),
        forwarded=forwarded,
        network=network,
    )


def _client(dice: random.Random) -> tuple[str, str]:
    """Return X-Forwarded-For, as a trusted proxy on this machine sends it, and the network."""
    if dice.random() > _FORWARDED:
        return "", "127.0.0.0"
    part, host = dice.randrange(1, 256), dice.randrange(1, 255)
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
