"""The behaviours of strangers and oddities, parted by lot: some to tune with, some to test with."""

from random import Random

from tests.simulator.campaign import Group
from tests.simulator.oddities import PEOPLE
from tests.simulator.strangers import MACHINES

Groups = dict[Group, tuple[int, int, int]]


def _part(groups: Groups) -> tuple[Groups, Groups]:
    behaviours = sorted(groups, key=lambda behaviour: getattr(behaviour, "__name__", ""))
    Random(20_261_123).shuffle(behaviours)
    middle = len(behaviours) // 2
    return (
        {behaviour: groups[behaviour] for behaviour in behaviours[:middle]},
        {behaviour: groups[behaviour] for behaviour in behaviours[middle:]},
    )


_TUNING_MACHINES, _HELD_MACHINES = _part(MACHINES)
_TUNING_PEOPLE, _HELD_PEOPLE = _part(PEOPLE)
TUNING: Groups = _TUNING_MACHINES | _TUNING_PEOPLE
HELD_OUT: Groups = _HELD_MACHINES | _HELD_PEOPLE
