"""What hits on one mail say of each other: what can one person do in so many seconds? Pure.

A person follows one link, reads, and comes back; at most they open two or three links in tabs.
They use one device at a time, they can't act before the mail is there, and they see the mail
before they follow its links. Scanners keep to none of this.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Collection, Sequence
from typing import NamedTuple

from tracking.classify.alone import is_loading
from tracking.classify.docket import Docket
from tracking.classify.spans import fullest, unevenness
from tracking.classify.verdicts import CANARY, WINDOW

_CLOCKS = 3_600  # seconds; more than this before the hand-over is a wrong clock, not a hit
_LOOKS = 1.5  # seconds that a person needs at least from seeing a mail to following a link
_TABS = 0.15  # seconds; nobody hits two links within less
# Seconds since the hand-over -> points. Before the hand-over's answer nobody has the mail; then
# it has to be delivered, announced, found, opened and read.
_FIRST = 60  # seconds
_TOO_EARLY = ((0, 3.0), (3, 2.5), (10, 1.5), (_FIRST, 0.75))
# Of one mail's hits as many are compared, before and after, so that a flood costs no more.
_NEAREST = 20
_MANY = 5  # links; fewer are soon all followed by a person as well


class Visit(NamedTuple):
    """The followed links of one mail, in the order of time."""

    indices: list[int]
    times: list[float]
    links: list[int]


def visit(docket: Docket, mail: Sequence[int]) -> Visit:
    """Return the followed links among the hits of a mail."""
    hits = docket.hits
    indices = [index for index in mail if not is_loading(hits[index].kind)]
    return Visit(
        indices, [hits[index].at for index in indices], [hits[index].link for index in indices]
    )


def doubt_timing(docket: Docket, mail: Sequence[int], has_opens: bool) -> None:
    """Doubt what comes too early after the hand-over, the more if nobody had opened the mail.

    `has_opens`: whether the campaign has any opens; else it has no picture, and that a mail was not
    opened says nothing.
    """
    hits = docket.hits
    opened: deque[int] = deque(maxlen=_NEAREST)
    for index in mail:
        if not is_loading(hits[index].kind):
            _doubt_click(docket, index, opened, has_opens)
            continue
        if not docket.is_machine(index):
            opened.append(index)
        _doubt_early(docket, index)


def _doubt_click(docket: Docket, index: int, opened: Collection[int], has_opens: bool) -> None:
    hit = docket.hits[index]
    _doubt_early(docket, index)
    since = hit.since_sent
    is_first_minute = since is not None and since < _FIRST
    if is_first_minute:
        docket.suspects.add(index)
    seen = [before for before in opened if hit.at - docket.hits[before].at >= _LOOKS]
    if seen:
        # In the first minute gateways load the pictures as well.
        if not is_first_minute and any(_is_same_reader(docket, other, index) for other in seen):
            docket.trust(index, 0.75)
    elif since is not None and since < WINDOW:
        if opened:
            docket.doubt(index, 1.5, "early:open-and-click")
        elif has_opens:
            docket.suspects.add(index)
            docket.doubt(index, 2.25 if is_first_minute else 1.5, "early:not-opened")


def _doubt_early(docket: Docket, index: int) -> None:
    since = docket.hits[index].since_sent
    if since is None or since < -_CLOCKS:
        return
    for seconds, points in _TOO_EARLY:
        if since < seconds:
            docket.doubt(index, points, f"early:{seconds}s" if seconds else "early:before")
            return


def _is_same_reader(docket: Docket, one: int, other: int) -> bool:
    first, second = docket.hits[one], docket.hits[other]
    if docket.looks[one].settled:  # a proxy stands for its reader
        return True
    return first.network == second.network or first.user_agent == second.user_agent


def doubt_burst(docket: Docket, mail: Sequence[int]) -> None:
    """Doubt more links, or more programs, within seconds than a person has hands."""
    indices, times, links = visit(docket, mail)
    if len(indices) < 2:
        return
    in_two = fullest(times, links, 2.0)
    in_ten = fullest(times, links, 10.0)
    is_named = bool(docket.hits[indices[0]].subscriber or docket.hits[indices[0]].forward)
    for place, index in enumerate(indices):
        if not is_named and _is_crowded(times, place, in_two[place]):
            continue
        if in_two[place] >= 3:
            docket.doubt(index, 4.0 if is_named or in_two[place] > 3 else 2.0, "burst:links-2s")
        elif in_two[place] == 2:
            points = 2.0 if _pause(times, links, place) < _TABS else 1.0
            docket.doubt(index, points, "burst:two-links-2s")
        if in_ten[place] >= 4:
            docket.doubt(index, 3.0 if in_ten[place] >= 6 else 1.5, "burst:links-10s")
    _doubt_programs(docket, indices, times)


def _is_crowded(times: Sequence[float], place: int, links: int) -> bool:
    """Return whether so many hits come from here all the time that a few at once are chance."""
    around = bisect_right(times, times[place] + 60) - bisect_left(times, times[place] - 60)
    return around > 3 * links


def _pause(times: Sequence[float], links: Sequence[int], place: int) -> float:
    """Return the seconds to the nearest hit on another link, of the hits beside this one."""
    return min(
        abs(times[place] - times[beside])
        for beside in range(max(place - 3, 0), min(place + 4, len(times)))
        if beside == place or links[beside] != links[place]
        if beside != place
    )


def _doubt_programs(docket: Docket, indices: Sequence[int], times: Sequence[float]) -> None:
    """Doubt several programs or networks that follow links of one mail at the same time."""
    hits = docket.hits
    programs = fullest(times, [hits[index].user_agent for index in indices], 10.0)
    networks = fullest(times, [_own_network(docket, index) for index in indices], 10.0)
    for place, index in enumerate(indices):
        if programs[place] > 1 and networks[place] > 1:
            points = 2.0 if programs[place] == 2 else 2.5
            docket.doubt(index, points, "burst:several-programs")
        elif programs[place] > 1:
            docket.doubt(index, 0.75, "burst:several-programs")
        elif networks[place] > 2:
            docket.doubt(index, 1.5, "burst:several-networks")


def _own_network(docket: Docket, index: int) -> str:
    """Return a hit's network; a relay's addresses, and IPv4 beside IPv6, are one."""
    known = docket.looks[index].network
    if known and known.scope == "relay":
        return known.label
    return docket.hits[index].network


def doubt_sweep(docket: Docket, mail: Sequence[int], links: int) -> None:
    """Doubt who follows all links of a mail, one after the other, over minutes.

    `links`: how many links of the campaign are known. Hits that are a machine's already are left
    out, so that nobody is blamed for a scanner that came before.
    """
    whole = visit(docket, mail)
    rest = [place for place, index in enumerate(whole.indices) if not docket.is_machine(index)]
    if len(rest) < _MANY:
        return
    indices = [whole.indices[place] for place in rest]
    times = [whole.times[place] for place in rest]
    followed = [whole.links[place] for place in rest]
    in_minute = fullest(times, followed, 60.0)
    in_window = fullest(times, followed, WINDOW)
    for place, index in enumerate(indices):
        if in_minute[place] >= 6:
            docket.doubt(index, 2.5 if in_minute[place] >= 8 else 1.25, "sweep:links-60s")
        if in_window[place] >= _MANY:
            points = _sweep_points(in_window[place], links)
            points += _manner_points(docket, indices, times, place)
            docket.doubt(index, points, "sweep:links-5m")


def _sweep_points(followed: int, links: int) -> float:
    points = 2.5 if followed >= 12 else 1.5 if followed >= 8 else 0.5
    return points + (1.5 if followed >= 0.9 * links else 0.0)


def _manner_points(
    docket: Docket, indices: Sequence[int], times: Sequence[float], place: int
) -> float:
    """Return the points for how the links around `place` were followed."""
    start, end = _around(times, times[place])
    hits = [docket.hits[index] for index in indices[start:end]]
    uneven = unevenness(times[start:end])
    points = 1.5 if uneven < 0.35 else 0.0
    if len({_own_network(docket, index) for index in indices[start:end]}) > 2:
        points += 1.5
    if len({hit.user_agent for hit in hits}) > 2:
        points += 0.75
    return points


def doubt_company(docket: Docket, mail: Sequence[int]) -> None:
    """Doubt hits of a mail beside those that are a machine's: the same program, or the same moment.

    A hit on the hidden link weighs more, since no person sees it. A person's own click from
    elsewhere, or a while later, is left alone.
    """
    hits = docket.hits
    machines = [index for index in mail if docket.is_machine(index)]
    if not machines:
        return
    times = [hits[index].at for index in machines]
    for index in mail:
        if docket.looks[index].settled or docket.is_machine(index):
            continue
        start, end = _around(times, hits[index].at)
        points, reason = max(
            (_kinship(docket, index, machine) for machine in machines[start:end]),
            default=(0.0, ""),
        )
        if points:
            docket.doubt(index, points, reason)


def _around(times: Sequence[float], at: float) -> tuple[int, int]:
    """Return the part of `times` that is near to a moment."""
    place = bisect_left(times, at)
    start = max(bisect_left(times, at - WINDOW), place - _NEAREST)
    return start, min(bisect_right(times, at + WINDOW), place + _NEAREST + 1)


def _kinship(docket: Docket, index: int, machine: int) -> tuple[float, str]:
    """Return the points for a hit that is so near to a machine's."""
    hit, other = docket.hits[index], docket.hits[machine]
    apart = abs(hit.at - other.at)
    is_canary = other.kind == CANARY
    reason = "company:canary" if is_canary else "company:machine"
    same_network = hit.network == other.network != ""
    same_program = hit.user_agent == other.user_agent
    if same_network and same_program:
        return (4.0 if is_canary else 3.0), reason
    if (same_network or same_program) and apart <= (60 if is_canary else 30):
        return (3.0 if is_canary else 2.0), reason
    if apart <= (10 if is_canary else 5):
        return (2.0 if is_canary else 1.0), reason
    return 0.0, ""
