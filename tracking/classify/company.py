"""Who is near to a machine: the same program, or the same moment. Pure."""

from bisect import bisect_right
from collections.abc import Sequence

from tracking.classify.docket import SETTLES, Docket
from tracking.classify.spans import around
from tracking.classify.verdicts import CANARY

_HOMES, _EACH = 3, 0.55  # places and links of a machine, at least; points for each of them


def doubt_company(docket: Docket, mail: Sequence[int]) -> None:
    """Doubt hits of a mail beside those that are a machine's: the same program, or the same moment.

    A hit on the hidden link weighs more, since no person sees it. A person's own click from
    elsewhere, or a while later, is left alone.
    """
    points_of, at = docket.points, docket.at
    machines = [index for index in mail if points_of[index] >= SETTLES]
    if not machines or len(machines) == len(mail):
        return
    times = [at[index] for index in machines]
    for index in mail:
        if docket.is_settled[index] or points_of[index] >= SETTLES:
            continue
        start, end = around(times, at[index])
        near = [_kinship(docket, index, machine) for machine in machines[start:end]]
        near.append(_hopping(docket, index, machines[start:end]))
        points, reason = max(near)
        known = docket.company.get(index, 0.0)
        if points > known:
            docket.company[index] = points
            docket.doubt(index, points - known, reason)
        if docket.is_machine(index):  # what comes after it is judged by it as well
            place = bisect_right(times, at[index])
            times.insert(place, at[index])
            machines.insert(place, index)


def _hopping(docket: Docket, index: int, machines: Sequence[int]) -> tuple[float, str]:
    """Return the points for one more link, from one more place, beside a machine with many homes.

    Such a machine follows each link once. Who opened the mail there is its reader.
    """
    if docket.is_picture[index] or docket.has_opened_there(index):
        return 0.0, ""
    homes = {docket.own_networks[machine] for machine in machines}
    links = {docket.links[machine] for machine in machines if not docket.is_picture[machine]}
    own, link = docket.own_networks[index], docket.links[index]
    if own in homes or link in links or min(len(homes), len(links)) < _HOMES:
        return 0.0, ""
    return min(_EACH * len(homes), SETTLES), "company:machine"


def _kinship(docket: Docket, index: int, machine: int) -> tuple[float, str]:
    """Return the points for a hit that is so near to a machine's."""
    apart = abs(docket.at[index] - docket.at[machine])
    is_canary = docket.kinds[machine] == CANARY
    reason = "company:canary" if is_canary else "company:machine"
    same_network = docket.networks[index] == docket.networks[machine] != ""
    same_program = docket.programs[index] == docket.programs[machine]
    if same_network and same_program:
        # Who is hardly known for a machine says little about others.
        return (4.0 if is_canary else 3.0 if docket.is_surely_machine(machine) else 0.75), reason
    same_link = docket.links[index] == docket.links[machine]
    if same_program and same_link and apart <= 3:  # it asked before it fetched
        return 3.0, reason
    if same_network and not same_program and docket.is_late(index) and not docket.is_odd(index):
        # A program on the reader's own computer, and then the reader.
        return (1.5 if is_canary else 0.75) if apart <= 30 else 0.0, reason
    if (same_network or same_program) and apart <= (60 if is_canary else 30):
        return (3.0 if is_canary else 1.5 if docket.is_late(index) else 2.0), reason
    if apart <= (10 if is_canary else 5):
        return (2.0 if is_canary else 1.0), reason
    return 0.0, ""
