"""Opens pages of the admin, and takes down every statement that they ask the database."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from benchmarks.report import Incomplete

# Who is asking, which is not the report's.
ASIDE = ("django_session", "auth_user", "auth_permission", "auth_group")


class Query(NamedTuple):
    """One statement of a page."""

    sql: str
    values: Any
    seconds: float  # until its answer was here


class Opened(NamedTuple):
    """A page, as it came."""

    queries: list[Query]
    seconds: float  # of the whole page, queries included
    bytes: int


def signed_in() -> Client:
    """Return a browser of somebody who may see everything."""
    user, _ = get_user_model().objects.get_or_create(
        username="bench", defaults={"is_staff": True, "is_superuser": True}
    )
    client = Client(SERVER_NAME=urlsplit(settings.PUBLIC_URL).hostname)
    client.force_login(user)
    return client


def open_page(client: Client, address: str) -> Opened:
    """Open a page. Raises Incomplete when it does not answer as it should."""
    queries: list[Query] = []

    def time_query(
        execute: Callable[..., Any], sql: str, values: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        begin = time.perf_counter()
        answer = execute(sql, values, many, context)
        seconds = time.perf_counter() - begin
        if not any(f'"{table}' in sql for table in ASIDE):
            queries.append(Query(sql, values, seconds))
        return answer

    with connection.execute_wrapper(time_query):
        begin = time.perf_counter()
        response = client.get(address)
        seconds = time.perf_counter() - begin
    if response.status_code != 200:
        raise Incomplete(f"{address} was answered by {response.status_code}")
    return Opened(queries, seconds, len(response.content))
