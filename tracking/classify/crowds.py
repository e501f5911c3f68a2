"""What hits on many mails say of each other: who touches many people's mail at once? Pure.

An office behind one address, or a mobile carrier, has many readers too. They differ from a gateway
in when they act: people read hours apart from the hand-over and open a mail before they click,
while a gateway works on each mail as it comes in.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from tracking.classify.docket import SETTLES, Docket
from tracking.classify.spans import fullest

_SPAN = 60.0  # seconds
_SECONDS = 5.0
_FEW = 4  # people whose unopened mail one network clicks in that time by chance
_FEW_OTHERS = 0.35  # of the mails that machines touch in a network
_SURELY = 3  # mails
_RESTLESS = 3.5  # points for a program that is a machine at all hours
_SEVERAL = 6  # people of whom all but one would have to be early by chance


# By network and program: its clicks there, in the order of time; none of a relay's or a proxy's.
Crowds = Mapping[tuple[str, int], Sequence[int]]


def doubt_rounds(docket: Docket, crowds: Crowds) -> None:
    """Doubt a program in one place that goes from mail to mail, most of which nobody has open.

    Whatever the time since the hand-over: some gateways look at mail again in the night.
    """
    for clicks in crowds.values():
        times = [docket.at[index] for index in clicks]
        if not _is_busy(times):
            continue
        people = [docket.is_named[index] for index in clicks]
        in_five, in_minute = fullest(times, people, _SECONDS), fullest(times, people, _SPAN)
        if max(in_five) < _FEW and max(in_minute) <= _FEW:
            continue
        strangers = [
            person if index in docket.unopened else None
            for index, person in zip(clicks, people, strict=True)
        ]
        unopened = fullest(times, strangers, _SPAN)
        for place, index in enumerate(clicks):
            # The opened ones count as one stranger.
            if unopened[place] - 1 < 0.8 * in_minute[place] - 1:
                continue
            if in_five[place] >= _FEW or in_minute[place] >= 2 * _FEW:
                docket.doubt(index, 3.0, "crowd:rounds")
            elif in_minute[place] > _FEW:
                docket.doubt(index, 1.5, "crowd:rounds")


def doubt_early_birds(docket: Docket, crowds: Crowds) -> None:
    """Doubt a program in one place that is there right after each hand-over, and hardly later.

    Of people one in ten comes within minutes, and then for themselves alone.
    """
    for clicks in crowds.values():
        if len(clicks) < _SEVERAL:
            continue
        early = [index for index in clicks if docket.is_soon(index)]
        if len(early) < max(_SEVERAL, 0.9 * len(clicks)):
            continue
        people = len({docket.is_named[index] for index in early})
        if people >= _SEVERAL:
            for index in early:
                docket.doubt(index, 3.0 if people >= 2 * _SEVERAL else 2.0, "crowd:early")


def doubt_reputation(docket: Docket, crowds: Crowds) -> None:
    """Doubt a program in one place that was a machine on most of the other mail it touched.

    Less so when scanners are done: in an office whose gateway stands beside its readers, it may be
    one of them, with the same browser. But some machines are never done.
    """
    _doubt_neighbours(docket, crowds)
    for clicks in crowds.values():
        rest = [index for index in clicks if docket.points[index] < SETTLES]
        if len(clicks) < 2 or not 0 < len(rest) < len(clicks):
            continue  # all are a machine's, or none
        machines = {docket.mail[i] for i in clicks if docket.points[i] >= SETTLES}
        people = {docket.mail[index] for index in clicks}
        if len(machines) < max(2, 0.5 * len(people)):
            continue
        is_known = len(machines) >= 5 and len(machines) >= 0.8 * len(people)
        early = 3.0 if is_known else 1.5
        late = _RESTLESS if _works_late(docket, clicks) else 1.5
        for index in rest:
            docket.doubt(index, late if docket.is_late(index) else early, "crowd:known-machine")


def _works_late(docket: Docket, clicks: Sequence[int]) -> bool:
    """Return whether most mail that is touched late is touched by a machine, and some surely."""
    late = [index for index in clicks if docket.is_late(index)]
    machines = {docket.mail[index] for index in late if docket.is_machine(index)}
    if len(machines) < max(_FEW, 0.5 * len({docket.mail[index] for index in late})):
        return False
    return len({docket.mail[i] for i in late if docket.is_surely_machine(i)}) >= _SURELY


def _doubt_neighbours(docket: Docket, crowds: Crowds) -> None:
    """Doubt who comes from a network in which machines work, and hardly anybody else.

    People behind a gateway of their own have mostly opened the mail.
    """
    machines: defaultdict[str, set[int]] = defaultdict(set)
    others: defaultdict[str, list[int]] = defaultdict(list)
    for (network, _), clicks in crowds.items():
        for index in clicks:
            if docket.points[index] >= SETTLES:
                machines[network].add(docket.mail[index])
            else:
                others[network].append(index)
    for network, rest in others.items():
        known = len(machines[network])
        if known < 5 or len({docket.mail[index] for index in rest}) > _FEW_OTHERS * known:
            continue
        for index in rest:
            if docket.seen.get(index) not in ("own", "proxy"):
                docket.doubt(index, 2.0, "crowd:machines")


def _is_busy(times: Sequence[float]) -> bool:
    """Return whether so many clicks come in a minute, or in seconds, that it is worth a look."""
    return any(b - a <= _SPAN for a, b in zip(times, times[_FEW:], strict=False)) or any(
        b - a <= _SECONDS for a, b in zip(times, times[_FEW - 1 :], strict=False)
    )


def gather(docket: Docket) -> Crowds:
    """Return what each program in one network did in people's mail."""
    crowds: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    columns = (docket.is_picture, docket.is_shared, docket.is_named, docket.networks)
    for index, (is_picture, is_shared, is_named, network, program) in enumerate(
        zip(*columns, docket.programs, strict=True)
    ):
        if network and is_named and not (is_picture or is_shared):
            crowds[network, program].append(index)
    return crowds
