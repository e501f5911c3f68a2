"""How a conversation begins: greeting, EHLO, STARTTLS, AUTH (RFC 5321, 3207, 4954). No I/O."""

import base64
from dataclasses import dataclass
from enum import Enum

from newsletter.sending.replies import Ended, reply
from newsletter.sending.servers import Endpoint


@dataclass(slots=True)
class Capabilities:
    """What the server said it can do."""

    pipelining: bool = False
    eight_bit: bool = False
    smtputf8: bool = False
    starttls: bool = False
    size: bool = False
    size_limit: int = 0  # bytes; 0: none
    auth: frozenset[str] = frozenset()


class Step(Enum):
    """What the next reply answers, and the codes that let us go on."""

    GREETING = "the connection", 220
    EHLO = "EHLO", 250
    HELO = "HELO", 250
    STARTTLS = "STARTTLS", 220
    PLAIN = "AUTH PLAIN", 235
    LOGIN = "AUTH LOGIN", 334
    USER = "the user name", 334
    PASSWORD = "the password", 235
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

    def answer(self, code: int, lines: list[bytes]) -> bytes:
        """Take a reply. Returns the next command, or nothing when `step` says why. Raises Ended."""
        step = self.step
        label, wanted = step.value
        if step is Step.EHLO and code != wanted and self._may_do_without():
            return self._say(Step.HELO, b"HELO %b" % self._name)
        if code != wanted:
            raise Ended(f"the mail server refuses {label}: {reply(code, lines).without_addresses}")
        if step is Step.GREETING:
            return self._say(Step.EHLO, b"EHLO %b" % self._name)
        if step is Step.EHLO:
            self.can = capabilities(lines)
            return self._secure() if self._must_secure() else self._sign_in()
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

    def _say(self, step: Step, command: bytes) -> bytes:
        self.step = step
        return command + b"\r\n"

    def _may_do_without(self) -> bool:
        """Whether a server that knows no EHLO, and so no extensions, is good enough."""
        return not self._must_secure() and self._server.user is None

    def _must_secure(self) -> bool:
        return self._server.tls == "starttls" and not self._is_secure

    def _secure(self) -> bytes:
        if not self.can.starttls:
            raise Ended("the mail server does not offer STARTTLS, which SMTP_URL asks for")
        return self._say(Step.STARTTLS, b"STARTTLS")

    def _sign_in(self) -> bytes:
        user, password = self._server.user, self._server.password
        if user is None:
            self.step = Step.DONE
            return b""
        if "PLAIN" in self.can.auth:
            return self._say(Step.PLAIN, b"AUTH PLAIN " + _base64(f"\0{user}\0{password}"))
        if "LOGIN" in self.can.auth:
            return self._say(Step.LOGIN, b"AUTH LOGIN")
        raise Ended("the mail server offers neither AUTH PLAIN nor LOGIN, but SMTP_URL has a user")


def capabilities(lines: list[bytes]) -> Capabilities:
    """Read the lines of an answer to EHLO; the first is only a greeting."""
    found = Capabilities()
    for line in lines[1:]:
        # "AUTH=LOGIN" is an old spelling that some servers keep.
        words = line[4:].decode("ascii", "replace").upper().replace("=", " ").split()
        keyword, values = (words[0], words[1:]) if words else ("", [])
        found.pipelining |= keyword == "PIPELINING"
        found.eight_bit |= keyword == "8BITMIME"
        found.smtputf8 |= keyword == "SMTPUTF8"
        found.starttls |= keyword == "STARTTLS"
        if keyword == "AUTH":
            found.auth |= frozenset(values)
        elif keyword == "SIZE":
            found.size = True
            found.size_limit = int(values[0]) if values and values[0].isdecimal() else 0
    return found


def _base64(text: str) -> bytes:
    return base64.b64encode(text.encode())
