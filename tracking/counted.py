"""Whose hits a number counts: people's, machines', or both. Pure."""

from enum import StrEnum

from tracking.breakdown_reports import Part
from tracking.reports import Hour, LinkReport, Totals


class Counted(StrEnum):
    """Whose hits. The values stand in addresses of pages."""

    PEOPLE = "people"
    ALL = "all"
    MACHINES = "machines"


def opens(sums: Totals | Hour | Part, counted: Counted) -> int:
    """Return how many opens there were, in requests."""
    return _chosen(sums.opens, sums.machine_opens, counted)


def clicks(sums: Totals | Hour | LinkReport | Part, counted: Counted) -> int:
    """Return how many clicks there were, in requests."""
    return _chosen(sums.clicks, sums.machine_clicks, counted)


def _chosen(people: int, machines: int, counted: Counted) -> int:
    if counted == Counted.PEOPLE:
        return people
    return machines if counted == Counted.MACHINES else people + machines
