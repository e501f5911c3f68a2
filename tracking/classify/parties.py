"""What parties do in many people's mail: is it likelier of a machine or of people? Pure.

A party is all clicks from one network or block of networks, by one program, or by one program from
one of these. For each mail that it touched, what is likelier of a machine adds to its evidence, and
what is likelier of a person takes from it. The unit is the nat: the logarithm of how many times
likelier. Several kinds of machines are thought of: one that works on each mail as it arrives, one
that does so some minutes later, one that goes through stored mail, one that acts when a person
opens a mail or follows a link, and one that follows every link of every mail.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, pairwise
from math import isnan, log
from operator import itemgetter
from typing import NamedTuple

from tracking.classify.crowds import Crowds
from tracking.classify.docket import SETTLES, Docket
from tracking.classify.spans import block, unevenness

_LEAST = 3  # people; of fewer nothing can be said
_RARE = 4.0  # nats; parties of people are so much more common than machines
_POINTS = 0.5  # points for each nat above that

# Until so many seconds since the hand-over -> nats for a machine that works on arrival, and for one
# that waits. Of people 3, 6 and 15 in a hundred act in these spans, of the first kind 50, 30 and
# 17; but an office may well read within the hour.
_ENDS = (60.0, 300.0, 900.0, 2_400.0)
_SPANS = ((2.8, 0.6), (1.6, 0.9), (0.4, 0.9), (0.1, 0.5), (-3.2, -3.2))
# Seconds from a hand-over to the last hit that is known -> nats that coming so early loses: of
# those who can have come by then, all people are early as well.
_HELD_BACK = (-2.8, -2.2, -1.8, -1.4, 0.0)
_WAITING = 0.25  # of that is lost by a machine that waits
# How the mail had been opened in the minutes before.
_OPENED = {"": 0.6, "own": -0.2, "near": -1.5, "proxy": -1.9, "else": -1.0, "apple": 0.0}
# Beside another click on the same link; soon after somebody else opened the mail; neither.
_DOUBLE, _QUICK, _APART = 1.6, 1.2, -1.6
_MOMENT = 4.5  # seconds from opening to clicking; one person in twenty is quicker
_WHOLE, _PART = 1.5, -1.8  # follows all links of a mail, or nearly all of many; some
_SPARED, _MANY = 4, 4  # one link in so many may be left out, where so many are followed
_BY_CHANCE = 0.4  # how orderly people may be; nats for each mail that are added or taken
_BESIDE = 120.0  # seconds between mails of one sweep
_EVEN = 1.5  # pauses that are more even than chance makes them
_LATE = 900  # seconds since the hand-over; nearly all scanners are done by then
_HOUR = 3_600  # seconds
_NIGHTLY = 600.0  # seconds between mails of one round at an hour at which hardly anybody reads
_READERS = 50  # networks whose hours show when people read
_HARDLY = 0.7  # nats; about half of what comes at other hours
_NIGHT = 1.2  # nats at most for each mail at such an hour
_BY_DAY = -0.5  # nats for each mail at other hours
# Seconds for each mail -> nats for touching them all at once.
_TOGETHER = ((3.0, 4.0), (15.0, 2.0))


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
    scale, signs = _Scale(), _Signs(docket, crowds, loading)
    for kind, clicks in _gather(docket, crowds):
        touches = _touches(docket, clicks)
        if len({docket.is_named[touch] for touch in touches}) < _LEAST:
            continue
        _doubt_arrival(scale, docket, signs, kind, clicks, touches)
        if loading:
            guard = sum([signs.guard[touch] for touch in touches])
            scale.put(clicks, guard, kind.most, "party:guard")
        if len(clicks) >= 2 * _LEAST:
            _doubt_thorough(scale, docket, kind, clicks, links)
        if len(touches) > _LEAST:
            _doubt_sweeps(scale, docket, signs, kind, clicks, touches)
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
    blocks = _blocks(network for network, _ in crowds)
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


def _blocks(networks: Iterable[str]) -> dict[str, str]:
    """Return the blocks of networks, of which more than one is seen."""
    blocks = {network: block(network) for network in networks}
    seen = Counter(blocks.values())
    return {network: block for network, block in blocks.items() if seen[block] > 1}


class _Signs:
    """What each click adds to the evidence for each kind of machine."""

    def __init__(self, docket: Docket, crowds: Crowds, loading: float) -> None:
        self.arrival = [0.0] * len(docket.at)
        self.delayed = self.arrival.copy()
        self.held_back = self.arrival.copy()  # of its arrival, since not all people can have come
        self.opened = self.arrival.copy()
        self.guard = [_APART] * len(docket.at)
        last, seen = docket.at[-1], docket.seen
        for click in chain.from_iterable(crowds.values()):
            since = docket.since[click]
            if since == since:  # it is known
                span = bisect_right(_ENDS, since)
                self.arrival[click], self.delayed[click] = _SPANS[span]
                known = last - docket.at[click] + since
                self.held_back[click] = _HELD_BACK[bisect_right(_ENDS, known)]
            manner = seen.get(click, "")
            self.opened[click] = _OPENED[manner] if manner else _OPENED[manner] * loading
            if click in docket.doubles and manner not in ("own", "near"):
                self.guard[click] = _DOUBLE
            elif manner not in ("", "own") and docket.since_open[click] < _MOMENT:
                self.guard[click] = _QUICK
        self.night = _night(docket, crowds)


def _night(docket: Docket, crowds: Crowds) -> dict[int, float]:
    """Return the late clicks at hours at which hardly any network is seen, and the nats for each.

    People read by day, wherever most of them live; a machine does not care.
    """
    at, since = docket.at, docket.since
    hours: defaultdict[int, list[int]] = defaultdict(list)
    for click in chain.from_iterable(crowds.values()):
        if since[click] > _LATE:
            hours[int(at[click] // _HOUR) % 24].append(click)
    networks = docket.networks
    counts = {hour: len({networks[click] for click in hours[hour]}) for hour in hours}
    total = sum(counts.values())
    if total < _READERS:
        return {}
    night: dict[int, float] = {}
    for hour, clicks in hours.items():
        around = sum([counts.get((hour + beside) % 24, 0) for beside in (-1, 0, 1)])
        nats = log(total / 8 / (around + 1))  # against as many as at any time
        if nats > _HARDLY:
            night.update(dict.fromkeys(clicks, min(nats, _NIGHT)))
    return night


def _touches(docket: Docket, clicks: Sequence[int]) -> Sequence[int]:
    """Return the first click on each mail."""
    mail = docket.mail
    firsts = {mail[click]: click for click in reversed(clicks)}
    return clicks if len(firsts) == len(clicks) else sorted(firsts.values())


def _doubt_arrival(
    scale: _Scale,
    docket: Docket,
    signs: _Signs,
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
    nats = len(whole) * _WHOLE + (len(counts) - len(whole)) * _PART
    if nats > _RARE:
        fitting = [click for click in clicks if mail[click] in whole]
        scale.put(fitting, nats, max(kind.most, 2.6), "party:thorough")


def _is_whole(followed: int, links: int) -> bool:
    """Return whether more of a mail's links were followed than a reader cares for."""
    most = links - links // _SPARED
    return followed > 1 and (followed >= links or followed >= max(most, _MANY))


def _doubt_sweeps(
    scale: _Scale,
    docket: Docket,
    signs: _Signs,
    kind: _Kind,
    clicks: Sequence[int],
    touches: Sequence[int],
) -> None:
    for run in _runs(docket, touches, _BESIDE):
        nats = _sweep(docket, signs, run)
        if nats > _RARE:
            scale.put(_of_run(docket, signs, clicks, run), nats, kind.most, "party:sweep")
    if signs.night and kind is not _PROGRAM:
        _doubt_nightly(scale, docket, signs, kind, clicks)


def _doubt_nightly(
    scale: _Scale, docket: Docket, signs: _Signs, kind: _Kind, clicks: Sequence[int]
) -> None:
    """Doubt who goes from mail to mail, slowly, at hours at which hardly anybody else reads."""
    night, since = signs.night, docket.since
    dark = [click for click in clicks if click in night]
    if len(dark) <= _LEAST:
        return
    touches = _touches(docket, dark)
    late = {docket.mail[click] for click in clicks if since[click] > _LATE}
    by_day = (len(late) - len(touches)) * _BY_DAY
    for run in _runs(docket, touches, _NIGHTLY):
        nats = sum([night[touch] + signs.opened[touch] for touch in run]) + by_day
        if nats > _RARE:
            scale.put(_of_run(docket, signs, dark, run), nats, kind.most, "party:night")


def _runs(docket: Docket, touches: Sequence[int], beside: float) -> Iterator[Sequence[int]]:
    """Return touches that follow each other closely, if they are many enough to say something."""
    times = [docket.at[touch] for touch in touches]
    pauses = enumerate(pairwise(times), 1)
    ends = [place for place, (before, at) in pauses if at - before > beside]
    for start, end in pairwise((0, *ends, len(times))):
        if end - start > _LEAST:
            yield touches[start:end]


def _of_run(docket: Docket, signs: _Signs, clicks: Sequence[int], run: Sequence[int]) -> list[int]:
    """Return all clicks on the mails of a run, without those that somebody else had opened."""
    at, mail = docket.at, docket.mail
    people = {mail[touch] for touch in run if signs.opened[touch] > -0.5}
    start, end = at[run[0]], at[run[-1]] + _BESIDE
    return [click for click in clicks if start <= at[click] <= end and mail[click] in people]


def _sweep(docket: Docket, signs: _Signs, run: Sequence[int]) -> float:
    """Return the evidence for a machine that goes through stored mail."""
    times = [docket.at[touch] for touch in run]
    sent = [docket.at[touch] - docket.since[touch] for touch in run]
    nats = sum([signs.opened[touch] for touch in run]) + _order(times, sent)
    if len(run) >= 8 and unevenness(times) < 0.5:
        nats += _EVEN
    each = (times[-1] - times[0]) / len(run)
    return nats + next((more for pause, more in _TOGETHER if each < pause), 0.0)


def _order(times: Sequence[float], sent: Sequence[float]) -> float:
    """Return the evidence of mails that are taken in the order in which they were handed over."""
    if any(map(isnan, sent)) or len(set(sent)) < 0.5 * len(sent):  # not known, or all at once
        return 0.0
    if max(sent) - min(sent) > 0.5 * (times[-1] - times[0]):  # which explains the order
        return 0.0
    ranks = sorted(range(len(sent)), key=lambda place: (sent[place], -place))
    count = len(sent)
    off = sum((rank - place) ** 2 for place, rank in enumerate(ranks))
    likeness = 1.0 - 6.0 * off / (count * (count * count - 1))  # Spearman's
    return count * (likeness - _BY_CHANCE)
