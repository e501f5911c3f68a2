"""What parties do in many people's mail: is it likelier of a machine or of people? Pure.

A party is all clicks from one network or block of networks, by one program, or by one program from
one of these. For each mail that it touched, what is likelier of a machine adds to its evidence, and
what is likelier of a person takes from it. The unit is the nat: the logarithm of how many times
likelier. Several kinds of machines are thought of: one that works on each mail as it arrives, one
that does so some minutes later, one that goes through stored mail, one that acts when a person
opens a mail or follows a link, and one that follows every link of every mail.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import chain
from math import inf
from operator import itemgetter
from typing import NamedTuple

from tracking.classify import clocks, rounds
from tracking.classify.crowds import Crowds
from tracking.classify.docket import SETTLES, Docket
from tracking.classify.signs import Signs
from tracking.classify.spans import block

_LEAST = 3  # people; of fewer nothing can be said
_RARE = 4.0  # nats; parties of people are so much more common than machines
_POINTS = 0.5  # points for each nat above that
_WAITING = 0.25  # of what coming early loses (Signs.held_back), for a machine that waits
_WHOLE, _PART = 1.5, -1.8  # follows all links of a mail, or nearly all of many; some
_BOTH = 0.9  # follows both links of a mail that has two, as one reader in three does
_THOROUGH = 2.6  # points at most where strangers may share the party, unless
_ALL, _HASTY = 0.98, 12.0  # nearly all of its mails are so, and nats say that it is quick as well
_CLOCK = 3.5  # points at most: nobody is a clock
_SOON = 120.0  # seconds in which a machine is done with a mail
_SPARED, _MANY = 4, 4  # one link in so many may be left out, where so many are followed


class _Kind(NamedTuple):
    """What makes a party."""

    name: str
    most: float  # points at most; the more strangers may share it, the less it says
    patience: float  # how much weighs that not all people can have come by now
    fit: float  # nats that a hit of its own must have: somebody like it may read beside it


_NETWORK = _Kind("network", 3.5, 0.5, -0.2)
_BLOCK = _Kind("block", 2.0, 0.5, 0.5)
_PROGRAM = _Kind("program", 1.5, 1.0, 1.5)
_PROGRAM_THERE = _Kind("program there", 3.5, 0.5, -0.2)
_PROGRAM_NEAR = _Kind("program near", 3.5, 0.5, 0.5)


def doubt_parties(docket: Docket, crowds: Crowds, loading: float, links: Mapping[int, int]) -> None:
    """Doubt the clicks of parties that are likelier machines than people.

    `loading`: how much it says that a mail was not opened, from 0 (there are no pictures) to 1.
    `links`: how many each campaign has.
    """
    scale, signs = _Scale(), Signs(docket, crowds, loading)
    for kind, clicks in _gather(docket, crowds):
        if all(map(docket.is_surely_machine, clicks)):
            continue  # nothing is left to be found
        touches = rounds.touches(docket, clicks)
        if len({docket.is_named[touch] for touch in touches}) < _LEAST:
            continue
        _doubt_arrival(scale, docket, signs, kind, clicks, touches)
        if loading:
            guard = sum([signs.guard[touch] for touch in touches])
            scale.put(clicks, guard, kind.most, "party:guard")
        if len(clicks) >= 2 * _LEAST:
            _doubt_thorough(scale, docket, signs, kind, clicks, links)
        _doubt_clocks(scale, docket, clicks, touches)
        if len(touches) > _LEAST:
            _doubt_rounds(scale, docket, signs, kind, clicks, touches)
    for index, (points, reason) in scale.found.items():
        docket.doubt(index, points, reason)


class _Scale:
    """The points of each hit: those of the party that speaks most against it."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[float, str]] = {}

    def put(self, clicks: Sequence[int], nats: float, most: float, reason: str) -> None:
        points = min((nats - _RARE) * _POINTS, most)
        if points <= 0:
            return
        for click in clicks:
            if points > self.found.get(click, (0.0, ""))[0]:
                self.found[click] = (points, reason)


def _gather(docket: Docket, crowds: Crowds) -> Iterator[tuple[_Kind, Sequence[int]]]:
    """Return the clicks of each party, in the order of time."""
    blocks = _blocks(docket, crowds)
    groups: dict[_Kind, defaultdict[Hashable, list[Sequence[int]]]] = {
        kind: defaultdict(list) for kind in (_NETWORK, _BLOCK, _PROGRAM, _PROGRAM_NEAR)
    }
    networks, wide, programs, near = groups.values()
    for (network, program), clicks in crowds.items():
        programs[program].append(clicks)
        networks[network].append(clicks)
        block = blocks.get(network)
        if block:
            wide[block].append(clicks)
            near[block, program].append(clicks)
    for kind in (_NETWORK, _BLOCK, _PROGRAM, _PROGRAM_THERE, _PROGRAM_NEAR):
        parts = ([clicks] for clicks in crowds.values())
        for group in parts if kind is _PROGRAM_THERE else groups[kind].values():
            if len(group) == 1 and kind is not _PROGRAM_THERE:
                continue  # one program in one network, and nothing else
            clicks = _together(docket, kind, group)
            if len(clicks) >= _LEAST:
                yield kind, clicks


def _together(docket: Docket, kind: _Kind, group: Sequence[Sequence[int]]) -> Sequence[int]:
    """Return the clicks of a party, of which programs in networks have parts; empty: it is none."""
    if sum(map(len, group)) < _LEAST:
        return ()
    clicks = group[0] if len(group) == 1 else sorted(chain.from_iterable(group))
    if kind in (_NETWORK, _BLOCK):  # people may sit beside a machine that is known
        clicks = [click for click in clicks if docket.points[click] < SETTLES]
    if kind in (_BLOCK, _PROGRAM_NEAR) and len({docket.networks[click] for click in clicks}) < 2:
        return ()  # it is a party of that network itself
    return clicks


def _blocks(docket: Docket, crowds: Crowds) -> dict[str, str]:
    """Return the blocks of networks, of which more than one is seen; a host's are one block."""
    hosts = docket.hosts
    blocks = {
        network: hosts[clicks[0]] or block(network) for (network, _), clicks in crowds.items()
    }
    seen = Counter(blocks.values())
    return {network: block for network, block in blocks.items() if seen[block] > 1}


def _doubt_arrival(
    scale: _Scale,
    docket: Docket,
    signs: Signs,
    kind: _Kind,
    clicks: Sequence[int],
    touches: Sequence[int],
) -> None:
    arrival, held_back, patience = signs.arrival, signs.held_back, kind.patience
    opened = sum([signs.opened[touch] for touch in touches])
    opened += min([docket.oddness[touch] for touch in touches])
    on_arrival = sum([arrival[touch] + patience * held_back[touch] for touch in touches])
    delayed = signs.delayed
    waiting = sum([delayed[touch] + _WAITING * patience * held_back[touch] for touch in touches])
    nats = opened + max(on_arrival, waiting)
    if nats > _RARE:
        fitting = [click for click in clicks if arrival[click] + signs.opened[click] > kind.fit]
        scale.put(fitting, nats, kind.most, "party:arrival")


def _doubt_thorough(
    scale: _Scale,
    docket: Docket,
    signs: Signs,
    kind: _Kind,
    clicks: Sequence[int],
    links: Mapping[int, int],
) -> None:
    mail = docket.mail
    followed = {(mail[click], docket.links[click]) for click in clicks}
    counts = Counter(map(itemgetter(0), followed))
    whole = {
        number
        for number, count in counts.items()
        if _is_whole(count, links.get(docket.campaigns[docket.mails[number][0]], 0))
    }
    both = sum([counts[number] == 2 for number in whole])
    nats = (len(whole) - both) * _WHOLE + both * _BOTH + (len(counts) - len(whole)) * _PART
    if nats > _RARE:
        fitting = [click for click in clicks if mail[click] in whole]
        most = max(kind.most, _THOROUGH)
        if len(whole) > _ALL * len(counts):
            manner = rounds.manner(docket, signs, clicks, rounds.touches(docket, clicks))
            most = _NETWORK.most if manner.quick > _HASTY else most
        scale.put(fitting, nats, most, "party:thorough")


def _is_whole(followed: int, links: int) -> bool:
    """Return whether more of a mail's links were followed than a reader cares for."""
    most = links - links // _SPARED
    return followed > 1 and (followed >= links or followed >= max(most, _MANY))


def _doubt_clocks(
    scale: _Scale, docket: Docket, clicks: Sequence[int], touches: Sequence[int]
) -> None:
    mail, at = docket.mail, docket.at
    for struck, nats in clocks.rows([at[touch] for touch in touches]):
        if nats > _RARE:
            begun = {mail[touches[place]]: at[touches[place]] for place in struck}
            after = [(click, at[click] - begun.get(mail[click], inf)) for click in clicks]
            meant = [click for click, seconds in after if 0 <= seconds <= _SOON]
            scale.put(meant, nats, _CLOCK, "party:clock")


def _doubt_rounds(
    scale: _Scale,
    docket: Docket,
    signs: Signs,
    kind: _Kind,
    clicks: Sequence[int],
    touches: Sequence[int],
) -> None:
    for run in rounds.sweeps(docket, signs, clicks, touches):
        scale.put(run.clicks, run.nats, kind.most, "party:sweep")
    if kind in (_PROGRAM_THERE, _PROGRAM_NEAR):  # others have company, who come as well
        drops = rounds.drops(docket, clicks)
        scale.put(drops.clicks, drops.nats, kind.most, "party:drops")
    if kind is not _PROGRAM:  # which may be everybody's
        manner = rounds.manner(docket, signs, clicks, touches)
        walk = rounds.walk(docket, signs, clicks, manner, kind is not _PROGRAM_THERE)
        scale.put(walk.clicks, walk.nats, kind.most, "party:walk")
        for run in rounds.nights(docket, signs, clicks, manner) if signs.night else ():
            scale.put(run.clicks, run.nats, kind.most, "party:night")
