"""Who follows links of one mail at the same time, by other programs or from elsewhere. Pure.

A person does so with one program. Gateways use several, and some look at a link at the moment at
which its reader follows it: of two such hits the odder one is the machine's.
"""

from collections import defaultdict
from collections.abc import Sequence

from tracking.classify.docket import COUNTS, Docket
from tracking.classify.spans import fullest

_ECHO = 15  # seconds
_DOUBLE = 30  # seconds
_GUARD = 5  # seconds within which a gateway looks at what its reader follows
_MINUTE = 60.0  # seconds
_COSTUMES = 2.5  # points for three programs in one place
_READER_IS_HERE = 1.0  # points less for whoever a machine looks with at a link
_READERS = 0.4  # of the points for several programs at once, if a reader may be one of them


def doubt_programs(
    docket: Docket, clicks: Sequence[int], times: Sequence[float], programs: int
) -> None:
    """Doubt programs and networks that follow links of one mail together.

    `clicks`: in the order of time, at these `times`. `programs`: how many there are.
    """
    if programs > 2:
        _doubt_costumes(docket, clicks, times)
    if programs > 1:
        _note_doubles(docket, clicks)
    _doubt_several(docket, clicks, times)


def _note_doubles(docket: Docket, indices: Sequence[int]) -> None:
    """Note who follows a link when another program does from elsewhere."""
    last: dict[int, int] = {}
    for index in indices:
        link = docket.links[index]
        before = last.get(link)
        if before is not None and docket.at[index] - docket.at[before] <= _DOUBLE:
            is_other = docket.user_agents[index] != docket.user_agents[before]
            if is_other and not _is_same_place(docket, index, before):
                # Of the two the odder one is the machine; which of equals is not known.
                one, two = docket.oddness[index], docket.oddness[before]
                if one != two:
                    odd, other = (index, before) if one > two else (before, index)
                    docket.doubles.add(odd)
                    is_guard = docket.oddness[odd] >= COUNTS > docket.oddness[other]
                    if is_guard and docket.at[index] - docket.at[before] <= _GUARD:
                        docket.trust(other, _READER_IS_HERE)
        last[link] = index


def _doubt_costumes(docket: Docket, indices: Sequence[int], times: Sequence[float]) -> None:
    """Doubt three programs or more that one network follows links of one mail with in a minute."""
    networks: defaultdict[str, list[int]] = defaultdict(list)
    for place, index in enumerate(indices):
        networks[docket.own_networks[index]].append(place)
    for places in networks.values():
        if len(places) > 2:
            programs = [docket.programs[indices[place]] for place in places]
            counts = fullest([times[place] for place in places], programs, _MINUTE)
            for place, count in zip(places, counts, strict=True):
                if count > 2:
                    docket.doubt(indices[place], _COSTUMES, "burst:costumes")


def _doubt_several(docket: Docket, indices: Sequence[int], times: Sequence[float]) -> None:
    """Doubt several programs or networks that follow links of one mail at the same time.

    Those that are a machine's already are left out: a person may click while one works.
    """
    places = [place for place, index in enumerate(indices) if not docket.is_machine(index)]
    if len(places) < 2:
        return
    indices, times = [indices[place] for place in places], [times[place] for place in places]
    programs = fullest(times, [docket.user_agents[index] for index in indices], 10.0)
    networks = fullest(times, [docket.own_networks[index] for index in indices], 10.0)
    for place, index in enumerate(indices):
        if docket.is_late(index):
            _doubt_echo(docket, indices, place)
        elif programs[place] > 1 and networks[place] > 1:
            points = 2.0 if programs[place] == 2 else 2.5
            points *= _blame(docket, indices, place)
            docket.doubt(index, points, "burst:several-programs")
        elif programs[place] > 1 or networks[place] > 1:
            docket.doubt(index, 1.5 if networks[place] > 2 else 0.75, "burst:several-programs")


def _doubt_echo(docket: Docket, indices: Sequence[int], place: int) -> None:
    """Doubt who follows a link from elsewhere seconds after it was followed.

    Some gateways look at a link when a person follows it, a moment before or after.
    """
    if place == 0:
        return
    index, before = indices[place], indices[place - 1]
    if not _is_echo(docket, index, before):
        return
    is_other_system = docket.agents[index].system != docket.agents[before].system
    points = 3.0 if is_other_system else 2.0
    if _is_readers(docket, index, before):
        index, before = before, index
    docket.doubt(index, points, "echo:elsewhere")
    docket.doubt(before, 0.75, "echo:elsewhere")


def _is_echo(docket: Docket, index: int, before: int) -> bool:
    return (
        docket.links[index] == docket.links[before]
        and abs(docket.at[index] - docket.at[before]) <= _ECHO
        and docket.user_agents[index] != docket.user_agents[before]
        and not _is_same_place(docket, index, before)
    )


def _blame(docket: Docket, indices: Sequence[int], place: int) -> float:
    """Return how much of the blame for hits at the same time is this one's.

    If a link is followed twice, the less odd of the two may be the reader's.
    """
    index = indices[place]
    beside = (*indices[max(place - 1, 0) : place], *indices[place + 1 : place + 2])
    is_reader = any(
        _is_readers(docket, index, other) and _is_echo(docket, index, other) for other in beside
    )
    return _READERS if is_reader else 1.0


def _is_readers(docket: Docket, one: int, other: int) -> bool:
    """Return whether of two hits the one is likelier a person's."""
    return docket.oddness[one] < min(docket.oddness[other], COUNTS)


def _is_same_place(docket: Docket, one: int, other: int) -> bool:
    """Return whether two hits may come from one place, which can have an IPv4 and an IPv6."""
    first, second = docket.own_networks[one], docket.own_networks[other]
    return first == second or (":" in first) != (":" in second)
