"""What each click adds to the evidence for each kind of machine, in nats. Pure.

The nat is the logarithm of how many times likelier something is of a machine than of a person.
tracking/classify/parties.py adds up what a party did, rounds.py what it did one after the other.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain
from math import log

from tracking.classify.crowds import Crowds
from tracking.classify.docket import Docket

# Until so many seconds since the hand-over -> nats for a machine that works on arrival, and for one
# that waits. Of people 3, 6 and 15 in a hundred act in these spans, of the first kind 50, 30 and
# 17; but an office may well read within the hour.
_ENDS = (60.0, 300.0, 900.0, 2_400.0)
_SPANS = ((2.8, 0.6), (1.6, 0.9), (0.4, 0.9), (0.1, 0.5), (-3.2, -3.2))
# Seconds from a hand-over to the last hit that is known -> nats that coming so early loses: of
# those who can have come by then, all people are early as well.
_HELD_BACK = (-2.8, -2.2, -1.8, -1.4, 0.0)
# How the mail had been opened in the minutes before.
_OPENED = {"": 0.6, "own": -0.2, "near": -1.5, "proxy": -1.9, "else": -1.0, "apple": 0.0}
# Beside another click on the same link; soon after somebody else opened the mail; neither.
_DOUBLE, _QUICK, _APART = 1.6, 1.2, -1.6
_MOMENT = 4.5  # seconds from opening to clicking; one person in twenty is quicker
_LATE = 900  # seconds since the hand-over; nearly all scanners are done by then
_HOUR = 3_600  # seconds
_READERS = 50  # networks whose hours show when people read
_HARDLY = 0.7  # nats; about half of what comes at other hours
_NIGHT = 1.2  # nats at most for each mail at such an hour
# Until so many seconds from the picture to a link, or from one link to the next -> nats. People
# read in between, one in four opens a tab at once; machines have nothing to read.
_PAUSES = (5.0, 9.0, 15.0)
_PACES = (1.5, 0.5, -0.7, -2.0)
_HASTY, _PRIOR = 0.35, 20.0  # of people's visits are quick; visits of which that is taken as given
_BREAK = 600.0  # seconds; who comes back after that may be anything


class Signs:
    """What each click adds to the evidence for each kind of machine."""

    def __init__(self, docket: Docket, crowds: Crowds, loading: float) -> None:
        """`loading`: how much it says that a mail was not opened, from 0 to 1."""
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
        self.pace = _pace(docket)
        self.haste = _haste(docket, self.pace)  # how much it says that somebody is quick: 0 to 1


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


def _pace(docket: Docket) -> dict[int, float]:
    """Return the nats of clicks before which the same program had done something in the mail."""
    at, links, programs, seen = docket.at, docket.links, docket.programs, docket.seen
    pauses: dict[int, float] = {}
    for clicks in docket.clicks:
        last: dict[int, int] = {}
        for click in clicks:
            before = last.get(programs[click])
            last[programs[click]] = click
            if before is None:
                if seen.get(click) == "own":
                    pauses[click] = docket.since_open[click]
            elif links[click] != links[before]:
                pauses[click] = at[click] - at[before]
    return {
        click: _PACES[bisect_right(_PAUSES, pause)]
        for click, pause in pauses.items()
        if pause < _BREAK
    }


def _haste(docket: Docket, pace: Mapping[int, float]) -> float:
    """Return how much it says that somebody is quick, where so many people are.

    A list of offers is read by opening one tab after the other. People are those who come late,
    from networks of their own, with nothing odd about them.
    """
    visits: defaultdict[int, float] = defaultdict(float)
    for click, nats in pace.items():
        if click in docket.lone and docket.is_late(click) and not docket.is_odd(click):
            visits[docket.mail[click]] += nats
    quick = sum([nats > 0 for nats in visits.values()])
    share = (quick + _PRIOR * _HASTY) / (len(visits) + _PRIOR)
    return min(log(share) / log(_HASTY), 1.0)
