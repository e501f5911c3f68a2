"""What of a report is asked for: by its address, and by the switches that lead to others."""

from enum import StrEnum
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode

from django.http import HttpRequest

from newsletter.admin.report_charts import CHARTS
from tracking.counted import Counted
from tracking.curves import Range

HEAT_MAPS = ("opens", "clicks")
COUNTED = {Counted.PEOPLE: "People", Counted.ALL: "All requests", Counted.MACHINES: "Machines"}
RANGES = {Range.START: "3 hours", Range.DAY: "Day", Range.WEEK: "Week", Range.ALL: "All"}


class Shown(NamedTuple):
    """What of a report is asked for. Stands in its address."""

    counted: Counted = Counted.PEOPLE
    range: Range | None = None  # None: what fits the campaign's age
    chart: str = ""
    heat: str = "opens"

    def query(self, **differences: Any) -> str:
        """Return it as a query string with differences, without what is usual."""
        fields = self._replace(**differences)._asdict()
        return urlencode(
            {name: value for name, value in fields.items() if value != self._field_defaults[name]}
        )


def asked(request: HttpRequest) -> Shown:
    """Return what a request asks for; what does not exist is left out."""
    asked_for = request.GET
    chart, heat = asked_for.get("chart", ""), asked_for.get("heat", "")
    return Shown(
        counted=_one_of(Counted, asked_for.get("counted", "")) or Counted.PEOPLE,
        range=_one_of(Range, asked_for.get("range", "")),
        chart=chart if chart in CHARTS else "",
        heat=heat if heat in HEAT_MAPS else "opens",
    )


def choices(shown: Shown) -> dict[str, list[dict[str, Any]]]:
    """Return the switches of the page: what each choice is called and which address has it."""
    switches: dict[str, dict[Any, str]] = {
        "counted": {**COUNTED},
        "range": {**RANGES},
        "chart": {name: name.capitalize() for name in CHARTS},
        "heat": {name: name.capitalize() for name in HEAT_MAPS},
    }
    return {
        name: [
            {"value": value, "label": label, "query": shown.query(**{name: value})}
            for value, label in labels.items()
        ]
        for name, labels in switches.items()
    }


_Choice = TypeVar("_Choice", bound=StrEnum)


def _one_of(kind: type[_Choice], value: str) -> _Choice | None:
    return kind(value) if value in list(kind) else None
