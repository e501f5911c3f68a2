"""Access tokens for mail servers that want OAuth 2 (Google, Microsoft): RFC 6749, 6.

Promise: secrets go to the token URL only, encrypted (to a program on this machine also without),
and stand in no message; an answer of any size or shape ends in a token or in NoToken.
"""

import hashlib
import ipaddress
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPMessage
from typing import IO, Any, NamedTuple, TypeGuard
from urllib.parse import quote_plus, urlencode, urlsplit

STEP_PATIENCE = 10.0  # seconds for each step of one request
PATIENCE = 25.0  # seconds for all of it: an answer may come byte by byte
LONGEST_ANSWER = 65_536  # bytes
EARLY = 60.0  # seconds before its end that a token is not used any more
USUAL_LIFE = 300.0  # seconds, where the answer does not say (RFC 6749, 5.1: it should)
LONGEST_LIFE = 86_400.0  # seconds that a token is kept, whatever the answer says
LONGEST_REASON = 300  # characters


class NoToken(Exception):
    """There is no access token. The message says why, for the person who runs the server."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What an access token is asked with. Neither secret nor refresh token is ever shown.

    `account` says whose mailbox the token is for. With it, a token that is held stays in use when
    the refresh token was renewed meanwhile, here or by another worker.
    """

    token_url: str
    client_id: str
    client_secret: str = field(default="", repr=False)  # empty: a client without one
    refresh_token: str = field(default="", repr=False)
    account: str = ""


# Called with the new refresh token where the server gives one in place of ours.
Keep = Callable[[str], None]


@dataclass(slots=True)
class _Held:
    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = field(default="", repr=False)
    until: float = 0.0  # on the monotonic clock
    given: str = field(default="", repr=False)  # the refresh token of the caller
    renewed: str = field(default="", repr=False)  # what the server gave in its place, or the same


class _Answer(NamedTuple):
    token: str
    until: float
    refresh_token: str


_held: dict[bytes, _Held] = {}
_lock = threading.Lock()  # of the dictionary; while we wait for a server, only its own is held


def access_token(grant: Grant, keep: Keep | None = None) -> str:
    """Return a token that is good for at least a minute more. Blocks. Raises NoToken.

    It is kept in memory until then, for all threads of this process. Servers that renew the refresh
    token too (Microsoft) hand `keep` the new one.
    """
    with _lock:
        held = _held.setdefault(_key(grant), _Held())
    with held.lock:
        if time.monotonic() < held.until:
            return held.token
        is_known = grant.refresh_token == held.given
        refresh_token = held.renewed if is_known else grant.refresh_token
        answer = _ask(grant, refresh_token)
        held.given, held.renewed = grant.refresh_token, answer.refresh_token
        if keep is not None and answer.refresh_token != refresh_token:
            keep(answer.refresh_token)
        # Last, so that what could not be kept is asked for, and handed on, once more.
        held.token, held.until = answer.token, answer.until
        return answer.token


def forget(token: str) -> None:
    """Use this token no more: a mail server has refused it before its time was over."""
    with _lock:
        for held in _held.values():
            if held.token == token:
                held.until = 0.0


def _key(grant: Grant) -> bytes:
    # A digest, so that a dump of this module shows no more than it has to.
    whose = grant.account or grant.refresh_token
    values = (grant.token_url, grant.client_id, grant.client_secret, whose)
    return hashlib.sha256("\0".join(values).encode()).digest()


def _ask(grant: Grant, refresh_token: str) -> _Answer:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": refresh_token,
        "client_id": grant.client_id,
    }
    if grant.client_secret:
        form["client_secret"] = grant.client_secret
    begun = time.monotonic()
    status, said = _in_time(grant.token_url, urlencode(form).encode())
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise NoToken(f"{_host(grant.token_url)} answered {status}, without JSON")
    token, life = answer.get("access_token"), answer.get("expires_in")
    if status != 200 or not _is_token(token):
        secrets = [refresh_token, grant.client_secret]
        raise NoToken(f"{_host(grant.token_url)} answered {status}{_reason(answer, secrets)}")
    renewed = answer.get("refresh_token")
    return _Answer(
        token,
        begun + _seconds(life) - EARLY,
        renewed if isinstance(renewed, str) and renewed else refresh_token,
    )


def _in_time(url: str, form: bytes) -> tuple[int, bytes]:
    """Do the same as _post, or give up on it. Raises NoToken."""
    answer: Future[tuple[int, bytes]] = Future()

    def post() -> None:
        try:
            answer.set_result(_post(url, form))
        except BaseException as error:  # noqa: BLE001  (it goes on in the thread that waits)
            answer.set_exception(error)

    # A thread that nobody waits for, not even the end of the process.
    threading.Thread(target=post, daemon=True).start()
    try:
        return answer.result(PATIENCE)
    except TimeoutError:
        raise NoToken(f"{_host(url)} did not answer within {PATIENCE:.0f} seconds") from None


def _post(url: str, form: bytes) -> tuple[int, bytes]:
    """Return the status and the body of the answer. Raises NoToken."""
    host, opener = _host(url), _opener(url)
    try:
        request = urllib.request.Request(  # noqa: S310  (_opener lets no other scheme through)
            url, form, {"Accept": "application/json", "User-Agent": "Broadsheet"}
        )
        try:
            with opener.open(request, timeout=STEP_PATIENCE) as answer:
                said = answer.read(LONGEST_ANSWER + 1)
                status = answer.status
        except urllib.error.HTTPError as error:
            with error:
                status, said = error.code, error.read(LONGEST_ANSWER + 1)
    except urllib.error.URLError as error:
        raise NoToken(f"{host} can't be reached: {error.reason}") from None
    except (OSError, HTTPException, ValueError) as error:  # the last: not a host, not a path
        raise NoToken(f"{host} gave no answer: {type(error).__name__}") from None
    if len(said) > LONGEST_ANSWER:
        raise NoToken(f"{host} gave an endless answer")
    return status, said


def _opener(url: str) -> urllib.request.OpenerDirector:
    """Return what opens this URL and no other: nothing is repeated elsewhere. Raises NoToken."""
    try:
        parts = urlsplit(url)
        host, is_plain = parts.hostname or "", parts.scheme == "http"
        _ = parts.port
    except ValueError:
        raise NoToken("the token URL is not a URL") from None
    if not host or not (parts.scheme == "https" or (is_plain and _is_on_this_machine(host))):
        raise NoToken("the token URL must begin with https://")
    direct = [urllib.request.ProxyHandler({})] if is_plain else []
    return urllib.request.build_opener(_NoRedirects, *direct)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or "the token URL"
    except ValueError:
        return "the token URL"


def _is_on_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_token(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value)


def _seconds(life: Any) -> float:
    try:
        return min(max(float(life), 0.0), LONGEST_LIFE)
    except (TypeError, ValueError, OverflowError):
        return USUAL_LIFE


def _reason(answer: dict[str, Any], secrets: list[str]) -> str:
    """Return the server's own words (RFC 6749, 5.2), without what we gave it."""
    said = [answer[name] for name in ("error", "error_description") if answer.get(name)]
    text = " ".join("".join(c if c.isprintable() else " " for c in str(each)) for each in said)
    for secret in filter(None, secrets):
        text = text.replace(secret, "…").replace(quote_plus(secret), "…")
    return f": {text[:LONGEST_REASON]}" if text else ""
