"""Who reads the logs can't act as a reader of the newsletter."""

import io
import logging

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import Client

from subscribers import tokens
from subscribers.views import joining

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(monkeypatch) -> io.StringIO:
    """Return what the process would have printed."""
    printed = io.StringIO()
    for handler in logging.getLogger().handlers:
        if type(handler) is logging.StreamHandler:
            monkeypatch.setattr(handler, "stream", printed)
    return printed


@pytest.mark.parametrize("error", [OperationalError, SuspiciousOperation])
@pytest.mark.parametrize(
    ("path", "token", "function"),
    [
        ("/u/", tokens.sign_unsubscribe, "read_unsubscribe"),
        ("/p/", tokens.sign_preferences, "read_preferences"),
        ("/confirm/", tokens.sign_confirm, "read_confirm"),
    ],
)
def test_an_error_names_no_token(monkeypatch, console, caplog, path, token, function, error):
    def fail(_: str) -> None:
        raise error("down")

    token = token(1, 1) if path == "/u/" else token(1)
    monkeypatch.setattr(tokens, function, fail)

    Client(raise_request_exception=False).post(f"{path}{token}")

    printed = console.getvalue() + caplog.text
    assert "down" in printed
    assert token not in printed
    if error is OperationalError:
        assert f"Internal Server Error: {path}…" in printed
    for record in caplog.records:
        assert token not in getattr(getattr(record, "request", None), "path", "")


def test_other_paths_are_named(monkeypatch, caplog):
    def fail(*_: object) -> None:
        raise OperationalError("down")

    monkeypatch.setattr(joining, "show", fail)

    Client(raise_request_exception=False).get("/join")

    assert "Internal Server Error: /join" in caplog.text
