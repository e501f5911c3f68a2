"""The environment: everything is documented, every mistake is said at once, no value is shown."""

import ast
from collections import Counter
from operator import itemgetter
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from newsletter import env

DOCUMENT = env.ROOT / "docs" / "configuration.md"
PARTS = env.ROOT / "newsletter" / "settings"


@pytest.fixture(autouse=True)
def _fresh():
    env.read.cache_clear()
    yield
    env.read.cache_clear()


def test_every_variable_is_documented():
    described = [
        line.removeprefix("## ")
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("## ")
    ]

    assert described == [name.upper() for name in sorted_as_declared()]


def sorted_as_declared() -> list[str]:
    return list(env.Environment.model_fields)


def test_every_default_is_documented():
    """A default that the document states in another way than the code is a lie."""
    text = DOCUMENT.read_text()

    for name, field in env.Environment.model_fields.items():
        if isinstance(field.default, int) and not isinstance(field.default, bool):
            section = text.split(f"## {name.upper()}\n")[1].split("\n#")[0]
            assert f"Default: {field.default:,}" in section.replace(
                f"Default: {field.default}", f"Default: {field.default:,}"
            ), name


def test_all_mistakes_are_said_at_once(monkeypatch):
    monkeypatch.delenv("SECRET_KEY")
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    monkeypatch.setenv("WEB_PORT", "eighty")

    with pytest.raises(ImproperlyConfigured) as error:
        env.read()

    message = str(error.value)
    assert "SECRET_KEY is not set" in message
    assert "DATABASE_URL: must start with postgres://" in message
    assert "WEB_PORT" in message


def test_no_value_is_ever_shown(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/x")
    monkeypatch.setenv("TRACKING_KEYS", "hunter3")
    monkeypatch.setenv("SMTP_URL", "http://u:hunter4@host")

    with pytest.raises(ImproperlyConfigured) as error:
        env.read()

    assert "hunter" not in str(error.value)
    assert "hunter" not in repr(error.value.__cause__)


def test_secrets_are_not_in_the_representation():
    environment = env.read()

    assert environment.secret_key.get_secret_value() not in repr(environment)


def test_tracking_and_broker_follow_what_is_set():
    environment = env.read()

    assert environment.tracking_url == "https://news.example.org"
    assert environment.broker_url == environment.redis_url


@pytest.mark.parametrize("address", ["news.example.org", "ftp://x.org", "https://x.org/?a=b"])
def test_a_public_address_that_links_could_not_use_is_refused(monkeypatch, address):
    monkeypatch.setenv("PUBLIC_URL", address)

    with pytest.raises(ImproperlyConfigured, match="PUBLIC_URL"):
        env.read()


@pytest.mark.parametrize("entry", settings.CELERY_BEAT_SCHEDULE.values(), ids=itemgetter("task"))
def test_every_task_of_the_clock_exists(entry):
    task = import_string(entry["task"])

    assert task.name == entry["task"]


def test_a_setting_stands_in_one_place():
    """The later of two would win without a word, by the order in which their parts are imported."""
    parts = [path for path in PARTS.glob("*.py") if path.name != "__init__.py"]

    named = Counter(name for part in parts for name in assigned_in(part))

    assert [name for name, times in named.items() if times > 1] == []


def assigned_in(part: Path) -> set[str]:
    return {
        node.id
        for node in ast.walk(ast.parse(part.read_text()))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id.isupper()
        if not node.id.startswith("_")
    }
