"""What every test runs on: real PostgreSQL, real Redis, the settings of a plain installation.

The servers' addresses come from DATABASE_URL and REDIS_URL (`make test` starts private ones).
"""

import os
from collections.abc import Iterator

import hypothesis
import pytest
import redis
from django.db import connection

from newsletter.templating import trial

# A busy machine makes no property false.
hypothesis.settings.register_profile(
    "broadsheet", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("broadsheet")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup, django_db_blocker) -> Iterator[None]:
    """Let this database's ledger of consent be emptied: TRUNCATE is how Django ends such a test.

    At the end nobody is left in it: the session of a process that was killed may outlive it.
    """
    with django_db_blocker.unblock():
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET broadsheet.truncate_ledger = 'on'")
        connection.close()  # the setting holds for new connections
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(autouse=True)
def _own_folders(settings, tmp_path) -> None:
    """Keep each test's files apart from the installation's."""
    settings.RUN_DIR = tmp_path
    settings.OUTBOX = tmp_path / "outbox"
    settings.IMPORT_DIR = tmp_path / "imports"
    settings.TRACKING_SPOOL = tmp_path / "spool"
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATIC_ROOT = tmp_path  # WhiteNoise warns when the folder is not there


@pytest.fixture(autouse=True)
def _patient(monkeypatch) -> None:
    """Take no template for one that takes too long because the machine is busy."""
    monkeypatch.setattr(trial, "PATIENCE", 120)


@pytest.fixture
def redis_client(settings) -> Iterator[redis.Redis]:
    """An empty stream and cache of the test's own."""
    settings.TRACKING_STREAM = f"test:{os.getpid()}:events"
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.delete(settings.TRACKING_STREAM)
    yield client
    client.delete(settings.TRACKING_STREAM)
    client.close()
