"""Who goes from mail to mail like a clock? Pure.

People's clicks come like raindrops, however many people there are: half of the pauses between them
are shorter than seven tenths of the usual one. A machine that waits as long after each mail shows,
from however many places it comes.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median

_LEAST = 8  # mails in a row; of fewer too many are even by chance
_BESIDE = 120.0  # seconds between mails of one row, at most
_SHORTEST = 1.0  # seconds; times that were rounded make shorter pauses look even
_ALIKE = 0.5  # pauses that are the same to the millisecond: somebody made them up, or rounded them
_NEAR = 1.22  # pauses so many times longer or shorter than the usual one are as long
# Of people's pauses 14 in a hundred are, of a clock's 80: nats for one that is, and one that isn't.
_IN_TIME, _OUT_OF_TIME = 1.75, -1.45
_FITTED = -2.0  # nats, since the usual pause was taken from the pauses themselves


def rows(times: Sequence[float]) -> Iterator[tuple[Sequence[int], float]]:
    """Return of each row of moments those that a clock would have struck, and the evidence.

    The moments are places in `times` (seconds, in order), the evidence is in nats.
    """
    ends = [end for end, (a, b) in enumerate(pairwise(times), 1) if b - a > _BESIDE]
    for start, end in pairwise((0, *ends, len(times))):
        if end - start >= _LEAST:
            yield _row(times, start, end)


def _row(times: Sequence[float], start: int, end: int) -> tuple[Sequence[int], float]:
    pauses = [later - earlier for earlier, later in pairwise(times[start:end])]
    usual = median(pauses)
    if usual < _SHORTEST or len({round(pause, 3) for pause in pauses}) < _ALIKE * len(pauses):
        return (), 0.0
    in_time = [
        place for place, pause in enumerate(pauses) if usual / _NEAR <= pause <= usual * _NEAR
    ]
    others = len(pauses) - len(in_time)
    struck = {start + place + after for place in in_time for after in (0, 1)}
    return sorted(struck), len(in_time) * _IN_TIME + others * _OUT_OF_TIME + _FITTED
