"""The hits that are judged together, with what speaks against and for each. Pure.

What is known of hits stands in columns, each with one value for each hit: there are many hits, and
most of them are looked at by each rule.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter, or_
from typing import Any

from tracking.classify.agents import FOREIGN, Agent
from tracking.classify.alone import Look
from tracking.classify.verdicts import WINDOW, Evidence, Judgement, Verdict

SETTLES = 3.0  # points from which a hit is a machine's
COUNTS = 0.75  # points from which a person is only likely
_SEVERAL = 3  # people
_LATE = 900  # seconds since the hand-over
_NOT_KNOWN = float("nan")  # is neither more nor less than any number


class Docket:
    """Hits in the order of time, their doubts, and which of them belong to the same mail."""

    def __init__(self, hits: Sequence[Evidence], looks: Sequence[Look]) -> None:
        """Take hits, at least one, with what each says by itself."""
        columns: Iterable[Sequence[Any]] = zip(*hits, strict=True)
        _, at, kinds, campaigns, subscribers, forwards, links, since, networks, programs, _ = (
            columns
        )
        self.at: Sequence[float] = at  # seconds since 1970
        self.kinds: Sequence[int] = kinds
        self.campaigns: Sequence[int] = campaigns
        self.links: Sequence[int] = links
        self.networks: Sequence[str] = networks
        self.user_agents: Sequence[str] = programs
        self.since = [_NOT_KNOWN if seconds is None else seconds for seconds in since]
        self.is_named: Sequence[int] = list(map(or_, subscribers, forwards))  # 0: it is not
        self._take(looks)
        if "" in programs:  # a name in letters that the server can't see is a name nevertheless
            self.user_agents = [
                "foreign" if agent is FOREIGN else program
                for agent, program in zip(self.agents, programs, strict=True)
            ]
        # Each mail's hits, each hit's mail, and of each mail those hits that follow a link.
        self.mails, self.mail = _by_mail(self._keys(subscribers, forwards))
        self.clicks: list[list[int]] = [[] for _ in self.mails]
        for index, (mail, is_picture) in enumerate(zip(self.mail, self.is_picture, strict=True)):
            if not is_picture:
                self.clicks[mail].append(index)
        # Clicks that came so early, or on a mail so unseen, that a machine is likelier.
        self.suspects: set[int] = set()
        # Clicks on mail that nobody opened in the minutes before.
        self.unopened: set[int] = set()
        # How a mail had been opened in the minutes before a click: by the same program ("own"),
        # in the same network ("near"), by a mail service ("proxy", "apple"), elsewhere ("else").
        self.seen: dict[int, str] = {}
        # Seconds from that to the click.
        self.since_open: dict[int, float] = {}
        # Clicks from networks that few others click from, as most people's are.
        self.lone = self._lone()
        # Clicks beside one on the same link by another program elsewhere.
        self.doubles: set[int] = set()
        # The points that a hit has been given for machines beside it.
        self.company: dict[int, float] = {}

    def _take(self, looks: Sequence[Look]) -> None:
        columns: Iterable[Sequence[Any]] = zip(*looks, strict=True)
        agents, is_picture, programs, relays, hosts, is_shared, is_settled, *rest = columns
        plain, points, oddness, strongest, reasons = rest
        self.agents: Sequence[Agent] = agents
        self.is_picture: Sequence[bool] = is_picture
        self.programs: Sequence[int] = programs
        self.hosts: Sequence[str | None] = hosts
        self.is_shared: Sequence[bool] = is_shared
        self.is_settled: Sequence[bool] = is_settled
        self.plain: Sequence[Judgement] = plain  # what it is taken for if nothing more is found
        self.oddness: Sequence[float] = oddness
        # A hit that a rule has settled has infinitely many, for or against it.
        self.points: list[float] = list(points)
        self._strongest: list[float] = list(strongest)
        self._reasons: list[str] = list(reasons)
        # All addresses of a relay are one network.
        self.own_networks = [
            network if relay is None else relay
            for network, relay in zip(self.networks, relays, strict=True)
        ]

    def _keys(self, subscribers: Sequence[int], forwards: Sequence[int]) -> list[Hashable]:
        """Return what tells the mail of each hit from others.

        Where nobody is named, the hits of one program in one network stand for a mail.
        """
        keys: list[Hashable] = list(zip(self.campaigns, subscribers, forwards, strict=True))
        if not all(self.is_named):
            for index, is_named in enumerate(self.is_named):
                if not is_named:
                    network = self.networks[index]
                    place = (self.campaigns[index], network, self.user_agents[index])
                    keys[index] = place if network else index
        return keys

    def _lone(self) -> set[int]:
        """Return the clicks of networks from which fewer than _SEVERAL people click."""
        networks = self.own_networks
        clicks = list(chain.from_iterable(self.clicks))
        own = list(map(networks.__getitem__, clicks))
        people = set(zip(own, map(self.is_named.__getitem__, clicks), strict=True))
        counts = Counter(map(itemgetter(0), people))
        # Of those whom nobody has named, it is not known how many they are.
        few = {network for network, count in counts.items() if count < _SEVERAL and network}
        few.difference_update([network for network, person in people if not person])
        return {index for index, network in zip(clicks, own, strict=True) if network in few}

    def doubt(self, index: int, points: float, reason: str) -> None:
        """Add a reason to believe that hit `index` is a machine's; no points: none."""
        if not points:
            return
        self.points[index] += points
        if points > self._strongest[index]:
            self._strongest[index] = points
            self._reasons[index] = reason

    def trust(self, index: int, points: float) -> None:
        """Take points away, for something that only a person does."""
        self.points[index] -= points

    def is_machine(self, index: int) -> bool:
        """Return whether hit `index` is a scanner's, as far as is known by now."""
        return self.points[index] >= SETTLES

    def is_surely_machine(self, index: int) -> bool:
        """Return whether more speaks against hit `index` than would be needed."""
        return self.is_settled[index] or self.points[index] >= SETTLES + 1

    def is_late(self, index: int) -> bool:
        """Return whether nearly all scanners are done by then; False when it is not known."""
        return self.since[index] > _LATE

    def is_eager(self, index: int) -> bool:
        """Return whether a reader of whom nothing odd is known has just opened the mail."""
        return (
            (index in self.lone or self.seen.get(index) in ("own", "proxy"))
            and self.is_late(index)
            and not self.is_odd(index)
        )

    def has_opened_there(self, index: int) -> bool:
        """Return whether the mail was opened by the same program, in the same place or by proxy.

        All computers of a host are one place, which says nothing of who hires them.
        """
        opened = self.seen.get(index)
        return opened in ("own", "proxy") or (opened == "near" and self.hosts[index] is None)

    def is_odd(self, index: int) -> bool:
        """Return whether the program or the network of hit `index` gives cause for doubt."""
        return self.oddness[index] > 0

    def is_early(self, index: int) -> bool:
        """Return whether most scanners are at work by then; False when it is not known."""
        return self.since[index] < WINDOW

    def is_soon(self, index: int) -> bool:
        """Return whether slow scanners may be at work still; False when it is not known."""
        return self.since[index] < 2 * WINDOW

    def judgements(self) -> list[Judgement]:
        """Return what each hit is taken for, and the strongest reason."""
        return [
            plain
            if is_settled or points < COUNTS or not reason
            else _judgement(points >= SETTLES, reason)
            for plain, is_settled, points, reason in zip(
                self.plain, self.is_settled, self.points, self._reasons, strict=True
            )
        ]


@lru_cache(maxsize=1_024)
def _judgement(is_machine: bool, reason: str) -> Judgement:
    return Judgement(Verdict.SCANNER if is_machine else Verdict.LIKELY_HUMAN, reason)


def _by_mail(keys: Sequence[Hashable]) -> tuple[list[list[int]], list[int]]:
    """Return the indices of hits of the same mail, and for each hit the number of its mail."""
    numbers: dict[Hashable, int] = {}
    mails: list[list[int]] = []
    order: list[int] = []
    for index, key in enumerate(keys):
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(mails)
            mails.append([index])
        else:
            mails[number].append(index)
        order.append(number)
    return mails, order
