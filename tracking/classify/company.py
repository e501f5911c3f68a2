"""Who is near to a machine: the same program, or the same moment. Pure."""

from bisect import bisect_right
from collections.abc import Sequence

from tracking.classify.docket import Docket
from tracking.classify.spans import around
from tracking.classify.verdicts import CANARY


def doubt_company(docket: Docket, mail: Sequence[int]) -> None:
    """Doubt hits of a mail beside those that are a machine's: the same program, or the same moment.

    A hit on the hidden link weighs more, since no person sees it. A person's own click from
    elsewhere, or a while later, is left alone.
    """
    hits = docket.hits
    machines = [index for index in mail if docket.is_machine(index)]
    times = [hits[index].at for index in machines]
    for index in mail if machines else ():
        if docket.looks[index].settled or docket.is_machine(index):
            continue
        start, end = around(times, hits[index].at)
        near = (_kinship(docket, index, machine) for machine in machines[start:end])
        points, reason = max(near, default=(0.0, ""))
        known = docket.company.get(index, 0.0)
        if points > known:
            docket.company[index] = points
            docket.doubt(index, points - known, reason)
        if docket.is_machine(index):  # what comes after it is judged by it as well
            place = bisect_right(times, hits[index].at)
            times.insert(place, hits[index].at)
            machines.insert(place, index)


def _kinship(docket: Docket, index: int, machine: int) -> tuple[float, str]:
    """Return the points for a hit that is so near to a machine's."""
    hit, other = docket.hits[index], docket.hits[machine]
    apart = abs(hit.at - other.at)
    is_canary = other.kind == CANARY
    reason = "company:canary" if is_canary else "company:machine"
    same_network = hit.network == other.network != ""
    same_program = docket.program(index) == docket.program(machine)
    if same_network and same_program:
        # Who is hardly known for a machine says little about others.
        return (4.0 if is_canary else 3.0 if docket.is_surely_machine(machine) else 0.75), reason
    if same_program and hit.link == other.link and apart <= 3:  # it asked before it fetched
        return 3.0, reason
    if same_network and not same_program and docket.is_late(index) and not docket.is_odd(index):
        # A program on the reader's own computer, and then the reader.
        return (1.5 if is_canary else 0.75) if apart <= 30 else 0.0, reason
    if (same_network or same_program) and apart <= (60 if is_canary else 30):
        return (3.0 if is_canary else 1.5 if docket.is_late(index) else 2.0), reason
    if apart <= (10 if is_canary else 5):
        return (2.0 if is_canary else 1.0), reason
    return 0.0, ""
