"""Pages of long lists without counting them: a million rows cost as much as fifty thousand."""

import json
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

EXACT_BELOW = 20_000  # rows; counting so many takes a few milliseconds
LAST_PAGE = 1_000  # OFFSET reads what it skips, so nobody is led deeper than this


def bounded_count(queryset: QuerySet[Any]) -> tuple[int, bool]:
    """Return how many rows there are, and whether that is the planner's estimate.

    Exact up to EXACT_BELOW rows; the LIMIT stands inside the count, so it stops reading there.
    """
    # Keys only: what a row is annotated with would be worked out for each row that is counted.
    counted = queryset.order_by().values("pk")[: EXACT_BELOW + 1].count()
    if counted <= EXACT_BELOW:
        return counted, False
    plan = json.loads(queryset.order_by().explain(format="json"))
    return max(counted, int(plan[0]["Plan"]["Plan Rows"])), True


class EstimatedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of a list whose length is exact while it is short, and estimated when it is long."""

    template_name = "broadsheet/pagination_estimated.html"

    @cached_property
    def _counted(self) -> tuple[int, bool]:
        return bounded_count(self.object_list)  # type: ignore[arg-type]

    @property
    def count(self) -> int:
        """Return the number of rows, or about."""
        return self._counted[0]

    @property
    def estimated(self) -> bool:
        """Tell whether `count` is the planner's guess."""
        return self._counted[1]

    @property
    def num_pages(self) -> int:
        """Return the number of pages that can be opened."""
        return min(super().num_pages, LAST_PAGE)
