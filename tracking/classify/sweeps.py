"""Who follows all links of a mail, one after the other, or one from each of many places. Pure."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import chain

from tracking.classify.docket import SETTLES, Docket
from tracking.classify.spans import around, block, fullest, unevenness
from tracking.classify.verdicts import WINDOW
from tracking.classify.visits import by_hand

_SOME = 3  # links
_HOPPING = 60.0  # seconds
_HOPS = (0.0, 0.0, 1.25, 3.0)  # points for so many places
_MANY = 5  # links; fewer are soon all followed by a person as well


def doubt_parties(docket: Docket, clicks: Sequence[int]) -> None:
    """Doubt clicks in the first minutes by programs in different places: who has many homes?

    What is surely a machine's is left out: a person may click while one works.
    """
    _doubt_hops(docket, clicks)
    early = [
        index
        for index in clicks
        if docket.since[index] < WINDOW
        and not docket.is_surely_machine(index)
        and docket.seen.get(index) not in ("own", "near")
    ]
    if len(early) < 2:
        return
    programs = {docket.programs[index] for index in early}
    places = {docket.own_networks[index] for index in early}
    several = min(len(programs), len(places))
    for index in early if several > 1 else ():
        points = 1.0 if index in docket.suspects else 0.0
        docket.doubt(index, points + (1.5 if several > 2 else 0.0), "sweep:several-places")


def _doubt_hops(docket: Docket, clicks: Sequence[int]) -> None:
    """Doubt who follows one link after the other from another network each time.

    A telephone that leaves the house changes it once. By several programs, three links, each of
    them once, from three places: a reader has fewer hands, and a forwarded mail fewer in a minute.
    """
    networks = docket.own_networks
    if len({networks[index] for index in clicks}) < 2:
        return
    programs: defaultdict[str, list[int]] = defaultdict(list)
    for index in clicks:
        if networks[index] and not docket.is_shared[index]:
            programs[docket.user_agents[index]].append(index)
    for party in programs.values():
        if len(party) > 1:
            _doubt_places(docket, party, least=2)
    if len(programs) > 1:
        once = Counter(docket.links[index] for index in clicks)
        scattered = [
            index
            for index in sorted(chain.from_iterable(programs.values()))
            if once[docket.links[index]] == 1 and not docket.has_opened_there(index)
        ]
        _doubt_places(docket, scattered, least=_SOME)


def _doubt_places(docket: Docket, party: Sequence[int], *, least: int) -> None:
    """Doubt links that are followed from so many places, or more, within a minute."""
    networks = docket.own_networks
    if len({networks[index] for index in party}) < least:
        return
    times = [docket.at[index] for index in party]
    places = fullest(times, [block(networks[index]) for index in party], _HOPPING)
    links = fullest(times, [docket.links[index] for index in party], _HOPPING)
    for index, place, followed in zip(party, places, links, strict=True):
        if min(place, followed) >= least:
            docket.doubt(index, _HOPS[min(place, followed, 3)], "sweep:hops")


def doubt_sweep(docket: Docket, clicks: Sequence[int], links: int) -> None:
    """Doubt who follows all links of a mail, one after the other, over minutes.

    `links`: how many links of the campaign are known. Hits that are a machine's already are left
    out, so that nobody is blamed for a scanner that came before.
    """
    indices = [index for index in clicks if docket.points[index] < SETTLES]
    followed = [docket.links[index] for index in indices]
    if len(set(followed)) < _SOME:
        return
    times = [docket.at[index] for index in indices]
    hand = by_hand(times, followed)
    in_minute = fullest(times, followed, 60.0)
    in_window = fullest(times, followed, 2.0 * WINDOW)
    for place, index in enumerate(indices):
        if docket.is_early(index) and in_window[place] >= _SOME:
            points = 1.5 if in_minute[place] >= links else 0.0
            points += 0.75 if index in docket.suspects and in_window[place] > _SOME else 0.0
            docket.doubt(index, points, "sweep:at-once")
        elif index in docket.unopened and in_minute[place] >= max(links, _SOME + 1):
            docket.doubt(index, 1.0, "sweep:at-once")
        if _SOME < in_window[place] < _MANY:
            docket.doubt(index, _rhythm_points(times, place), "sweep:rhythm")
        share = hand if docket.is_eager(index) else 1.0
        if in_minute[place] >= 6:
            points = 2.5 if in_minute[place] >= 8 else 1.25
            docket.doubt(index, points * share, "sweep:links-60s")
        if in_window[place] >= _MANY:
            points = _sweep_points(in_window[place], links)
            points *= 0.5 if docket.is_late(index) else 1.0  # a keen reader
            points += _manner_points(docket, indices, times, place)
            docket.doubt(index, points * share, "sweep:links-10m")


def _sweep_points(followed: int, links: int) -> float:
    points = 2.5 if followed >= 12 else 1.5 if followed >= 8 else 0.5
    return points + (1.5 if followed >= 0.9 * links else 0.0)


def _manner_points(
    docket: Docket, indices: Sequence[int], times: Sequence[float], place: int
) -> float:
    """Return the points for how the links around `place` were followed."""
    start, end = around(times, times[place])
    near = indices[start:end]
    points = 1.5 * _rhythm_points(times, place)
    if len({docket.own_networks[index] for index in near}) > 2:
        points += 1.5
    if len({docket.user_agents[index] for index in near}) > 2:
        points += 0.75
    return points


def _rhythm_points(times: Sequence[float], place: int) -> float:
    """Return a point for pauses as even as a clock's."""
    start, end = around(times, times[place])
    if unevenness(times[start:end]) >= 0.35:
        return 0.0
    return 1.0 if end - start > _MANY else 0.5  # a few are even by chance
