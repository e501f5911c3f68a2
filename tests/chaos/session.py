"""The mail server's side of a conversation: quick, and ill-tempered (moods.py).

Promise: a mail's line is in the record before its 250 goes out.
"""

import asyncio
import re
import ssl
import time
from collections import Counter
from itertools import count

from tests.chaos import record
from tests.chaos.moods import Drop, Habits, Temper, Treatment, treatment

END = b"\r\n.\r\n"
LINGER = 0.05  # seconds between the last answer and hanging up, so that it is surely read
_MESSAGE_ID = re.compile(rb"(?im)^Message-ID:\s*(\S+)")
_ADDRESS = re.compile(rb"<([^>]*)>")


class Server:
    """What all connections share."""

    def __init__(self, habits: Habits) -> None:
        self.habits = habits
        self.record = record.Writer(habits.record)
        self.deferred: Counter[str] = Counter()  # survives no restart, and need not
        self.numbers = count(time.monotonic_ns() % 10**9 * 10**6)
        self.context: ssl.SSLContext | None = None
        if habits.certificate:
            self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            self.context.load_cert_chain(habits.certificate)
        self.keywords = [b"8BITMIME", b"SMTPUTF8", b"SIZE 10000000", b"ENHANCEDSTATUSCODES"]
        if habits.pipelining:
            self.keywords.append(b"PIPELINING")


class Session(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.habits = server.habits
        self.number = next(server.numbers)
        self.temper = Temper(server.habits, self.number % 10**6)
        self.buffer = b""
        self.out: list[bytes] = []
        self.is_secure = server.context is None
        self.is_greeted = self.is_over = self.is_waiting = self.in_body = False
        self.accepted = 0
        self.recipient = ""
        self.begun = 0.0
        self.drop: Drop | None = None

    # --- asyncio.Protocol ---------------------------------------------------------------

    def connection_made(self, transport) -> None:
        self.transport = transport
        if not self.is_greeted:  # else it is the same connection, encrypted now
            self.is_greeted = True
            if self.temper.at_begin is Drop.GREETING:
                self._hang_up(Drop.GREETING)
            else:
                self.out.append(b"220 chaos.example ESMTP\r\n")
            self._flush()

    def data_received(self, data: bytes) -> None:
        if self.is_over:
            return
        self.buffer += data
        if not self.is_waiting:
            self._go_on()

    def connection_lost(self, exc) -> None:
        self.is_over = True

    # --- the dialogue -------------------------------------------------------------------

    def _go_on(self) -> None:
        while not (self.is_over or self.is_waiting):
            if not (self._body() if self.in_body else self._line()):
                break
        self._flush()

    def _flush(self) -> None:
        self.server.record.flush()
        if self.out and not self.transport.is_closing():
            self.transport.write(b"".join(self.out))
        self.out.clear()

    def _line(self) -> bool:
        line, found, rest = self.buffer.partition(b"\r\n")
        if not found:
            return False
        self.buffer = rest
        if rest and not self.habits.pipelining:
            self._note(record.RUDE, line[:40].decode("ascii", "replace"))
        verb = line[:4].upper()
        _VERBS.get(verb, Session._what)(self, line)
        return True

    def _what(self, line: bytes) -> None:
        self.out.append(b"500 5.5.1 what?\r\n")

    def _ehlo(self, line: bytes) -> None:
        if self.temper.at_begin is Drop.EHLO:
            self._hang_up(Drop.EHLO)
            return
        keywords = [b"chaos.example", *self.server.keywords]
        if not self.is_secure:
            keywords.append(b"STARTTLS")
        lines = [b"250-%b\r\n" % word for word in keywords[:-1]]
        self.out.append(b"".join([*lines, b"250 %b\r\n" % keywords[-1]]))

    def _starttls(self, line: bytes) -> None:
        self.out.append(b"220 2.0.0 go ahead\r\n")
        self._flush()
        self.is_waiting = True
        self.buffer = b""
        self.transport.pause_reading()
        self.task = asyncio.get_running_loop().create_task(self._encrypt())

    async def _encrypt(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            self.transport = await loop.start_tls(
                self.transport, self, self.server.context, server_side=True
            )
        except (OSError, ssl.SSLError):
            self.is_over = True
            return
        self.is_secure = True
        self.is_waiting = False
        self._go_on()

    def _mail(self, line: bytes) -> None:
        self.begun = time.monotonic()
        self.recipient = ""
        if not self.is_secure:
            self.out.append(b"530 5.7.0 STARTTLS first\r\n")
            return
        limit = self.habits.mails_per_connection
        if limit and self.accepted >= limit:
            self.out.append(b"421 4.4.2 enough for one connection\r\n")
            self._close()
            return
        self.drop = self.temper.for_mail()
        if self.drop is Drop.MAIL:
            self._hang_up(Drop.MAIL)
            return
        self.out.append(b"250 2.1.0 fine\r\n")

    def _rcpt(self, line: bytes) -> None:
        found = _ADDRESS.search(line)
        recipient = found[1].decode() if found else ""
        if self.drop is Drop.RCPT:
            self._hang_up(Drop.RCPT, recipient)
            return
        kind = treatment(self.habits, recipient)
        if kind is Treatment.REFUSE:
            self._note(record.REFUSED, "rcpt", recipient)
            self.out.append(b"550 5.1.1 no such person\r\n")
        elif kind is Treatment.DEFER and not self.server.deferred[recipient]:
            self.server.deferred[recipient] += 1
            self._note(record.DEFERRED, "rcpt", recipient)
            self.out.append(b"451 4.2.1 later, please\r\n")
        else:
            self.recipient = recipient
            self.out.append(b"250 2.1.5 fine\r\n")

    def _data(self, line: bytes) -> None:
        if not self.recipient:
            self.out.append(b"503 5.5.1 to whom?\r\n")
        elif self.drop is Drop.DATA:
            self._hang_up(Drop.DATA, self.recipient)
        else:
            self.out.append(b"354 go on\r\n")
            self.in_body = True

    def _body(self) -> bool:
        end = self.buffer.find(END)
        if self.drop is Drop.BODY and self.buffer:
            self._abort(Drop.BODY)
            return False
        if end < 0:
            return False
        head = self.buffer[: min(end, 2000)]
        self.buffer = self.buffer[end + len(END) :]
        self.in_body = False
        if self.drop is Drop.DOT:
            self._abort(Drop.DOT)
            return False
        self._decide(head)
        return True

    def _decide(self, head: bytes) -> None:
        kind = treatment(self.habits, self.recipient)
        if kind is Treatment.REFUSE_MAIL:
            self._note(record.REFUSED, "dot", self.recipient)
            self._answer(b"550 5.1.1 no such person after all\r\n")
            return
        if kind is Treatment.DEFER_MAIL and not self.server.deferred[self.recipient]:
            self.server.deferred[self.recipient] += 1
            self._note(record.DEFERRED, "dot", self.recipient)
            self._answer(b"451 4.2.1 later, please\r\n")
            return
        found = _MESSAGE_ID.search(head)
        name = found[1].decode() if found else ""
        if self.drop is Drop.REPLY:
            self._note(record.LOST, name, self.recipient)
            self._abort(Drop.REPLY)
            return
        self._note(record.ACCEPTED, name, self.recipient)
        self.accepted += 1
        self._answer(b"250 2.0.0 taken\r\n")

    def _answer(self, reply: bytes) -> None:
        """Answer a mail, now or late; hang up after the last that a connection may bring."""
        late = self.temper.lateness() + self.habits.seconds
        if late:
            self._flush()
            self.is_waiting = True
            asyncio.get_running_loop().call_later(late, self._answer_late, reply)
            return
        self.out.append(reply)
        limit = self.habits.mails_per_connection
        # Every other connection is told so at its next MAIL instead.
        if limit and self.accepted >= limit and self.number % 2:
            self._close()

    def _answer_late(self, reply: bytes) -> None:
        if self.is_over:
            return
        self.is_waiting = False
        self.out.append(reply)
        self._go_on()

    def _quit(self, line: bytes) -> None:
        self.out.append(b"221 2.0.0 bye\r\n")
        self._close()

    # --- the end ------------------------------------------------------------------------

    def _close(self) -> None:
        """Hang up when the client has surely read what was said until now."""
        self.is_over = True
        asyncio.get_running_loop().call_later(LINGER, self.transport.close)

    def _hang_up(self, drop: Drop, recipient: str = "") -> None:
        """Hang up in place of an answer. What was answered before arrives."""
        self._note(record.DROPPED, drop.value, recipient)
        self._close()

    def _abort(self, drop: Drop) -> None:
        """Cut the line: nothing arrives any more."""
        self._note(record.DROPPED, drop.value, self.recipient)
        self.server.record.flush()
        self.is_over = True
        self.transport.abort()

    def _note(self, what: str, detail: str, recipient: str = "") -> None:
        self.server.record.add(what, self.number, recipient, detail, self.begun)


_VERBS = {
    b"EHLO": Session._ehlo,
    b"HELO": Session._ehlo,
    b"STAR": Session._starttls,
    b"MAIL": Session._mail,
    b"RCPT": Session._rcpt,
    b"DATA": Session._data,
    b"RSET": lambda session, line: session.out.append(b"250 2.0.0 fine\r\n"),
    b"NOOP": lambda session, line: session.out.append(b"250 2.0.0 fine\r\n"),
    b"QUIT": Session._quit,
}
