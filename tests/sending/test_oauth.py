"""Access tokens, from a token server on this machine."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from django.db import connection as django_connection

from newsletter import vault
from newsletter.models import SendingServer
from newsletter.sending import oauth, rows, run
from newsletter.sending.connection import Unreachable
from newsletter.sending.oauth import Grant, NoToken
from newsletter.sending.replies import Verdict
from tests.sending.conftest import numbers, send
from tests.sending.test_smtp import Mail

SECRETS = ("cl1ent/secret", "1//refresh", "1//renewed", "acc3ss-token")


class TokenServer:
    """Answers what a test says, and keeps what it was asked."""

    def __init__(self):
        self.status, self.headers = 200, {}
        self.body = {"access_token": "acc3ss-token", "expires_in": 3600}
        self.asked = []
        self.act = None  # called with the handler, in place of an answer
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                form = self.rfile.read(int(self.headers["Content-Length"])).decode()
                server.asked.append({name: value for name, (value,) in parse_qs(form).items()})
                if server.act:
                    server.act(self)
                    return
                self.send_response(server.status)
                for name, value in server.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(server.said())

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}/token"

    def said(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


@pytest.fixture
def tokens():
    server = TokenServer()
    yield server
    server.stop()


@pytest.fixture
def grant(tokens):
    return Grant(tokens.url, "client", "cl1ent/secret", "1//refresh")


def why(grant):
    with pytest.raises(NoToken) as caught:
        oauth.access_token(grant)
    text = str(caught.value)
    assert not [secret for secret in SECRETS if secret in text + repr(caught.value)]
    return text


# --- asking -----------------------------------------------------------------------------


def test_a_token_is_asked_for_once_for_all_its_life(tokens, grant):
    assert [oauth.access_token(grant) for _ in range(3)] == ["acc3ss-token"] * 3

    (form,) = tokens.asked
    assert form == {
        "grant_type": "refresh_token",
        "refresh_token": "1//refresh",
        "client_id": "client",
        "client_secret": "cl1ent/secret",
    }


@pytest.mark.parametrize(
    ("life", "begins_at", "requests"),
    [(3600, 3539, 1), (3600, 3541, 2), ("3600", 3539, 1), (None, 239, 1), (None, 241, 2)],
)
def test_it_is_used_until_a_minute_before_its_end(
    tokens, grant, monkeypatch, life, begins_at, requests
):
    tokens.body = {"access_token": "acc3ss-token", "expires_in": life}
    moment = time.monotonic()
    monkeypatch.setattr(oauth.time, "monotonic", lambda: moment)
    oauth.access_token(grant)
    moment += begins_at

    oauth.access_token(grant)

    assert len(tokens.asked) == requests


@pytest.mark.parametrize("life", ["NaN", "Infinity", "-5", "1e999", '"soon"', "[]", "true"])
def test_a_strange_life_does_no_harm(tokens, grant, life):
    tokens.body = b'{"access_token": "acc3ss-token", "expires_in": %b}' % life.encode()

    assert oauth.access_token(grant) == "acc3ss-token"


def test_a_token_that_was_refused_is_forgotten(tokens, grant):
    oauth.forget(oauth.access_token(grant))

    oauth.access_token(grant)

    assert len(tokens.asked) == 2


def test_many_threads_ask_once(tokens, grant):
    threads = [threading.Thread(target=oauth.access_token, args=(grant,)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(tokens.asked) == 1


def test_a_server_that_is_slow_holds_up_no_other(tokens, grant):
    is_asked, may_answer = threading.Event(), threading.Event()
    other = TokenServer()

    def hold(handler):
        is_asked.set()
        may_answer.wait()
        handler.send_response(500)
        handler.end_headers()

    tokens.act = hold
    waits = threading.Thread(target=why, args=(grant,))
    waits.start()
    assert is_asked.wait(120)

    assert oauth.access_token(Grant(other.url, "client", "", "1//refresh")) == "acc3ss-token"

    may_answer.set()
    waits.join()
    other.stop()
    assert "client_secret" not in other.asked[0]


# --- renewed refresh tokens -------------------------------------------------------------


def test_a_renewed_refresh_token_is_handed_on_and_used(tokens, grant):
    tokens.body["refresh_token"] = "1//renewed"
    kept = []
    token = oauth.access_token(grant, kept.append)
    oauth.forget(token)

    oauth.access_token(grant, kept.append)

    assert kept == ["1//renewed"]
    assert [form["refresh_token"] for form in tokens.asked] == ["1//refresh", "1//renewed"]


def test_what_could_not_be_kept_is_handed_on_once_more(tokens, grant):
    tokens.body["refresh_token"] = "1//renewed"

    with pytest.raises(OSError, match="full"):
        oauth.access_token(grant, lambda token: (_ for _ in ()).throw(OSError("full")))
    tokens.body["refresh_token"] = "1//renewed twice"
    kept = []
    oauth.access_token(grant, kept.append)

    assert kept == ["1//renewed twice"]
    assert tokens.asked[-1]["refresh_token"] == "1//renewed"


def test_a_refresh_token_that_another_worker_renewed_costs_no_new_access_token(tokens):
    first = Grant(tokens.url, "client", "", "1//refresh", account="1 me")
    later = Grant(tokens.url, "client", "", "1//theirs", account="1 me")
    token = oauth.access_token(first)

    assert oauth.access_token(later) == token
    assert len(tokens.asked) == 1
    oauth.forget(token)
    oauth.access_token(later)
    assert tokens.asked[-1]["refresh_token"] == "1//theirs"


# --- everything that goes wrong ---------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "part"),
    [
        (
            400,
            {"error": "invalid_grant", "error_description": "Token 1//refresh was revoked."},
            "400: invalid_grant Token … was revoked.",
        ),
        (401, {"error": "invalid_client", "error_description": "cl1ent%2Fsecret"}, "client …"),
        (400, {"error": ["a\r\nb"], "error_description": {"x": 1}}, "answered 400: "),
        (500, b"<h1>Oops</h1>", "answered 500, without JSON"),
        (200, b"", "answered 200, without JSON"),
        (200, b"[1]", "answered 200, without JSON"),
        (200, b"[" * 60_000, "answered 200, without JSON"),
        (200, b"\xff\xfe", "answered 200, without JSON"),
        (200, {"access_token": ""}, "answered 200"),
        (200, {"access_token": "a\nb"}, "answered 200"),
        (200, {"access_token": 7}, "answered 200"),
        (200, {"token_type": "Bearer"}, "answered 200"),
        (403, {"access_token": "acc3ss-token"}, "answered 403"),
        (200, b" " * 70_000, "endless answer"),
        (500, b" " * 70_000, "endless answer"),
        (400, {"error": "e" * 5_000}, "eee"),
    ],
)
def test_what_is_no_token_is_said_in_words(tokens, grant, status, body, part):
    tokens.status, tokens.body = status, body

    text = why(grant)

    assert text.startswith("127.0.0.1 ")
    assert part in text
    assert len(text) < 400
    assert text.isprintable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_secrets_follow_no_redirect(tokens, grant, status):
    other = TokenServer()
    tokens.status, tokens.headers = status, {"Location": other.url}

    assert f"answered {status}" in why(grant)

    other.stop()
    assert other.asked == []


@pytest.mark.parametrize(
    "url",
    [
        *("http://token.example/token", "http://192.0.2.1/token", "ftp://127.0.0.1/token"),
        *("file:///etc/passwd", "token.example/token", "https://", "", "https://[::1", "http:///x"),
        *("http://localhost.example/", "http://127.0.0.1:port/"),
    ],
)
def test_secrets_go_nowhere_in_the_clear(url):
    text = why(Grant(url, "client", "cl1ent/secret", "1//refresh"))

    assert "URL" in text


@pytest.mark.parametrize("path", ["/tökens", "/to ken", "/t\u007f"])
def test_a_path_that_is_none(tokens, path):
    assert "gave no answer" in why(Grant(tokens.url.replace("/token", path), "client"))


def test_nobody_listens(tokens, grant):
    tokens.stop()

    assert "can't be reached: [Errno 111] Connection refused" in why(grant)


def test_a_server_that_hangs(tokens, grant, monkeypatch):
    monkeypatch.setattr(oauth, "STEP_PATIENCE", 0.1)
    done = threading.Event()
    tokens.act = lambda handler: done.wait(120)

    assert why(grant) in (
        "127.0.0.1 gave no answer: TimeoutError",
        "127.0.0.1 can't be reached: timed out",
    )
    done.set()


def test_a_server_that_answers_byte_by_byte(tokens, grant, monkeypatch):
    monkeypatch.setattr(oauth, "PATIENCE", 0.3)
    done = threading.Event()

    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not done.wait(0.05):
            handler.wfile.write(b"x")
        handler.close_connection = True

    tokens.act = drip

    assert "did not answer within" in why(grant)
    done.set()


def test_nothing_shows_a_secret(tokens, grant, caplog):
    caplog.set_level(logging.DEBUG)
    tokens.body["refresh_token"] = "1//renewed"

    oauth.access_token(grant)

    seen = f"{grant!r} {grant} {caplog.text} {oauth._held!r}"
    assert not [secret for secret in SECRETS if secret in seen]


# --- from a row to a mail ---------------------------------------------------------------

MAIL = Mail("ada@example.org")


@pytest.fixture
def row(sink, tokens, transactional_db):
    sink.token = "acc3ss-token"
    tokens.body["refresh_token"] = "1//renewed"
    return SendingServer.objects.create(
        name="relay",
        host="127.0.0.1",
        port=sink.port,
        tls="none",
        auth="xoauth2",
        username="me@example.org",
        oauth_token_url=tokens.url,
        oauth_client_id="client",
        oauth_client_secret_sealed=vault.seal("cl1ent/secret", rows.CLIENT_SECRET),
        oauth_refresh_token_sealed=vault.seal("1//refresh", rows.REFRESH_TOKEN),
        connections=4,
    )


def test_a_row_signs_in_with_a_token_and_keeps_the_renewed_one_sealed(sink, tokens, row):
    ((_, verdict, _),) = run.send_mails([MAIL])

    row.refresh_from_db()
    assert verdict is Verdict.SENT
    assert vault.unseal(row.oauth_refresh_token_sealed, rows.REFRESH_TOKEN) == "1//renewed"
    assert "renewed" not in row.oauth_refresh_token_sealed


def test_all_connections_of_all_runs_use_one_token(sink, tokens, row, started):
    campaign = started(40)

    send(campaign)
    run.send_mails([MAIL])

    assert numbers(campaign) == {"sent": 40}
    assert len(tokens.asked) == 1
    assert sum(command.startswith("AUTH XOAUTH2") for command in sink.commands) > 1


def test_a_token_that_the_mail_server_refuses_is_asked_for_anew_the_next_time(
    sink, tokens, row, started, caplog
):
    caplog.set_level(logging.DEBUG)
    sink.token = "another"
    campaign = started(3)
    send(campaign)
    assert numbers(campaign) == {"pending": 3}
    shown = campaign.waiting_reason + caplog.text
    assert "535 5.7.8" in shown
    assert "status 401" in shown
    assert not [secret for secret in SECRETS if secret in shown]
    sink.token = tokens.body["access_token"] = "acc3ss-token-2"

    send(campaign)

    assert numbers(campaign) == {"sent": 3}


def test_a_revoked_grant_makes_the_campaign_wait_and_says_so(sink, tokens, row, started, caplog):
    tokens.status, tokens.body = 400, {"error": "invalid_grant"}
    campaign = started(3)

    send(campaign)

    assert numbers(campaign) == {"pending": 3}
    assert "400: invalid_grant" in campaign.waiting_reason
    assert sink.commands == []
    assert not [secret for secret in SECRETS if secret in campaign.waiting_reason + caplog.text]


def test_a_row_that_is_gone_or_sealed_by_others_gives_no_token(row):
    token = rows.endpoint(row).token
    SendingServer.objects.update(oauth_refresh_token_sealed="v1.rubbish")

    with pytest.raises(NoToken, match="Enter it anew"):
        token()
    row.delete()
    with pytest.raises(NoToken, match="deleted"):
        token()


def test_a_thread_that_asks_leaves_no_connection_behind(row):
    left = []

    def ask():
        rows.endpoint(row).token()
        left.append(django_connection.connection)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()

    assert left == [None]


def test_a_server_that_wants_a_token_says_so_without_one(sink, row):
    SendingServer.objects.update(oauth_token_url="http://token.example/")

    with pytest.raises(Unreachable, match="must begin with https://"):
        run.send_mails([MAIL])
