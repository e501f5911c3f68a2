"""Who reads a list, and when, in rows and words."""

from typing import Any, Final, NamedTuple

from newsletter.admin.report_charts import WEEKDAYS, cell
from tracking.bands import Band
from tracking.models import ListReading

BEST: Final = 3  # hours that are named


class Words(NamedTuple):
    """How a band is called, and who is in it."""

    label: str
    who: str
    none: str  # what to say when it is empty


WORDS: Final = {
    Band.ACTIVE: Words(
        "Active",
        "Opened or clicked in the last 30 days.",
        "Nobody has opened or clicked in the last 30 days. A new campaign may change that.",
    ),
    Band.FADING: Words(
        "Fading", "Opened or clicked in the last 90 days, not in the last 30.", "Nobody is fading."
    ),
    Band.FADED: Words(
        "Faded", "Opened or clicked in the last 180 days, not in the last 90.", "Nobody has faded."
    ),
    Band.DORMANT: Words(
        "Dormant",
        "Read something once, but not in the last 180 days.",
        "Nobody has been away for so long.",
    ),
    Band.NEVER: Words(
        "Never read",
        "On the list when its last campaign was sent, and has never opened or clicked.",
        "Everybody who was written to has read something.",
    ),
    Band.NEW: Words(
        "Not written to yet",
        "Joined after the list’s last campaign was sent.",
        "Everybody has got a campaign since they joined.",
    ),
    Band.UNKNOWN: Words(
        "Not known",
        "Their choice, or this list’s, is that nobody is named.",
        "Everybody’s reading may be recorded.",
    ),
    Band.UNREACHABLE: Words(
        "Gets no mail",
        "Suppressed: the address is wrong, or must not be written to.",
        "Everybody on the list can be written to.",
    ),
}


def rows(counted: ListReading) -> list[dict[str, Any]]:
    """Return the bands, each with its people, its share of all, and the width of its bar."""
    numbers = {band: counted.bands.get(band.value, 0) for band in WORDS}
    whole, most = sum(numbers.values()), max(numbers.values())
    return [
        {
            "band": band.value,
            "words": WORDS[band],
            "people": number,
            "share": 100 * number / whole if whole else 0.0,
            "width": round(100 * number / most, 1) if most else 0.0,
        }
        for band, number in numbers.items()
    ]


def heat_rows(counted: ListReading, kind: str) -> list[dict[str, Any]]:
    """Return the week as rows of cells, as the heat map of a campaign has them."""
    numbers = _numbers(counted, kind)
    most = max(numbers)
    return [
        {
            "day": day,
            "cells": [cell(number, most) for number in part],
            "sum": sum(part),
        }
        for day, part in zip(WEEKDAYS, _by_day(numbers), strict=True)
    ]


def best_hours(counted: ListReading, kind: str) -> list[dict[str, Any]]:
    """Return the hours of the week in which most is read, each with its share of all."""
    numbers = _numbers(counted, kind)
    whole = sum(numbers)
    best = sorted(range(len(numbers)), key=lambda place: -numbers[place])[:BEST]
    return [
        {
            "day": WEEKDAYS[place // 24],
            "from": f"{place % 24:02d}:00",
            "to": f"{(place % 24 + 1) % 24:02d}:00",
            "share": 100 * numbers[place] / whole,
        }
        for place in best
        if numbers[place]
    ]


def _numbers(counted: ListReading, kind: str) -> list[int]:
    return counted.clicks if kind == "clicks" else counted.opens


def _by_day(numbers: list[int]) -> list[list[int]]:
    return [numbers[start : start + 24] for start in range(0, len(numbers), 24)]
