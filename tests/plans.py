"""How PostgreSQL would go about what we ask, where its statistics know nothing of a campaign."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction


@contextmanager
def planned() -> Iterator[list[str]]:
    """Give the plans of all queries that are made in the block, one text each."""
    plans: list[str] = []

    def explain(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.lstrip().startswith(("SELECT", "WITH")):
            with transaction.atomic(), connection.connection.cursor() as cursor:
                # Tables of tests are so small that reading all of one would be cheapest.
                cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
                cursor.execute(f"EXPLAIN {sql}", rest[0])
                plans.append("\n".join(row[0] for row in cursor.fetchall()))
                cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan")
        return execute(sql, *rest)

    with connection.execute_wrapper(explain):
        yield plans
