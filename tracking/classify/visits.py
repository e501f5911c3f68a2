"""What hits on one mail say of each other: what can one person do in so many seconds? Pure.

A person follows one link, reads, and comes back; at most they open two or three links in tabs.
They use one device at a time, they can't act before the mail is there, and they see the mail
before they follow its links. Scanners keep to none of this.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tracking.classify import beside
from tracking.classify.docket import SETTLES, Docket
from tracking.classify.spans import fullest
from tracking.classify.verdicts import WINDOW, Verdict

_CLOCKS = 3_600  # seconds; more than this before the hand-over is a wrong clock, not a hit
_LOOKS = 1.5  # seconds that a person needs at least from seeing a mail to following a link
_TABS = 0.15  # seconds; nobody hits two links within less
# Seconds since the hand-over -> points. Before the hand-over's answer nobody has the mail; then
# it has to be delivered, announced, found, opened and read.
_FIRST = 60  # seconds
_TOO_EARLY = ((0, 3.0), (3, 2.5), (10, 1.5), (_FIRST, 0.75))
_NEAREST = 20  # opens of a mail that are remembered, so that a flood costs no more
_REPEATS = 3  # times
_BESIDE = 60.0  # seconds; hits with longer pauses between them are no burst
# Points that are taken from a telephone's: gateways borrow the names of desktop browsers.
_PHONE = 0.5
_SOON = 2_400  # seconds since the hand-over in which slow machines come as well
_ODD = 1.0  # points for program and network from which that says something
_LONE = 0.75  # points that are taken from who is quick, where few are
_HAND = 0.35  # seconds; the shortest pause between two tabs
_EAGER = 0.4  # of the points for many links, if a reader opens them as quickly as a hand can


class Visit(NamedTuple):
    """The followed links of one mail, in the order of time."""

    indices: Sequence[int]
    times: Sequence[float]
    links: Sequence[int]


def doubt_timing(docket: Docket, mail: Sequence[int], loading: float, has_eager: bool) -> None:
    """Doubt what comes too early after the hand-over, the more if nobody had opened the mail.

    `loading`: how much it says in this campaign that a mail was not opened, from 0 to 1.
    `has_eager`: whether so few are quick in it that they may be people.
    """
    opened: list[int] = []
    for index in mail:
        is_machine = docket.points[index] >= SETTLES
        if docket.since[index] < _FIRST:
            _doubt_early(docket, index)
        if not docket.is_picture[index]:
            _doubt_click(docket, index, opened, loading)
            if has_eager and index in docket.lone and docket.since[index] < WINDOW:
                docket.trust(index, _LONE)
        elif not is_machine:
            opened.append(index)
            if len(opened) > _NEAREST:
                del opened[0]


def _doubt_click(docket: Docket, index: int, opened: Sequence[int], loading: float) -> None:
    at, since = docket.at[index], docket.since[index]
    is_first_minute = since < _FIRST
    if is_first_minute:
        docket.suspects.add(index)
    if opened and docket.at[opened[-1]] >= at - WINDOW:
        docket.seen[index] = _manner(docket, index, opened[-1])
        docket.since_open[index] = at - docket.at[opened[-1]]
    else:
        docket.unopened.add(index)
    if opened and at - docket.at[opened[0]] >= _LOOKS:
        # In the first minute gateways load the pictures as well.
        if not is_first_minute and any(
            _is_same_reader(docket, other, index)
            for other in opened
            if at - docket.at[other] >= _LOOKS
        ):
            docket.trust(index, 0.5)
    elif opened:
        if since < WINDOW:
            docket.doubt(index, 1.5, "early:open-and-click")
    elif loading and since < _SOON:
        _doubt_unopened(docket, index, loading)


def _doubt_unopened(docket: Docket, index: int, loading: float) -> None:
    since = docket.since[index]
    if since < WINDOW:
        docket.suspects.add(index)
        points = 2.0 - (_PHONE if docket.agents[index].is_mobile else 0.0)
        docket.doubt(index, points * loading, "early:not-opened")
    elif docket.oddness[index] > _ODD:
        docket.doubt(index, loading, "early:not-opened")


def _manner(docket: Docket, index: int, before: int) -> str:
    """Return by whom a mail was opened before it was clicked."""
    if docket.is_settled[before]:
        return "proxy" if docket.plain[before].verdict == Verdict.PROXY_OPEN else "apple"
    if docket.user_agents[index] == docket.user_agents[before]:
        return "own"
    return "near" if docket.networks[index] == docket.networks[before] else "else"


def _doubt_early(docket: Docket, index: int) -> None:
    since = docket.since[index]
    if since < -_CLOCKS:
        return
    for seconds, points in _TOO_EARLY:
        if since < seconds:
            docket.doubt(index, points, f"early:{seconds}s" if seconds else "early:before")
            return


def _is_same_reader(docket: Docket, one: int, other: int) -> bool:
    return (
        docket.is_settled[one]  # a proxy stands for its reader
        or docket.networks[one] == docket.networks[other]
        or docket.user_agents[one] == docket.user_agents[other]
    )


def doubt_burst(docket: Docket, clicks: Sequence[int], links: int) -> None:
    """Doubt more links, or more programs, within seconds than a person has hands.

    `clicks`: those on one mail, two at least. `links`: how many links of the campaign are known.
    """
    times = [docket.at[index] for index in clicks]
    if min(b - a for a, b in pairwise(times)) > _BESIDE:
        return
    programs = {docket.programs[index] for index in clicks}
    for party in _parties(docket, clicks):
        if len(party) > 1:
            _doubt_party(docket, party, links)
    if len(programs) > 1 or len({docket.own_networks[index] for index in clicks}) > 1:
        beside.doubt_programs(docket, clicks, times, len(programs))


def _parties(docket: Docket, clicks: Sequence[int]) -> list[Sequence[int]]:
    """Part the hits on a mail by who may be behind them.

    Soon after the hand-over all are taken together, since gateways use many names and addresses;
    later each program is taken by itself, since a person may click beside a machine.
    """
    keys = [docket.programs[index] if docket.is_late(index) else None for index in clicks]
    if len(set(keys)) == 1:
        return [clicks]
    parties: defaultdict[int | None, list[int]] = defaultdict(list)
    for index, key in zip(clicks, keys, strict=True):
        parties[key].append(index)
    return list(parties.values())


def _doubt_party(docket: Docket, party: Sequence[int], links: int) -> None:
    times = [docket.at[index] for index in party]
    followed = [docket.links[index] for index in party]
    if len(set(followed)) > 1:
        _doubt_links(docket, Visit(party, times, followed), links)
    if len(party) > _REPEATS:
        _doubt_repeats(docket, Visit(party, times, followed))


def _doubt_links(docket: Docket, party: Visit, links: int) -> None:
    """Doubt more links within seconds than a person follows."""
    indices, times, followed = party
    in_ten = fullest(times, followed, 10.0)
    if max(in_ten) < 2:
        return
    in_one, in_two = fullest(times, followed, 1.0), fullest(times, followed, 2.0)
    # Somebody who reads a list of links opens one tab after the other, as quickly as a hand can.
    hand = by_hand(times, followed)
    is_named = bool(docket.is_named[indices[0]])
    for place, index in enumerate(indices):
        count = in_two[place]
        share = hand if docket.is_eager(index) else 1.0
        if not is_named and _is_crowded(times, place, count):
            continue
        if count >= 3:
            # A quick hand opens three tabs in two seconds, one in a single second.
            points = 4.0
            if count == 3 and (in_one[place] < 3 or not is_named):
                points = 1.5 if docket.is_late(index) else 2.5 if is_named else 2.0
            points += 1.0 if count >= links else 0.0
            docket.doubt(index, points * share, "burst:links-2s")
        elif count == 2:
            points = 2.0 if _pause(times, followed, place) < _TABS else 0.75
            points += 0.5 if count >= links else 0.0
            docket.doubt(index, points * share, "burst:two-links-2s")
        docket.doubt(index, _points_in_ten(in_ten[place], links) * share, "burst:links-10s")


def by_hand(times: Sequence[float], links: Sequence[int]) -> float:
    """Return the share of points for links that may have been followed by hand; 1: too quick.

    It is for those who have just opened the mail (Docket.is_eager): a reader of a list of links
    opens one tab after the other.
    """
    moments = zip(times, links, strict=True)
    quickest = min((b[0] - a[0] for a, b in pairwise(moments) if a[1] != b[1]), default=_HAND)
    return _EAGER if quickest >= _HAND else 1.0


def _doubt_repeats(docket: Docket, party: Visit) -> None:
    """Doubt who follows one link again and again; a slow page is clicked two or three times."""
    repeated: defaultdict[int, list[int]] = defaultdict(list)
    for place, link in enumerate(party.links):
        repeated[link].append(place)
    for link, places in repeated.items():
        if link and len(places) > _REPEATS:
            counts = fullest([party.times[place] for place in places], places, 20.0)
            for place, count in zip(places, counts, strict=True):
                if count > _REPEATS:
                    docket.doubt(party.indices[place], 3.5, "burst:same-link")


def _points_in_ten(followed: int, links: int) -> float:
    """Return the points for following so many links in ten seconds, perhaps all that there are."""
    if followed >= links and followed >= 3:
        return 3.0 if followed > 4 else 1.75 if followed == 4 else 1.5
    return 3.0 if followed >= 6 else 0.75 if followed >= 4 else 0.0


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
