"""What of the trends is asked for: by the page's address, and by the links that lead to others."""

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest

from newsletter.admin.addresses import number
from newsletter.rates import Asked, Counting, Measure

COUNTED: Final = {
    Counting.PEOPLE: "People",
    Counting.TIMES: "Times",
    Counting.ALL: "All requests",
    Counting.MACHINES: "Machines",
}
PERIODS: Final = {"quarter": "3 months", "year": "12 months", "years": "3 years", "all": "All time"}
_DAYS: Final = {"quarter": 92, "year": 365, "years": 1096}
LEAST: Final = (1, 100, 1_000, 10_000)
OWN: Final = "-"  # the campaigns that say nothing and come from DEFAULT_FROM


class Shown(NamedTuple):
    """What is asked for. Stands in the address."""

    counted: Counting | None = None  # None: people, or times where nobody is named
    to: int = 0  # a list; 0: all
    sender: str = ""  # empty: all
    period: str = "year"
    least: int = 100
    sort: Measure = Measure.OPENED
    order: str = ""  # "worst": the worst first
    p: int = 1  # page of the ranking

    def query(self, **differences: Any) -> str:
        """Return it as a query string with differences, without what is usual."""
        fields = self._replace(**{"p": 1, **differences})._asdict()
        return urlencode(
            {
                name: value
                for name, value in fields.items()
                if value is not None and value != self._field_defaults[name]
            }
        )

    def asked(self, counting: Counting, now: datetime) -> Asked:
        """Return it in the words of newsletter.rates."""
        days = _DAYS.get(self.period)
        return Asked(
            since=now - timedelta(days=days) if days else None,
            sender=None if not self.sender else "" if self.sender == OWN else self.sender,
            list_id=self.to,
            least=self.least,
            counting=counting,
        )

    def choices(self, counting: Counting) -> list[dict[str, Any]]:
        """Return whose hits may be counted, each with the address that does."""
        return [
            {"label": label, "query": self.query(counted=value), "is_current": value == counting}
            for value, label in COUNTED.items()
        ]


def asked(request: HttpRequest) -> Shown:
    """Return what a request asks for; what does not exist is left out."""
    data = request.GET
    counted, sort = data.get("counted", ""), data.get("sort", "")
    period, least = data.get("period", ""), number(data.get("least", ""))
    return Shown(
        counted=Counting(counted) if counted in list(Counting) else None,
        to=number(data.get("to", "")),
        sender=data.get("sender", "").replace("\0", "")[:320],
        period=period if period in PERIODS else "year",
        least=least if least in LEAST else 100,
        sort=Measure(sort) if sort in list(Measure) else Measure.OPENED,
        order="worst" if data.get("order") == "worst" else "",
        p=number(data.get("p", "")) or 1,
    )
