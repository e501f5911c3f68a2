"""The charts of the trends as data with a table beside each, and the rows of the ranking."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.utils.text import Truncator
from django.utils.timezone import localtime

from newsletter.rates import READING, Counting, Measure, Row
from newsletter.templatetags.broadsheet import people
from newsletter.trends import Found, Point, Step, extremes, middle, points

SMALL: Final = 0.01  # below it a rate has a decimal more
TITLE: Final = 60  # characters of a subject beside a point


class Words(NamedTuple):
    """How a rate is called, and what it is a share of."""

    title: str
    short: str
    hint: str
    colour: str  # --bs-…


_WORDS: Final = {
    Measure.DELIVERED: Words(
        "Delivery rate",
        "Delivered",
        "Accepted by mail servers, of all that they were given.",
        "sent",
    ),
    Measure.LEFT: Words(
        "Unsubscribe rate",
        "Left",
        "People who left a list by this mail, of those sent to.",
        "leave",
    ),
    Measure.FORWARDED: Words(
        "Forwards", "Forwarded", "Mails to friends and shared pages, per 100 mails sent.", "forward"
    ),
}
_OPENED, _CLICKED, _BOTH = Measure.OPENED, Measure.CLICKED, Measure.CLICK_TO_OPEN
_READING: Final = {
    Counting.PEOPLE: {
        _OPENED: Words("Open rate", "Opened", "People who opened, of those sent to.", "open"),
        _CLICKED: Words("Click rate", "Clicked", "People who clicked, of those sent to.", "click"),
        _BOTH: Words(
            "Click-to-open rate", "Click to open", "People who clicked, of who opened.", "ratio"
        ),
    },
    Counting.TIMES: {
        _OPENED: Words("Opens", "Opened", "Times that people opened, per 100 mails sent.", "open"),
        _CLICKED: Words(
            "Clicks", "Clicked", "Times that people clicked, per 100 mails sent.", "click"
        ),
        _BOTH: Words(
            "Clicks to opens", "Click to open", "Clicks of people per 100 opens.", "ratio"
        ),
    },
    Counting.ALL: {
        _OPENED: Words(
            "Opens, with machines", "Opened", "Opens of people and machines, per 100 mails.", "open"
        ),
        _CLICKED: Words(
            "Clicks, with machines",
            "Clicked",
            "Clicks of people and machines, per 100 mails.",
            "click",
        ),
        _BOTH: Words(
            "Clicks to opens, with machines",
            "Click to open",
            "Clicks of people and machines per 100 opens.",
            "ratio",
        ),
    },
    Counting.MACHINES: {
        _OPENED: Words(
            "Opened by machines",
            "Opened",
            "Mails that a machine opened, of those sent.",
            "machine-open",
        ),
        _CLICKED: Words(
            "Clicked by machines",
            "Clicked",
            "Mails in which a machine followed a link, of those sent.",
            "machine-click",
        ),
        _BOTH: Words(
            "Clicked by machines, of opened",
            "Click to open",
            "Mails clicked by machines, of those that they opened.",
            "ratio",
        ),
    },
}
_STEPS: Final = {
    Step.CAMPAIGN: "Each point is a campaign.",
    Step.WEEK: "Each point is a week, its campaigns taken together.",
    Step.MONTH: "Each point is a month, its campaigns taken together.",
    Step.QUARTER: "Each point is a quarter, its campaigns taken together.",
}


class Cell(NamedTuple):
    """A rate of a campaign in the ranking."""

    measure: str
    label: str
    value: str  # empty: not known
    marker: str  # how it stands to the sender's middle
    is_best: bool
    is_worst: bool


def words(measure: Measure, counting: Counting) -> Words:
    """Return how a rate is called when it is counted so."""
    return _READING[counting][measure] if measure in READING else _WORDS[measure]


def charts(found: Found, counting: Counting) -> dict[str, Any]:
    """Return a chart for each rate, with its table and its middle, and what a point is."""
    step, line = points(found.rows)
    labels = [_label(point, step) for point in line]
    titles = [_title(point, step) for point in line]
    return {
        "step": step.value,
        "step_words": _STEPS[step],
        "charts": [
            _chart(measure, found.rows, line, (labels, titles), words(measure, counting))
            for measure in Measure
        ],
    }


def cells(found: Found, rows: Sequence[Row], counting: Counting) -> list[dict[str, Any]]:
    """Return the rows of a page of the ranking. Best and worst are those of all that is found."""
    marks = {measure: extremes(found.rows, measure, counting) for measure in Measure}
    return [
        {
            "row": row,
            "cells": [
                Cell(
                    measure.value,
                    words(measure, counting).short,
                    _written(row.rate(measure)),
                    _beside(row.rate(measure), found.usual(row, measure)),
                    marks[measure].get(row.campaign_id) is True,
                    marks[measure].get(row.campaign_id) is False,
                )
                for measure in Measure
            ],
        }
        for row in rows
    ]


def _chart(
    measure: Measure,
    rows: Sequence[Row],
    line: Sequence[Point],
    names: tuple[list[str], list[str]],
    called: Words,
) -> dict[str, Any]:
    ratios = [point.ratio(measure) for point in line]
    rates = [_per_cent(ratio.rate) if ratio else None for ratio in ratios]
    usual = _per_cent(middle(rows, measure))
    series: list[dict[str, Any]] = [{"label": called.title, "colour": called.colour, "data": rates}]
    if usual is not None:
        series.append(
            {"label": "Middle", "colour": "soft", "data": [usual] * len(line), "is_dashed": True}
        )
    labels, titles = names
    return {
        "name": measure.value,
        "title": called.title,
        "hint": called.hint,
        "colour": called.colour,
        "middle": _written(middle(rows, measure)),
        "is_known": any(rate is not None for rate in rates),
        "data": {
            "type": "line",
            "labels": labels,
            "titles": titles,
            "unit": "%",
            "is_fine": True,
            # All mail but some in a hundred arrives: from zero on it would be a line at the top.
            "is_cut": measure is Measure.DELIVERED,
            "series": series,
        },
        "table": [
            {"title": title, "ratio": ratio, "rate": _written(ratio.rate if ratio else None)}
            for title, ratio in zip(titles, ratios, strict=True)
        ],
    }


def _beside(rate: float | None, usual: float | None) -> str:
    if rate is None or usual is None:
        return ""
    digits = 2 if usual < SMALL else 1
    difference = round(100 * (rate - usual), digits)
    if not difference:
        return "="
    return f"{'+' if difference > 0 else '−'}{abs(difference):.{digits}f}"


def _label(point: Point, step: Step) -> str:
    day = localtime(point.at)
    if step is Step.MONTH:
        return f"{day:%b %Y}"
    if step is Step.QUARTER:
        return f"Q{(day.month + 2) // 3} {day.year}"
    return f"{day.day} {day:%b %Y}"


def _title(point: Point, step: Step) -> str:
    label = _label(point, step)
    if step is Step.CAMPAIGN:
        return f"{label}: {Truncator(point.rows[0].subject).chars(TITLE)}"
    start = "Week of " if step is Step.WEEK else ""
    return f"{start}{label}: {people(len(point.rows), 'campaign')}"


def _written(rate: float | None) -> str:
    """Write a rate so that campaigns can be told apart by it; "" when it is not known."""
    if rate is None:
        return ""
    return f"{100 * rate:.{2 if rate < SMALL else 1}f} %"


def _per_cent(rate: float | None) -> float | None:
    return None if rate is None else round(100 * rate, 2)
