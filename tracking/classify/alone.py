"""What one hit says by itself: its program's name, its headers, its network. Pure.

Some hits are settled at once, because their program says what it is. All others say they are a
person's browser or mail program; for them doubts are collected, each with points that say how
seldom a person would give cause for it. Points: 3 settle it, 1 is worth a second look.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from math import inf, log
from typing import Any, NamedTuple

from tracking.classify import agents
from tracking.classify.agents import Agent, Role
from tracking.classify.networks import Network, Networks
from tracking.classify.verdicts import CANARY, CLICK, OPEN, QUOTE, SHARE, Evidence, Judgement
from tracking.classify.verdicts import Verdict as V

# The first version of each engine that says in Sec-Fetch-* what a request is for, which all
# do since, if the page's address begins with https.
_SAYS_WHAT_FOR = {"chromium": 80.0, "gecko": 90.0, "webkit": 16.4}
# Chromium's version 141 came on 2025-10-01; since then (and long before) one in four weeks.
_CHROMIUM = (141, 1_759_276_800)
_CHROMIUM_EACH = 28 * 86_400  # seconds
# Sec-CH-UA-Platform -> the systems that the user agent may name. A telephone that asks for pages
# made for large screens calls itself Linux.
_PLATFORMS = {
    "Windows": ("windows",),
    "macOS": ("mac",),
    "Android": ("android", "linux"),
    "Linux": ("linux", "cros", "android"),
    "Chrome OS": ("cros", "linux"),
    "Chromium OS": ("cros", "linux"),
    "iOS": ("ios", "mac"),
}
_FETCH = ("dest", "mode", "site", "user")
_LATE = 900  # seconds since the hand-over; most scanners are done, and readers are usual
# A doubt that one late reader in seven or fewer gives cause for counts in full, and nothing if all
# do. As long as little is known, one in fifty is taken to.
_FULL = log(0.15)
_USUAL, _PRIOR = 0.02, 20.0
# What says even more where hardly anybody gives cause for it.
_SURELY = 0.01
_SURE = {"headers:no-language": 3.0, "headers:no-fetch": 1.5}


class Doubt(NamedTuple):
    """A reason to believe that a hit is a machine's."""

    points: float
    reason: str


_NO_DOUBT = Doubt(0.0, "")
# What a hit is taken for that nothing speaks against, by the role of its program.
_PLAIN = {
    "browser": Judgement(V.HUMAN, "agent:browser"),
    "mail-program": Judgement(V.HUMAN, "agent:mail-program"),
}
_OTHER = Judgement(V.HUMAN, "agent:other")
_UNKNOWN = Judgement(V.LIKELY_HUMAN, "headers:unknown")


class Look(NamedTuple):
    """What one hit says by itself. Hits that say the same share one."""

    agent: Agent
    is_picture: bool  # loads a picture; else it follows a link
    # What tells a program from others, as a number: its name, and which headers it sends. Whoever
    # borrows a browser's name seldom borrows its headers as well.
    program: int
    relay: str | None  # the relay whose addresses all are one network
    is_shared: bool  # strangers share the address: a relay's or a proxy's
    is_settled: bool  # leaves no doubt
    judgement: Judgement  # if nothing else speaks against it
    points: float  # that speak against it; infinitely many where a rule has settled it
    oddness: float  # the points that program and network give cause for
    strongest: float  # the points of the strongest doubt; 0.0: none
    reason: str  # of the strongest doubt; "": none


class _Glance(NamedTuple):
    """What one hit says by itself, before it is known how usual that is."""

    agent: Agent
    network: Network | None
    is_picture: bool
    program: Hashable
    settled: Judgement | None
    plain: Judgement  # if nothing speaks against it
    doubts: Sequence[Doubt]


def look_at_all(hits: Sequence[Evidence], networks: Networks) -> list[Look]:
    """Look at each hit by itself. Hits that say the same are looked at once."""
    latest = max((hit.at for hit in hits), default=0.0)
    chromium = _CHROMIUM[0] + (latest - _CHROMIUM[1]) / _CHROMIUM_EACH
    glances: list[_Glance] = []
    readers: list[int] = []  # for each glance, late programs in a network that gave it
    numbers: dict[Hashable, int] = {}
    counted: set[tuple[int, str, str]] = set()
    order: list[int] = []
    for hit in hits:
        _, _, kind, _, _, _, _, since, address, user_agent, marks = hit
        network = networks.find(address)
        # Programs send the same headers each time, and their marks are one object.
        key = (user_agent, kind, id(marks), network, not address)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(glances)
            glances.append(_glance(hit, network, chromium))
            readers.append(0)
        order.append(number)
        if since is None or since > _LATE:
            reader = (kind, user_agent, address)
            if reader not in counted and glances[number].settled is None:
                counted.add(reader)
                readers[number] += 1
    looks = _looks(glances, readers)
    return [looks[number] for number in order]


def _looks(glances: Sequence[_Glance], readers: Sequence[int]) -> list[Look]:
    usual = _Readers()
    if any(glance.doubts for glance in glances):
        for glance, count in zip(glances, readers, strict=True):
            usual.add(glance, count)
    programs: dict[Hashable, int] = {}  # numbers are quicker to compare
    return [
        _look(glance, usual.weigh(glance), programs.setdefault(glance.program, len(programs)))
        for glance in glances
    ]


def _look(glance: _Glance, doubts: Sequence[Doubt], program: int) -> Look:
    settled, network = glance.settled, glance.network
    oddness = sum(doubt.points for doubt in doubts)
    strongest = max(doubts, default=_NO_DOUBT)
    points = oddness
    if settled:
        points = inf if settled.verdict == V.SCANNER else -inf
    return Look(
        glance.agent,
        glance.is_picture,
        program,
        network.label if network and network.scope == "relay" else None,
        network is not None and network.scope in ("relay", "proxy"),
        settled is not None,
        settled or glance.plain,
        points,
        oddness,
        strongest.points,
        strongest.reason,
    )


class _Readers:
    """What is usual among those who act late enough to be people mostly.

    A doubt that many of them give cause for says little: something on the way removes a header, or
    all are told from afar.
    """

    def __init__(self) -> None:
        self._all: Counter[Hashable] = Counter()
        self._doubted: Counter[Hashable] = Counter()

    def add(self, glance: _Glance, count: int) -> None:
        """Count so many programs in a network."""
        if not count:
            return
        family = _family(glance)
        self._all[family] += count
        self._all[glance.is_picture] += count
        for doubt in glance.doubts:
            self._doubted[family, doubt.reason] += count
            self._doubted[glance.is_picture, doubt.reason] += count

    def weigh(self, glance: _Glance) -> list[Doubt]:
        """Return the doubts of a glance, weighed by how usual they are."""
        weighed = []
        for doubt in glance.doubts:
            usual = self._share(glance.is_picture, doubt.reason, _USUAL)
            usual = self._share(_family(glance), doubt.reason, usual)
            points = doubt.points * min(log(usual) / _FULL, 1.0) ** 2
            if usual < _SURELY and doubt.reason in _SURE:
                points = _SURE[doubt.reason]
            if points > 0.05:
                weighed.append(Doubt(points, doubt.reason))
        return weighed

    def _share(self, group: Hashable, reason: str, expected: float) -> float:
        """Return how many of a group give cause for a doubt; `expected` while little is known."""
        doubted = self._doubted[group, reason] + _PRIOR * expected
        return doubted / (self._all[group] + _PRIOR)


def _family(glance: _Glance) -> Hashable:
    agent = glance.agent
    return glance.is_picture, int(agent.role), agent.engine, agent.is_mobile


def _glance(hit: Evidence, network: Network | None, chromium: float) -> _Glance:
    agent = agents.read(hit.user_agent)
    settled = _settle(hit, agent, network)
    doubts = () if settled else _doubts(hit, agent, network, chromium)
    marks = hit.marks
    program = (hit.user_agent, "language" in marks, "mode" in marks, "brands" in marks)
    plain = _UNKNOWN if "unknown" in marks else _PLAIN.get(agent.name, _OTHER)
    return _Glance(agent, network, is_loading(hit.kind), program, settled, plain, doubts)


def is_loading(kind: int) -> bool:
    """Return whether a hit of this kind loads a picture; else it follows a link."""
    return kind in (OPEN, QUOTE)


def _settle(hit: Evidence, agent: Agent, network: Network | None) -> Judgement | None:
    """Return the judgement when the hit itself leaves no doubt."""
    marks = hit.marks
    if agent.role == Role.PREVIEW:
        return Judgement(V.PREVIEW, "agent:preview")
    if hit.kind == CANARY:
        return Judgement(V.SCANNER, "canary")
    if "method" in marks:
        return Judgement(V.SCANNER, "method:" + str(marks["method"]).lower()[:8])
    if agent.role == Role.ROBOT:
        return Judgement(V.SCANNER, "agent:" + agent.name)
    if "purpose" in marks:
        verdict = V.PRIVACY_PREFETCH if is_loading(hit.kind) else V.PREVIEW
        return Judgement(verdict, "purpose:prefetch")
    if agent.role == Role.NONE and not hit.network and "unknown" in marks:
        return Judgement(V.UNKNOWN, "evidence:none")
    return _settle_picture(hit, agent, network)


def _settle_picture(hit: Evidence, agent: Agent, network: Network | None) -> Judgement | None:
    """Tell the mail services that load pictures."""
    if agent.role in (Role.PROXY, Role.PREFETCH):
        # What loads pictures does not follow links: somebody uses its name.
        if not is_loading(hit.kind):
            return Judgement(V.SCANNER, "agent:pictures-only")
        verdict = V.PROXY_OPEN if agent.role == Role.PROXY else V.PRIVACY_PREFETCH
        return Judgement(verdict, "agent:" + agent.name)
    if is_loading(hit.kind) and network and network.scope == "proxy":
        return Judgement(V.PROXY_OPEN, f"network:{network.label}")
    return None


def _doubts(hit: Evidence, agent: Agent, network: Network | None, chromium: float) -> list[Doubt]:
    found = [*_of_agent(agent, is_loading(hit.kind), chromium), *_of_network(hit.kind, network)]
    if "unknown" not in hit.marks:
        for question in _QUESTIONS:
            found += question(hit, agent)
    return found


def _of_network(kind: int, network: Network | None) -> list[Doubt]:
    if network is None:
        return []
    if network.scope == "hosting" and not is_loading(kind):
        return [Doubt(1.25, f"network:{network.label}")]
    if network.scope == "scanner" or (network.scope == "clicks" and not is_loading(kind)):
        return [Doubt(3.0 if network.is_certain else 1.5, f"network:{network.label}")]
    return []


def _of_agent(agent: Agent, is_picture: bool, chromium: float) -> list[Doubt]:
    if agent.role == Role.NONE:
        return [Doubt(3.0, "agent:none")]
    if agent.role == Role.OTHER:
        # Mail programs are many; browsers are few, and all begin alike.
        return [Doubt(1.5 if is_picture else 3.0, "agent:no-browser")]
    if agent.role == Role.MAIL:
        return [] if is_picture else [Doubt(0.75, "agent:mail-program-clicks")]
    if not agent.engine:
        return [Doubt(2.0, "agent:no-engine")]
    if agent.engine == "trident":
        return [Doubt(1.0, "agent:outdated")]
    # On these systems the browser renews itself; a telephone's may be as old as the telephone.
    if agent.engine == "chromium" and agent.system in ("windows", "mac", "linux"):
        age = chromium - agent.version
        if age > 20:
            return [Doubt(1.5 if age > 45 else 0.75, "agent:outdated")]
    return []


def _language(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Each browser says which languages its reader has, and new ones what a request is for."""
    if agent.role == Role.MAIL:
        return []
    has_fetch = any(name in hit.marks for name in _FETCH)
    if "language" not in hit.marks:
        if not has_fetch and _says_what_for(agent):
            # Web proxies of offices may take headers away, and say so.
            return [Doubt(1.5 if "via" in hit.marks else 3.0, "headers:not-a-browser's")]
        return [Doubt(2.0, "headers:no-language")]
    if not has_fetch and _says_what_for(agent):
        return [Doubt(1.0, "headers:no-fetch")]
    return []


def _says_what_for(agent: Agent) -> bool:
    return agent.version >= _SAYS_WHAT_FOR.get(agent.engine, 1_000.0)


def _platform(hit: Evidence, agent: Agent) -> list[Doubt]:
    """Two headers of one program name the same system."""
    marks = hit.marks
    if marks.get("brands") == "headless":
        return [Doubt(4.0, "headers:headless")]
    if "brands" in marks and agent.engine in ("gecko", "webkit"):
        return [Doubt(3.0, "headers:foreign-brands")]
    systems = _PLATFORMS.get(str(marks.get("platform")))
    if systems and agent.system and agent.system not in systems:
        return [Doubt(3.0, "headers:platform")]
    if marks.get("mobile") == "?1" and agent.system in ("windows", "mac", "cros"):
        return [Doubt(2.0, "headers:mobile")]
    return []


def _what_for(hit: Evidence, agent: Agent) -> list[Doubt]:
    """A followed link asks for a page, a picture for a picture."""
    marks, found = hit.marks, []
    mode, dest, accept = marks.get("mode"), marks.get("dest"), marks.get("accept")
    if is_loading(hit.kind):
        if mode == "navigate" or dest == "document":
            found.append(Doubt(1.5, "headers:picture-as-page"))
    elif hit.kind in (CLICK, SHARE) and agent.role == Role.BROWSER:
        if (isinstance(mode, str) and mode != "navigate") or dest in ("image", "empty", "script"):
            found.append(Doubt(2.0, "headers:page-as-thing"))
        if accept in ("any", "other", "image"):
            found.append(Doubt(2.0, "headers:accept"))
    return found


def _old_ways(hit: Evidence, _agent: Agent) -> list[Doubt]:
    """What no browser does: half a page, a protocol of 1996, an address for complaints."""
    marks: Mapping[str, Any] = hit.marks
    found = []
    if "range" in marks:
        found.append(Doubt(1.5, "headers:range"))
    if "http" in marks:
        # Some old web proxies of offices still speak it.
        found.append(Doubt(0.75 if "via" in marks else 1.5, "headers:http-1.0"))
    if "from" in marks:
        found.append(Doubt(2.5, "headers:from"))
    return found


_Question = Callable[[Evidence, Agent], list[Doubt]]
_QUESTIONS: tuple[_Question, ...] = (_language, _platform, _what_for, _old_ways)
