"""Pages of long lists without counting them: a million rows cost as much as fifty thousand."""

import json
from functools import cached_property
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet

EXACT_BELOW = 20_000  # rows; counting so many takes a few milliseconds, without conditions
# Where conditions make that slow, only so many are counted: few enough to be found by walking along
# an index, enough for ten pages.
EXACT_ANYWAY = 500
COSTLY = 12_000  # by the planner's measure: some forty milliseconds
LAST_PAGE = 1_000  # OFFSET reads what it skips, so nobody is led deeper than this


def bounded_count(queryset: QuerySet[Any]) -> tuple[int, bool]:
    """Return how many rows there are, and whether that is the planner's estimate.

    Exact up to EXACT_ANYWAY rows, and where it costs little up to EXACT_BELOW. The LIMIT stands
    inside the count, so it stops reading there.
    """
    # Keys only: what a row is annotated with would be worked out for each row that is counted.
    keys = queryset.order_by().values("pk")
    limit = EXACT_ANYWAY
    counted = keys[: limit + 1].count()
    if counted > limit and _plan(keys[: EXACT_BELOW + 1])["Total Cost"] <= COSTLY:
        limit = EXACT_BELOW
        counted = keys[: limit + 1].count()
    if counted <= limit:
        return counted, False
    return max(counted, int(_plan(queryset.order_by())["Plan Rows"])), True


def _plan(queryset: QuerySet[Any]) -> dict[str, Any]:
    """Return what the planner expects of a query (one query, which reads no rows)."""
    plan: dict[str, Any] = json.loads(queryset.explain(format="json"))[0]["Plan"]
    return plan


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
