"""What parties do in many people's mail: is it likelier of a machine or of people? Pure.

A party is all clicks from one network or block of networks, by one program, or by one program from
one of these. For each mail that it touched, what is likelier of a machine adds to its evidence, and
what is likelier of a person takes from it. The unit is the nat: the logarithm of how many times
likelier. Several kinds of machines are thought of: one that works on each mail as it arrives, one
that does so some minutes later, one that goes through stored mail, one that acts when a person
opens a mail or follows a link, and one that follows every link of every mail.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from tracking.classify.docket import Docket
from tracking.classify.spans import unevenness

_LEAST = 3  # people; of fewer nothing can be said
_RARE = 4.0  # nats; parties of people are so much more common than machines
_POINTS = 0.5  # points for each nat above that

# Until so many seconds since the hand-over -> nats for a machine that works on arrival, and for one
# that waits. Of people 3, 6 and 15 in a hundred act in these spans, of the first kind 50, 30 and
# 17; but an office may well read within the hour.
_ENDS = (60.0, 300.0, 2_400.0)
_SPANS = ((2.8, 0.3), (1.6, 0.3), (0.1, 0.5), (-3.2, -3.2))
_UNKNOWN = (0.0, 0.0)
# Seconds from a hand-over to the last hit that is known -> nats that coming so early loses: of
# those who can have come by then, all people are early as well.
_HELD_BACK = (-2.8, -2.2, -1.4, 0.0)
# How the mail had been opened in the minutes before.
_OPENED = {"": 0.6, "own": -0.2, "near": -1.5, "proxy": -1.9, "else": -1.0, "apple": 0.0}
# Beside another click on the same link; soon after somebody else opened the mail; neither.
_DOUBLE, _QUICK, _APART = 1.6, 1.2, -1.6
_MOMENT = 4.5  # seconds from opening to clicking; one person in twenty is quicker
_WHOLE, _PART = 1.5, -1.8  # follows all links of a mail; some
_BY_CHANCE = 0.4  # how orderly people may be; nats for each mail that are added or taken
_BESIDE = 120.0  # seconds between mails of one sweep
_EVEN = 1.5  # pauses that are more even than chance makes them
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


class _Click(NamedTuple):
    """What one click adds to the evidence for each kind of machine."""

    place: int  # among the hits
    at: float
    since: float | None
    person: tuple[int, int, int]
    arrival: float
    delayed: float
    opened: float
    guard: float
    held_back: float  # of its arrival, since not all people can have come


def doubt_parties(docket: Docket, has_opens: bool, links: Mapping[int, int]) -> None:
    """Doubt the clicks of parties that are likelier machines than people.

    `has_opens`: whether there are any pictures at all. `links`: how many each campaign has.
    """
    scale = _Scale()
    for kind, clicks in _gather(docket, has_opens):
        touches = _touches(clicks)
        if len(touches) < _LEAST:
            continue
        _doubt_arrival(scale, kind, clicks, touches)
        if has_opens:
            scale.put(clicks, sum(touch.guard for touch in touches), kind.most, "party:guard")
        if kind not in (_NETWORK, _BLOCK) and len(clicks) >= 2 * _LEAST:
            _doubt_thorough(scale, docket, kind, clicks, links)
        for run in _runs(touches):
            nats = _sweep(run) if len(run) > _LEAST else 0.0
            if nats > _RARE:
                scale.put(_of_run(clicks, run), nats, kind.most, "party:sweep")
    for index, (points, reason) in scale.found.items():
        docket.doubt(index, points, reason)


class _Scale:
    """The points of each hit: those of the party that speaks most against it."""

    def __init__(self) -> None:
        self.found: dict[int, tuple[float, str]] = {}

    def put(self, clicks: Sequence[_Click], nats: float, most: float, reason: str) -> None:
        points = min((nats - _RARE) * _POINTS, most)
        if points <= 0:
            return
        for click in clicks:
            if points > self.found.get(click.place, (0.0, ""))[0]:
                self.found[click.place] = (points, reason)


def _gather(docket: Docket, has_opens: bool) -> Iterator[tuple[_Kind, list[_Click]]]:
    """Return the clicks of each party, in the order of time."""
    parties: dict[_Kind, defaultdict[Hashable, list[_Click]]] = {
        kind: defaultdict(list)
        for kind in (_NETWORK, _BLOCK, _PROGRAM, _PROGRAM_THERE, _PROGRAM_NEAR)
    }
    networks, blocks, programs, there, near = parties.values()
    last = docket.hits[-1].at if docket.hits else 0.0
    parts: dict[str, str] = {}
    for index, (hit, look) in enumerate(zip(docket.hits, docket.looks, strict=True)):
        if look.is_picture or not hit.network or not (hit.subscriber or hit.forward):
            continue
        if look.network and look.network.scope in ("relay", "proxy"):
            continue
        click = _click(docket, index, has_opens, last)
        block = parts.get(hit.network) or parts.setdefault(hit.network, _block(hit.network))
        if not docket.is_machine(index):  # people may sit beside a machine that is known
            networks[hit.network].append(click)
            blocks[block].append(click)
        programs[look.program].append(click)
        there[hit.network, look.program].append(click)
        near[block, look.program].append(click)
    _leave_out(docket, blocks)
    _leave_out(docket, near)
    for kind, groups in parties.items():
        for clicks in groups.values():
            if len(clicks) >= _LEAST:
                yield kind, clicks


def _leave_out(docket: Docket, blocks: defaultdict[Hashable, list[_Click]]) -> None:
    """Leave out the blocks of which one network only is seen, which is a party itself."""
    for key, clicks in list(blocks.items()):
        network = docket.hits[clicks[0].place].network
        if all(docket.hits[click.place].network == network for click in clicks):
            del blocks[key]


def _block(network: str) -> str:
    """Return the /16 of an IPv4, the /32 of an IPv6: what one operator has mostly."""
    mark = "." if "." in network else ":"
    return mark.join(network.split(mark, 2)[:2])


def _click(docket: Docket, index: int, has_opens: bool, last: float) -> _Click:
    hit = docket.hits[index]
    manner = docket.seen.get(index, "")
    guard = _APART
    if index in docket.doubles and manner not in ("own", "near"):
        guard = _DOUBLE
    elif manner not in ("", "own") and docket.since_open[index] < _MOMENT:
        guard = _QUICK
    since = hit.since_sent
    arrival, delayed = _UNKNOWN if since is None else _SPANS[bisect_right(_ENDS, since)]
    held_back = 0.0
    if since is not None:
        held_back = _HELD_BACK[bisect_right(_ENDS, last - hit.at + since)]
    opened = _OPENED[manner] if has_opens else 0.0
    person = (hit.campaign, hit.subscriber, hit.forward)
    return _Click(index, hit.at, since, person, arrival, delayed, opened, guard, held_back)


def _touches(clicks: Sequence[_Click]) -> list[_Click]:
    """Return the first click on each mail."""
    firsts: dict[tuple[int, int, int], _Click] = {}
    for click in clicks:
        firsts.setdefault(click.person, click)
    return list(firsts.values())


def _doubt_arrival(
    scale: _Scale, kind: _Kind, clicks: Sequence[_Click], touches: Sequence[_Click]
) -> None:
    opened = sum(touch.opened for touch in touches)
    arrival = opened + sum(touch.arrival + kind.patience * touch.held_back for touch in touches)
    delayed = opened + sum(touch.delayed for touch in touches)
    if max(arrival, delayed) > _RARE:
        fitting = [click for click in clicks if click.arrival + click.opened > kind.fit]
        scale.put(fitting, max(arrival, delayed), kind.most, "party:arrival")


def _doubt_thorough(
    scale: _Scale,
    docket: Docket,
    kind: _Kind,
    clicks: Sequence[_Click],
    links: Mapping[int, int],
) -> None:
    followed: defaultdict[tuple[int, int, int], set[int]] = defaultdict(set)
    for click in clicks:
        followed[click.person].add(docket.hits[click.place].link)
    whole = {
        person for person, seen in followed.items() if len(seen) >= max(links.get(person[0], 0), 2)
    }
    nats = len(whole) * _WHOLE + (len(followed) - len(whole)) * _PART
    if nats > _RARE:
        fitting = [click for click in clicks if click.person in whole]
        scale.put(fitting, nats, max(kind.most, 2.0), "party:thorough")


def _runs(touches: Sequence[_Click]) -> list[list[_Click]]:
    """Return touches that follow each other closely."""
    runs: list[list[_Click]] = [[touches[0]]]
    for before, touch in pairwise(touches):
        if touch.at - before.at > _BESIDE:
            runs.append([])
        runs[-1].append(touch)
    return runs


def _of_run(clicks: Sequence[_Click], run: Sequence[_Click]) -> list[_Click]:
    """Return all clicks on the mails of a run, without those that somebody else had opened."""
    people = {touch.person for touch in run if touch.opened > -0.5}
    end = run[-1].at + _BESIDE
    return [click for click in clicks if run[0].at <= click.at <= end and click.person in people]


def _sweep(run: Sequence[_Click]) -> float:
    """Return the evidence for a machine that goes through stored mail."""
    nats = sum(touch.opened for touch in run) + _order(run)
    times = [touch.at for touch in run]
    if len(run) >= 8 and unevenness(times) < 0.5:
        nats += _EVEN
    each = (times[-1] - times[0]) / len(run)
    return nats + next((more for pause, more in _TOGETHER if each < pause), 0.0)


def _order(run: Sequence[_Click]) -> float:
    """Return the evidence of mails that are taken in the order in which they were handed over."""
    sent = [touch.at - touch.since for touch in run if touch.since is not None]
    if len(sent) < len(run) or len(set(sent)) < 0.5 * len(run):  # not known, or all at once
        return 0.0
    if max(sent) - min(sent) > 0.5 * (run[-1].at - run[0].at):  # which explains the order
        return 0.0
    ranks = sorted(range(len(sent)), key=lambda place: (sent[place], -place))
    count = len(sent)
    off = sum((rank - place) ** 2 for place, rank in enumerate(ranks))
    likeness = 1.0 - 6.0 * off / (count * (count * count - 1))  # Spearman's
    return count * (likeness - _BY_CHANCE)
