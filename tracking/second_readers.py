"""Whose copy of a mail seems to have a second steady reader. Pure; low confidence.

One person reads on several devices and in several places, so that only what one person hardly does
counts: two devices of one sort (two computers, or two phones) with different systems, each seen
several times, and never in the same network. A telephone beside a computer is one person.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from typing import NamedTuple

STEADY = 3  # hits of a device: fewer may be chance

# The first that fits. Android programs name Linux as well, and iPads name a Mac in their details.
_SYSTEMS = (
    ("iPhone", "hand", "iOS"),
    ("iPad", "hand", "iOS"),
    ("Android", "hand", "Android"),
    ("Windows", "desk", "Windows"),
    ("Macintosh", "desk", "macOS"),
    ("CrOS", "desk", "ChromeOS"),
    ("Linux", "desk", "Linux"),
)


class Sighting(NamedTuple):
    """How often one copy was opened or clicked from one network by one program."""

    network: str  # cut, as tracking.facts.network does
    user_agent: str
    hits: int  # of people, not of machines


class _Device(NamedTuple):
    sort: str  # "hand" or "desk"
    system: str


def has_second_reader(seen: Iterable[Sighting]) -> bool:
    """Say whether these sightings of one copy suggest two people."""
    hits: dict[_Device, int] = defaultdict(int)
    networks: dict[_Device, set[str]] = defaultdict(set)
    for sighting in seen:
        device = _device(sighting.user_agent)
        if device and sighting.network:
            hits[device] += sighting.hits
            networks[device].add(sighting.network)
    steady = [device for device, count in hits.items() if count >= STEADY]
    return any(
        one.sort == other.sort and _are_apart(networks[one], networks[other])
        for one, other in combinations(steady, 2)
    )


def _device(user_agent: str) -> _Device | None:
    for word, sort, system in _SYSTEMS:
        if word in user_agent:
            return _Device(sort, system)
    return None


def _are_apart(one: set[str], other: set[str]) -> bool:
    """Say whether two devices were never in one network, as far as that can be told.

    A household has an IPv4 and an IPv6 network, so only what both used is compared.
    """
    versions = [{":" in network for network in each} for each in (one, other)]
    return one.isdisjoint(other) and not versions[0].isdisjoint(versions[1])
