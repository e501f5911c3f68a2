"""The charts of a report as data, and the tables beside them."""

from collections.abc import Iterable, Sequence
from math import ceil, sqrt
from typing import Any, NamedTuple

from django.utils.timezone import get_current_timezone

from tracking.counted import Counted, clicks, opens
from tracking.curves import Curve, week
from tracking.reports import Hour, LinkReport

BARS_UP_TO = 12  # points; a line through fewer would be dots
SHORTEST = 6  # points that a chart has at least
HEATS = 5  # colours of the heat map, besides that of nothing
LINKS = 100  # rows of the table of links
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
CHARTS = ("bars", "lines")
_PEOPLE = (("Opens", "open", "opens"), ("Clicks", "click", "clicks"))
_MACHINES = (
    ("Opens by machines", "machine-open", "machine_opens"),
    ("Clicks by machines", "machine-click", "machine_clicks"),
)
_SERIES = {
    Counted.PEOPLE: _PEOPLE,
    Counted.ALL: (*_PEOPLE, *_MACHINES),
    Counted.MACHINES: _MACHINES,
}
_LEAVING = ("Unsubscribes", "leave", "unsubscribes")


class Cell(NamedTuple):
    """An hour of the week."""

    number: int
    heat: int  # 0 (nothing) to HEATS


def time_chart(curve: Curve, counted: Counted, kind: str = "") -> dict[str, Any]:
    """Return the curve as a chart; `kind` is one of CHARTS, or empty for what fits its length."""
    points = curve.points
    to_come = [
        points[-1].at + number * curve.step for number in range(1, SHORTEST - len(points) + 1)
    ]
    kind = kind or ("bars" if len(points) <= BARS_UP_TO else "lines")
    return {
        "type": "bar" if kind == "bars" else "line",
        "labels": [_label(at, curve) for at in [*(point.at for point in points), *to_come]],
        "series": [
            {"label": label, "colour": colour, "data": [getattr(point, name) for point in points]}
            for label, colour, name in (*_SERIES[counted], _LEAVING)
        ],
    }


def heat_map(hours: Sequence[Hour], counted: Counted, kind: str) -> list[dict[str, Any]]:
    """Return the week as rows of cells: how often was opened, or clicked, at each hour."""
    number = clicks if kind == "clicks" else opens
    sums = week(hours, get_current_timezone(), lambda hour: number(hour, counted))
    most = max(map(max, sums))
    return [
        {
            "day": day,
            "cells": [cell(count, most) for count in row],
            "sum": sum(row),
        }
        for day, row in zip(WEEKDAYS, sums, strict=True)
    ]


def cell(number: int, most: int) -> Cell:
    """Return an hour of which the busiest one has `most`.

    By the root, because the hour in which a mail comes would leave one colour for all others.
    """
    return Cell(number, ceil(HEATS * sqrt(number / most)) if most else 0)


def link_rows(found: Iterable[LinkReport], counted: Counted) -> list[dict[str, Any]]:
    """Return the links, the most clicked first, each with its bar and its share of all clicks."""
    links = sorted(found, key=lambda link: (-clicks(link, counted), link.link_id))
    whole = sum(clicks(link, counted) for link in links)
    longest = clicks(links[0], counted) if links else 0
    return [
        {
            "link": link,
            "clicks": clicks(link, counted),
            "people": _people(link, counted),
            "width": _per_cent(clicks(link, counted), longest),
            "share": _per_cent(clicks(link, counted), whole),
        }
        for link in links[:LINKS]
    ]


def _people(link: LinkReport, counted: Counted) -> int:
    return link.unique_machine_clicks if counted == Counted.MACHINES else link.unique_clicks


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 1) if whole else 0.0


def _label(at: Any, curve: Curve) -> str:
    return f"{at:%d %b}" if curve.step.days else f"{at:%d %b, %H:%M}"
