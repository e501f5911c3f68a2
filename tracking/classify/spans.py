"""How much happens within some seconds, and within a block of networks. Pure."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Hashable, Sequence
from itertools import pairwise

from tracking.classify.verdicts import WINDOW

# As many moments are compared, before and after, so that a flood costs no more.
_NEAREST = 20


def fullest(times: Sequence[float], things: Sequence[Hashable], span: float) -> list[int]:
    """Return for each moment the number of different things in the fullest span that holds it.

    `times` are in order, in seconds like `span`. The cost grows with the number of moments only,
    however many fall into one span.
    """
    if not times or times[-1] - times[0] <= span:
        return [len(set(things))] * len(times)
    # A pause that is longer than the span parts what is before from what comes after.
    ends = [end for end, (a, b) in enumerate(pairwise(times), 1) if b - a > span]
    if len(ends) == len(times) - 1:
        return [1] * len(times)
    if not ends:
        return _in_one_flow(times, things, span)
    greatest: list[int] = []
    for start, end in pairwise((0, *ends, len(times))):
        greatest += fullest(times[start:end], things[start:end], span)
    return greatest


def _in_one_flow(times: Sequence[float], things: Sequence[Hashable], span: float) -> list[int]:
    counts: list[int] = []  # different things in the span that ends at each moment
    starts: list[int] = []
    inside: dict[Hashable, int] = {}
    start = 0
    for end, thing in enumerate(things):
        inside[thing] = inside.get(thing, 0) + 1
        while times[end] - times[start] > span:
            first = things[start]
            inside[first] -= 1
            if not inside[first]:
                del inside[first]
            start += 1
        counts.append(len(inside))
        starts.append(start)
    return _greatest(counts, starts)


def _greatest(counts: Sequence[int], starts: Sequence[int]) -> list[int]:
    """Return for each moment the greatest count of the spans that hold it."""
    greatest = [0] * len(counts)
    falling: deque[int] = deque()  # ends of spans that may still be the greatest
    end = 0
    for moment in range(len(counts)):
        while end < len(counts) and starts[end] <= moment:
            while falling and counts[falling[-1]] <= counts[end]:
                falling.pop()
            falling.append(end)
            end += 1
        while falling[0] < moment:
            falling.popleft()
        greatest[moment] = counts[falling[0]]
    return greatest


def unevenness(times: Sequence[float]) -> float:
    """Return how much the pauses between moments differ: deviation / mean; 0 is a clock.

    People's pauses have about 1. Less than four moments say nothing: infinity.
    """
    pauses = [later - earlier for earlier, later in pairwise(times)]
    if len(pauses) < 3:
        return float("inf")
    mean = sum(pauses) / len(pauses)
    if mean <= 0:
        return 0.0
    variance = sum((pause - mean) ** 2 for pause in pauses) / len(pauses)
    return float(variance**0.5 / mean)


def around(times: Sequence[float], at: float) -> tuple[int, int]:
    """Return the part of `times` that is near to a moment."""
    place = bisect_left(times, at)
    start = max(bisect_left(times, at - WINDOW), place - _NEAREST)
    return start, min(bisect_right(times, at + WINDOW), place + _NEAREST + 1)


def block(network: str) -> str:
    """Return the /16 of an IPv4, the /32 of an IPv6: what one operator has mostly."""
    mark = "." if "." in network else ":"
    return mark.join(network.split(mark, 2)[:2])
