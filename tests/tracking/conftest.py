"""A stream of the test's own, an empty table of events, and real processes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from tests.tracking import rules
from tests.tracking.servers import Edge, Process, Redis, database_url
from tracking import stream


@pytest.fixture
def _empty_events() -> Iterator[None]:
    """Empty what Django does not manage, and so does not empty."""
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE tracking_event")


@pytest.fixture
def events(redis_client, settings) -> Iterator[Any]:
    """An empty stream with its consumer group; the client that sees it."""
    stream.client.cache_clear()
    _clear(redis_client, settings.TRACKING_STREAM)
    stream.create_group()
    yield redis_client
    _clear(redis_client, settings.TRACKING_STREAM)


@pytest.fixture
def stored(transactional_db, _empty_events, events) -> Any:
    """Events that are really committed: stream and tables, both empty."""
    return events


@pytest.fixture
def simple_rules(monkeypatch) -> None:
    """Judge by tests/tracking/rules.py, in this process."""
    monkeypatch.setattr("tracking.classify.judge", rules.judge)
    monkeypatch.setattr("tracking.arriving._glances", {})
    monkeypatch.setattr("tracking.origins.known_countries", rules.Countries)


@pytest.fixture
def own_redis(tmp_path, settings) -> Iterator[Redis]:
    """A Redis that the test may kill."""
    server = Redis(tmp_path / "redis")
    server.start()
    settings.REDIS_URL = server.url
    stream.client.cache_clear()
    yield server
    server.kill()
    stream.client.cache_clear()


@pytest.fixture
def variables(settings, tmp_path) -> dict[str, str]:
    """The environment in which other processes meet the test's own servers."""
    return {
        "DATABASE_URL": database_url(connection.settings_dict),
        "REDIS_URL": settings.REDIS_URL,
        "TRACKING_STREAM": settings.TRACKING_STREAM,
        "TRACKING_DEFAULT": settings.TRACKING_DEFAULT,
        "RUN_DIR": str(tmp_path),
    }


@pytest.fixture
def start_edge(tmp_path, variables) -> Iterator[Callable[..., Edge]]:
    """Start real edges; they end with the test."""
    yield from _starter(lambda **more: Edge(tmp_path, **{**variables, **more}))


@pytest.fixture
def start_ingest(tmp_path, variables) -> Iterator[Callable[..., Process]]:
    """Start real ingesters; they end with the test."""
    yield from _starter(lambda **more: Process(tmp_path, "ingest", **{**variables, **more}))


def _starter(make: Callable[..., Process]) -> Iterator[Callable[..., Any]]:
    running = []

    def start(**more: str) -> Process:
        running.append(make(**more))
        return running[-1]

    yield start
    for process in running:
        process.kill()


def _clear(client: Any, prefix: str) -> None:
    for key in client.scan_iter(f"{prefix}*"):
        client.delete(key)
