"""How a conversation begins: greeting, EHLO, STARTTLS, AUTH (RFC 5321, 3207, 4954). No I/O.

Promise: no password and no token is said before the connection is encrypted, unless the endpoint
asks for no encryption at all; what was heard before encryption is forgotten; and no secret stands
in a message, whatever the server answers.
"""

import base64
import json
import re
from dataclasses import dataclass
from enum import Enum

from newsletter.sending.replies import Ended, reply
from newsletter.sending.servers import Endpoint

_SHORTEST_SECRET = 4  # characters: what is shorter stands in too many words to be looked for
_LONG_WORD = re.compile(r"[\w+/~-]{12,}")  # of base64, or of a token


@dataclass(slots=True)
class Capabilities:
    """What the server said it can do."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    dsn: bool = False
    size: bool = False
    size_limit: int = 0  # bytes; 0: none
    mail_limit: int = 0  # MAIL commands in one connection (RFC 9422); 0: none
    auth: frozenset[str] = frozenset()


class Step(Enum):
    """What the next reply answers, the code that lets us go on."""

    GREETING = "the connection", 220
    EHLO = "EHLO", 250
    HELO = "HELO", 250
    STARTTLS = "STARTTLS", 220
    PLAIN = "AUTH PLAIN", 235
    LOGIN = "AUTH LOGIN", 334
    USER = "the user name", 334
    PASSWORD = "the password", 235
    XOAUTH2 = "AUTH XOAUTH2", 235
    TOKEN = "the access token", 235  # was refused; its last word is to come
    ENCRYPT = "encryption", 0  # waits for the transport, not for a reply
    DONE = "nothing", 0


class Handshake:
    """The part of a conversation that comes before the first mail."""

    def __init__(self, server: Endpoint, name: str) -> None:
        self.can = Capabilities()
        self.step = Step.GREETING
        self._server = server
        self._is_secure = server.tls == "implicit"
        self._name = name.encode()
        self._complaint = ""  # what the server has against our access token

    @property
    def is_token_refused(self) -> bool:
        """Whether it got as far as our access token, and no further."""
        return self.step is Step.XOAUTH2 or self.step is Step.TOKEN

    def answer(self, code: int, lines: list[bytes]) -> bytes:
        """Take a reply. Returns the next command, or nothing when `step` says why. Raises Ended."""
        step = self.step
        _, wanted = step.value
        if code != wanted:
            return self._refused(step, code, lines)
        if step is Step.GREETING:
            return self._say(Step.EHLO, b"EHLO %b" % self._name)
        if step is Step.EHLO:
            self.can = capabilities(lines)
            return self._greeted()
        return self._after(step)

    def encrypted(self) -> bytes:
        """Go on after the transport has encrypted the connection: all is asked anew."""
        self._is_secure = True
        self.can = Capabilities()
        return self._say(Step.EHLO, b"EHLO %b" % self._name)

    def _after(self, step: Step) -> bytes:
        if step is Step.STARTTLS:
            self.step = Step.ENCRYPT
            return b""
        if step is Step.LOGIN:
            return self._say(Step.USER, _base64(str(self._server.user)))
        if step is Step.USER:
            return self._say(Step.PASSWORD, _base64(self._server.password))
        self.step = Step.DONE
        return b""

    def _refused(self, step: Step, code: int, lines: list[bytes]) -> bytes:
        """Go another way, if there is one."""
        if step is Step.EHLO and code != 421 and self._may_do_without():
            return self._say(Step.HELO, b"HELO %b" % self._name)
        if step is Step.STARTTLS and code != 421 and not self._server.requires_tls:
            return self._sign_in()
        if step is Step.XOAUTH2 and code == 334:
            # The reason comes as a challenge; only after an empty answer to it comes the refusal.
            self._complaint = self.without_secrets(_complaint(reply(code, lines).text))
            return self._say(Step.TOKEN, b"")
        # Before anything is cut off, which could leave half a secret.
        lines = [self.without_secrets(line.decode("utf-8", "replace")).encode() for line in lines]
        why = f"{step.value[0]}{self._complaint}: {reply(code, lines).without_addresses}"
        raise Ended(f"the mail server refuses {why}")

    def without_secrets(self, text: str) -> str:
        """Return what the server said, in which some repeat what they were given, or half of it."""
        secret = self._server.password
        if len(secret) < _SHORTEST_SECRET:
            return text
        spellings = (secret, *(blob.decode() for blob in self._blobs()))
        for spelling in spellings:
            text = text.replace(spelling, "…")
        return _LONG_WORD.sub(
            lambda word: "…" if any(word[0] in each for each in spellings) else word[0], text
        )

    def _blobs(self) -> tuple[bytes, ...]:
        user, secret = self._server.user, self._server.password
        return (
            _base64(secret),
            _base64(f"\0{user}\0{secret}"),
            _base64(f"user={user}\1auth=Bearer {secret}\1\1"),
        )

    def _say(self, step: Step, command: bytes) -> bytes:
        self.step = step
        return command + b"\r\n"

    def _may_do_without(self) -> bool:
        """Whether a server that knows no EHLO, and so no extensions, is good enough."""
        return self._server.user is None and (self._is_secure or not self._server.requires_tls)

    def _greeted(self) -> bytes:
        if self._is_secure or self._server.tls == "none":
            return self._sign_in()
        if self.can.starttls:
            return self._say(Step.STARTTLS, b"STARTTLS")
        if self._server.requires_tls:
            raise Ended("the mail server does not offer STARTTLS, which is asked for")
        return self._sign_in()

    def _sign_in(self) -> bytes:
        if self._server.user is None:
            self.step = Step.DONE
            return b""
        _, plain, token = self._blobs()
        mechanism = self._mechanism()
        if mechanism == "XOAUTH2":
            return self._say(Step.XOAUTH2, b"AUTH XOAUTH2 " + token)
        if mechanism == "PLAIN":
            return self._say(Step.PLAIN, b"AUTH PLAIN " + plain)
        return self._say(Step.LOGIN, b"AUTH LOGIN")

    def _mechanism(self) -> str:
        """Return the best mechanism that the endpoint and the server agree on. Raises Ended."""
        if self._server.auth != "auto":
            wanted = [self._server.auth.upper()]
        elif self._server.token is not None:
            wanted = ["XOAUTH2"]
        else:
            wanted = ["PLAIN", "LOGIN"]
        for mechanism in wanted:
            if mechanism in self.can.auth:
                return mechanism
        names = "neither AUTH PLAIN nor LOGIN" if len(wanted) > 1 else f"no AUTH {wanted[0]}"
        raise Ended(f"the mail server offers {names}, but a user name is set")


def capabilities(lines: list[bytes]) -> Capabilities:
    """Read the lines of an answer to EHLO; the first is only a greeting."""
    found = Capabilities()
    for line in lines[1:]:
        text = line[4:].decode("ascii", "replace").upper().strip()
        # "AUTH=LOGIN" is an old spelling that some servers keep.
        keyword, _, rest = text.replace("AUTH=", "AUTH ", 1).partition(" ")
        values = rest.split()
        found.pipelining |= keyword == "PIPELINING"
        found.eight_bit |= keyword == "8BITMIME"
        found.smtputf8 |= keyword == "SMTPUTF8"
        found.starttls |= keyword == "STARTTLS"
        found.dsn |= keyword == "DSN"
        if keyword == "AUTH":
            found.auth |= frozenset(values)
        elif keyword == "SIZE":
            found.size = True
            found.size_limit = _number(values[0]) if values else 0
        elif keyword == "LIMITS":
            # Of the others, RCPTMAX is at least 1, and more than one we never name.
            limits = dict(value.split("=", 1) for value in values if "=" in value)
            found.mail_limit = _number(limits.get("MAILMAX", ""))
    return found


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) <= 15 else 0


def _complaint(challenge: str) -> str:
    """Read why an access token was refused: {"status": "401", "scope": …} in base64."""
    try:
        said = json.loads(base64.b64decode(challenge, validate=True))
        words = [f"{name} {said[name]}" for name in ("status", "scope") if said.get(name)]
    except (ValueError, AttributeError, RecursionError):
        return ""
    text = "".join(c for c in ", ".join(words) if c.isprintable())[:200]
    return f" ({text})" if text else ""


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())
