"""What one hit says by itself: its program's name, its headers, its network. Pure.

Some hits are settled at once, because their program says what it is. All others say they are a
person's browser or mail program; for them doubts are collected, each with points that say how
seldom a person would give cause for it. Points: 3 settle it, 1 is worth a second look.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from math import ceil, inf, log
from typing import Any, NamedTuple

from tracking.classify import agents, headers
from tracking.classify.agents import Agent, Role
from tracking.classify.networks import Network, Networks
from tracking.classify.pulse import Pulse, beating, silent
from tracking.classify.verdicts import CANARY, Doubt, Evidence, Judgement, is_loading
from tracking.classify.verdicts import Verdict as V

# Chromium's version 141 came on 2025-10-01; since then (and long before) one in four weeks.
_CHROMIUM = (141, 1_759_276_800)
_CHROMIUM_EACH = 28 * 86_400  # seconds
_LATE = 900  # seconds since the hand-over; most scanners are done, and readers are usual
# A doubt that one late reader in seven or fewer gives cause for counts in full, and nothing if all
# do. As long as little is known, one in fifty is taken to.
_FULL = log(0.15)
_USUAL, _PRIOR = 0.02, 20.0
_SPELL = 600.0  # seconds
_LOADING = 0.1  # of those who come late; fewer with the picture are not all people
_EXPECTED = {"headers:no-user": 0.5}  # of what is left out here and there
# What nothing on the way does to a browser's request, and no browser either. It is usual only where
# nearly all do it: whoever wrote down what they saw may have made the headers up.
_NEARLY_ALL = 0.8
_IMPOSSIBLE = {
    f"headers:{what}"
    for what in ("accept", "foreign-accept", "foreign-brands", "page-as-thing", "range")
}
# What says even more where hardly anybody gives cause for it.
_SURELY = 0.01
_SURE = {"headers:no-language": 3.0, "headers:no-fetch": 1.5, "headers:no-user": 1.5}

# What comes late: the number of its glance, its network, and when.
_Reader = tuple[int, str, float]

# Headers by which programs of the same name differ.
_TELLING = ("language", "mode", "brands", "user")
_NO_DOUBT = Doubt(0.0, "")
# What a hit is taken for that nothing speaks against, by the role of its program.
_PLAIN = {
    "browser": Judgement(V.HUMAN, "agent:browser"),
    "mail-program": Judgement(V.HUMAN, "agent:mail-program"),
    "foreign": Judgement(V.LIKELY_HUMAN, "agent:foreign"),
}
# Some people's programs are named in the letters of their language; hardly a browser is.
_NAMELESS = {"none": Doubt(3.0, "agent:none"), "foreign": Doubt(0.75, "agent:foreign")}
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
    host: str | None  # who hires out the computers that are there
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
    family: Hashable  # what tells programs of its kind from others


def look_at_all(hits: Sequence[Evidence], networks: Networks, pulse: Pulse = silent) -> list[Look]:
    """Look at each hit by itself. Hits that say the same are looked at once."""
    latest = max((hit.at for hit in hits), default=0.0)
    chromium = _CHROMIUM[0] + ceil((latest - _CHROMIUM[1]) / _CHROMIUM_EACH)
    glances: list[_Glance] = []
    numbers: dict[Hashable, int] = {}
    # By program and network what came late: from whoever had the picture, and from all.
    opened: set[_Reader] = set()
    late: set[_Reader] = set()
    seen = {(hit.subscriber, hit.network) for hit in hits if is_loading(hit.kind)}
    order: list[int] = []
    for hit in beating(hits, pulse):
        _, at, kind, _, subscriber, _, _, since, address, user_agent, marks = hit
        network = networks.find(address)
        # Programs send the same headers each time, and their marks are one object.
        key = (user_agent, kind, id(marks), network, not address)
        number = numbers.get(key)
        if number is None:
            number = numbers[key] = len(glances)
            glances.append(_known(hit, network, chromium))
        order.append(number)
        if since is None or since > _LATE:
            # Many people may share a network and a program; they come at many times.
            reader = (number, address, at // _SPELL)
            late.add(reader)
            if (subscriber, address) in seen:
                opened.add(reader)
    # Who follows a link and never loads the picture may be anything, and says nothing here; but
    # where hardly anybody loads it, that is how people are.
    looks = _looks(glances, opened if len(opened) > _LOADING * len(late) else late)
    return [looks[number] for number in order]


def _looks(glances: Sequence[_Glance], readers: Iterable[_Reader]) -> list[Look]:
    usual = _Readers()
    if any(glance.doubts for glance in glances):
        spells = Counter((number, address) for number, address, _ in readers)
        for (number, _), count in spells.items():
            usual.add(glances[number], count)
    programs: dict[Hashable, int] = {}  # numbers are quicker to compare
    return [
        _look(
            glance,
            usual.weigh(glance) if glance.doubts else (),
            programs.setdefault(glance.program, len(programs)),
        )
        for glance in glances
    ]


def _look(glance: _Glance, doubts: Sequence[Doubt], program: int) -> Look:
    settled, network = glance.settled, glance.network
    oddness = sum([doubt.points for doubt in doubts])
    strongest = max(doubts) if doubts else _NO_DOUBT
    points = oddness
    if settled:
        points = inf if settled.verdict == V.SCANNER else -inf
    return Look(
        glance.agent,
        glance.is_picture,
        program,
        network.label if network and network.scope == "relay" else None,
        network.label if network and network.scope == "hosting" else None,
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
        """Count a program in a network, seen at so many times, as so many readers."""
        if glance.settled:
            return
        family = glance.family
        self._all[family] += count
        self._all[glance.is_picture] += count
        for doubt in glance.doubts:
            # However many come from a network, it is one.
            added = 1 if doubt.reason.startswith("network:") else count
            self._doubted[family, doubt.reason] += added
            self._doubted[glance.is_picture, doubt.reason] += added

    def weigh(self, glance: _Glance) -> list[Doubt]:
        """Return the doubts of a glance, weighed by how usual they are."""
        weighed = []
        for doubt in glance.doubts:
            expected = _EXPECTED.get(doubt.reason, _USUAL)
            usual = self._share(glance.is_picture, doubt.reason, expected)
            usual = self._share(glance.family, doubt.reason, usual)
            points = doubt.points * min(log(usual) / _FULL, 1.0) ** 2
            if doubt.reason in _IMPOSSIBLE and not self._is_common(glance.family, doubt.reason):
                points = doubt.points
            if usual < _SURELY and doubt.reason in _SURE:
                points = _SURE[doubt.reason]
            if points > 0.05:
                weighed.append(Doubt(points, doubt.reason))
        return weighed

    def _is_common(self, group: Hashable, reason: str) -> bool:
        """Return whether nearly all of a group give cause for a doubt."""
        return 0 < _NEARLY_ALL * self._all[group] <= self._doubted[group, reason]

    def _share(self, group: Hashable, reason: str, expected: float) -> float:
        """Return how many of a group give cause for a doubt; `expected` while little is known."""
        doubted = self._doubted[group, reason] + _PRIOR * expected
        return doubted / (self._all[group] + _PRIOR)


# Programs come again. The marks are held with what was found, or others might get their number.
_found: dict[Hashable, tuple[Mapping[str, Any], _Glance]] = {}
_MOST = 8_192


def _known(hit: Evidence, network: Network | None, chromium: int) -> _Glance:
    """Glance at a hit, if nothing that says the same has been seen before."""
    key = (hit.user_agent, hit.kind, id(hit.marks), network, not hit.network, chromium)
    found = _found.get(key)
    if found is None:
        if len(_found) >= _MOST:
            _found.clear()
        found = _found[key] = (hit.marks, _glance(hit, network, chromium))
    return found[1]


def _glance(hit: Evidence, network: Network | None, chromium: int) -> _Glance:
    marks = hit.marks
    is_foreign = marks.get("agent") == "foreign"
    agent = agents.FOREIGN if is_foreign else agents.read(hit.user_agent)
    settled = _settle(hit, agent, network)
    doubts = () if settled else _doubts(hit, agent, network, chromium)
    program = (hit.user_agent, is_foreign, *[name in marks for name in _TELLING])
    plain = _UNKNOWN if "unknown" in marks else _PLAIN.get(agent.name, _OTHER)
    is_picture = is_loading(hit.kind)
    family = (is_picture, int(agent.role), agent.engine, agent.is_mobile)
    return _Glance(agent, network, is_picture, program, settled, plain, doubts, family)


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


def _doubts(hit: Evidence, agent: Agent, network: Network | None, chromium: int) -> list[Doubt]:
    found = [*_of_agent(agent, is_loading(hit.kind), chromium), *_of_network(hit.kind, network)]
    if "unknown" not in hit.marks:
        found += headers.doubts(hit, agent)
    return found


def _of_network(kind: int, network: Network | None) -> list[Doubt]:
    if network is None:
        return []
    if network.scope == "hosting" and not is_loading(kind):
        return [Doubt(1.25, f"network:{network.label}")]
    if network.scope == "scanner" or (network.scope == "clicks" and not is_loading(kind)):
        return [Doubt(3.0 if network.is_certain else 1.5, f"network:{network.label}")]
    return []


def _of_agent(agent: Agent, is_picture: bool, chromium: int) -> list[Doubt]:
    if agent.name in _NAMELESS:
        return [_NAMELESS[agent.name]]
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
