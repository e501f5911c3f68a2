"""A campaign's opens and clicks by mail program, kind of device and country, for reports.

Reads the sums of tracking/breakdowns.py: some hundred rows at most, whatever the number of events.
They count requests, not people: who may not be named can't be told from others, so a sum of people
would mean something else for each campaign.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from tracking import countries
from tracking.models import Breakdown, Dimension
from tracking.programs import CLIENTS, UNKNOWN, Device

DEVICES: Final = {
    Device.UNKNOWN: "Not known",
    Device.DESKTOP: "Computers",
    Device.PHONE: "Phones",
    Device.TABLET: "Tablets",
    Device.HIDDEN: "Behind a mail service",
    Device.NONE: "None: robots",
}
_NAMELESS: Final = {UNKNOWN.name, countries.name(countries.HIDDEN)}


@dataclass(frozen=True, slots=True)
class Part:
    """Opens and clicks of one campaign by one program, kind of device or country. Requests."""

    value: int  # as it is stored; 0: not known
    name: str
    opens: int = 0
    clicks: int = 0
    machine_opens: int = 0
    machine_clicks: int = 0


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """A campaign in parts; parts of which nothing came are left out."""

    clients: list[Part]
    devices: list[Part]
    countries: list[Part]


def report(campaign_id: int) -> Breakdowns:
    """Return the parts of a campaign, in no order (one query)."""
    parts: dict[int, list[Part]] = {dimension: [] for dimension in Dimension}
    for row in Breakdown.objects.filter(campaign_id=campaign_id):
        if row.opens or row.clicks or row.machine_opens or row.machine_clicks:
            parts[row.dimension].append(_part(row))
    return Breakdowns(parts[Dimension.CLIENT], parts[Dimension.DEVICE], parts[Dimension.COUNTRY])


def is_known(parts: Iterable[Part]) -> bool:
    """Say whether anything is known of any of these parts."""
    return any(part.value != UNKNOWN.number for part in parts)


def most_opened(parts: Iterable[Part], count: int = 3) -> list[tuple[str, float]]:
    """Return the names by which people opened most, with their shares: 0.0 to 1.0 of all opens.

    What is not known, or hidden by a mail service, has no name here.
    """
    parts = list(parts)
    whole = sum(part.opens for part in parts)
    named = [part for part in parts if part.opens and part.name not in _NAMELESS]
    named.sort(key=lambda part: (-part.opens, part.name))
    return [(part.name, part.opens / whole) for part in named[:count]]


def name(dimension: int, value: int) -> str:
    """Return what people call a value of a dimension."""
    if dimension == Dimension.CLIENT:
        return CLIENTS.get(value, UNKNOWN).name
    if dimension == Dimension.DEVICE:
        return DEVICES[Device(value)]
    return countries.name(value)


def _part(row: Breakdown) -> Part:
    return Part(
        row.value,
        name(row.dimension, row.value),
        row.opens,
        row.clicks,
        row.machine_opens,
        row.machine_clicks,
    )
