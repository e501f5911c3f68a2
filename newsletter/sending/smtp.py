"""An SMTP client without any I/O: bytes in, bytes and outcomes out (RFC 5321, 2920).

Where the server offers PIPELINING, the commands of the next mail ride behind the final dot of the
present one, so that a mail costs one round trip and one write. The rules that make this safe:

- only the 250 after the final dot says that a mail was accepted;
- a body goes out when the server has said 354 *and* our journal has the mail (`release`);
- at most one body is under way on a connection, and each recipient has a transaction of its own;
- until its own body was written, a mail may be taken elsewhere: it comes back as RETURNED;
- a body that was written and never answered is IN_DOUBT;
- the first failing reply is the verdict, and each message gets exactly one;
- a reply that its command can't have shows that we are out of step, and ends the conversation;
- after the last mail that the server or the endpoint allows on one connection, it says goodbye.
"""

import re
import sys
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final, NoReturn

from newsletter.sending import envelope
from newsletter.sending.handshake import Handshake, Step
from newsletter.sending.message import Message, Outcome
from newsletter.sending.refusals import Stage
from newsletter.sending.replies import ACCEPTED, Ended, Reader, Reply, Verdict, reply
from newsletter.sending.servers import Endpoint

SETUP_PATIENCE = 300  # seconds for each reply before the first mail (RFC 5321, 4.5.3.2)
FINISHED = "finished"
WITHDRAWN = Reply(0, "withdrawn")
_PLAIN_TEXT: Final = "the mail server sent plain text behind its answer to STARTTLS"


class Expect(Enum):
    """What the next reply answers; with the seconds to wait for it (RFC 5321, 4.5.3.2)."""

    RSET = "RSET", 300
    MAIL = "MAIL FROM", 300
    RCPT = "RCPT TO", 300
    DATA = "DATA", 120
    BODY = "the message", 600
    NOTHING = "an empty message", 600


# By identity: hashing an Enum's member costs more than all else about a reply, and so does looking
# it up in its class.
_MAIL, _RCPT, _DATA, _BODY = Expect.MAIL, Expect.RCPT, Expect.DATA, Expect.BODY
_SENT, _AT_BODY = Verdict.SENT, Stage.BODY
_ENVELOPE: Final = (_MAIL, _RCPT, _DATA)
_IN_STEP: Final = deque((_BODY, *_ENVELOPE))
# A body and the envelope behind it, taken, each in one line: what a healthy server says all day.
_ALL_TAKEN: Final = re.compile(
    rb"250 [^\r\n]{0,500}\r\n(?:25[01] [^\r\n]{0,500}\r\n){2}354 [^\r\n]{0,500}\r\n"
)
_STAGES: Final = {_MAIL: Stage.MAIL, _RCPT: Stage.RCPT, _DATA: Stage.DATA}


class Conversation:
    """One connection's dialogue, from the greeting to the end.

    The transport gives it bytes (`receive`), writes `outgoing()`, and tells it when the connection
    is gone (`lost`). The engine asks `wants`, gives a message (`offer`), and says when the journal
    has it (`release`) or will not have it (`withdraw`). `permit` is asked right before each body.
    """

    def __init__(
        self,
        server: Endpoint,
        name: str,
        permit: Callable[[Message], bool] = lambda message: True,
    ) -> None:
        self.handshake = Handshake(server, name)
        self.is_ready = False  # greeted, secured and signed in
        self.ended = ""  # why nothing more can be said
        self.answered = 0  # mails with an answer to their body, or to their recipient
        self.heard = 0  # rises with each whole reply
        self._permit = permit
        self._reader = Reader()
        self._out: list[bytes] = []
        self._outcomes: list[Outcome] = []
        self._expected: deque[Expect] = deque()
        self._script: deque[tuple[bytes, Expect]] = (
            deque()
        )  # in lock-step: still to say for `_next`
        self._present: Message | None = None  # its body is under way
        self._next: Message | None = None  # its envelope is, or will be
        self._needs_reset = False
        self._can_pipeline = False
        self._left = server.mails_per_connection or sys.maxsize  # MAIL commands still to say

    # --- for the transport --------------------------------------------------------------

    def receive(self, data: bytes) -> list[Outcome]:
        """Take what the server sent. Returns the messages that came to an end by it."""
        if self.ended:
            return []
        if _ALL_TAKEN.fullmatch(data) is not None and self._is_in_step():
            self._step()
            return self._take_outcomes()
        said = len(self._out)
        try:
            for code, lines in self._reader.feed(data):
                if len(self._out) > said:
                    raise Ended("the mail server answered before it was asked")
                self.heard += 1
                if self.is_ready:
                    self._answered(code, lines)
                else:
                    self._set_up(code, lines)
            if self.wants_tls and not self._reader.is_empty:
                raise Ended(_PLAIN_TEXT)
        except Ended as end:
            self._end(self.handshake.without_secrets(str(end)))
        return self._take_outcomes()

    def _is_in_step(self) -> bool:
        """Whether a body and the next mail's envelope are what we wait for, and nothing else."""
        return self._expected == _IN_STEP and not self._out and self._reader.is_empty

    def _step(self) -> None:
        """Do at once what four replies, one after the other, come to: a third of their price."""
        message, following = self._present, self._next
        assert message is not None  # noqa: S101  (see _is_in_step)
        assert following is not None  # noqa: S101
        self._expected.clear()
        self._present = None
        self.heard += len(_IN_STEP)
        self.answered += 1
        self._outcomes.append(Outcome(message, _SENT, ACCEPTED, _AT_BODY))
        following.invited = True
        self._invited(following)

    def lost(self, reason: str = "the mail server closed the connection") -> list[Outcome]:
        """Say that the connection is gone. Returns what becomes of the messages in it."""
        self._end(reason)
        return self._take_outcomes()

    def outgoing(self) -> bytes:
        """Return the bytes to be written now, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    @property
    def has_to_say(self) -> bool:
        """Whether there are bytes to be written, or the end to be made."""
        return bool(self._out or self.ended)

    @property
    def wants_tls(self) -> bool:
        """Whether the transport must encrypt the connection now, and then call `encrypted`."""
        return self.handshake.step is Step.ENCRYPT and not self.ended

    def encrypted(self) -> None:
        """Say that the connection is encrypted now."""
        if not self.ended:
            self._out.append(self.handshake.encrypted())

    @property
    def patience(self) -> int | None:
        """Seconds to wait for the next reply; None when none is due."""
        if not self.is_ready:
            return SETUP_PATIENCE
        return self._expected[0].value[1] if self._expected else None

    @property
    def waits_for(self) -> str:
        """What the next reply answers, in words."""
        if not self.is_ready:
            return self.handshake.step.value[0]
        return self._expected[0].value[0] if self._expected else "nothing"

    # --- for the engine -----------------------------------------------------------------

    @property
    def wants(self) -> bool:
        """Whether there is room for one more message."""
        return self._next is None and self.is_ready and self._left > 0 and not self.ended

    @property
    def is_idle(self) -> bool:
        """Whether no message is in it."""
        return self._next is None and self._present is None

    @property
    def is_over_by_us(self) -> bool:
        """Whether it ended because we had no more to say."""
        return self.ended in (FINISHED, WITHDRAWN.text)

    def offer(self, message: Message) -> list[Outcome]:
        """Take one more message; its envelope goes out as soon as the server allows."""
        self._next = message
        self._start(message)
        if self._script or message.problem:
            self._go_on()
        return self._take_outcomes()

    def release(self, message: Message) -> list[Outcome]:
        """Say that the journal has `message`: its body may go out."""
        message.released = True
        if not (message.invited or self._script):
            return []  # the server's 354 will do the rest
        self._go_on()
        return self._take_outcomes()

    def withdraw(self, message: Message) -> list[Outcome]:
        """Say that the journal will not have `message`: its body must not go out."""
        message.withdrawn = True
        self._go_on()
        return self._take_outcomes()

    def quit(self) -> None:
        """Say goodbye; nothing more can be offered."""
        if not self.ended:
            unsaid = self._out.copy() if self.is_idle else []
            self._end(FINISHED)
            self._out += (*unsaid, b"QUIT\r\n")

    def _take_outcomes(self) -> list[Outcome]:
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    # --- replies ------------------------------------------------------------------------

    def _set_up(self, code: int, lines: list[bytes]) -> None:
        if self.wants_tls:
            raise Ended(_PLAIN_TEXT)
        if command := self.handshake.answer(code, lines):
            self._out.append(command)
        if self.handshake.step is Step.DONE:
            can = self.handshake.can
            self.is_ready = True
            self._can_pipeline = can.pipelining
            self._left = min(self._left, can.mail_limit or sys.maxsize)

    def _answered(self, code: int, lines: list[bytes]) -> None:
        if code == 421 or not self._expected:
            self._closed_by_server(reply(code, lines))
        expected = self._expected.popleft()
        if code < 300 and (expected is _MAIL or expected is _RCPT):
            if not self._script:
                return  # the next command was said already
        elif expected is _BODY:
            self._body_answered(code, lines)
        elif expected is _MAIL or expected is _RCPT or expected is _DATA:
            self._envelope_answered(expected, code, lines)
        elif 300 <= code < 400:
            raise _out_of_step(expected, code, lines)
        # What else there is (RSET, an empty message) matters not: the next MAIL begins anew.
        self._go_on()

    def _closed_by_server(self, last: Reply) -> NoReturn:
        """Take a 421, or a reply to nothing: the server is about to hang up."""
        if self._present is not None and last.code == 421:
            self._outcomes.append(Outcome(self._present, Verdict.RETURNED, last, Stage.BODY))
            self._present = None
            self.answered += 1  # it may be about this mail alone
        elif self._next is not None and self._expected and self._expected[0] in (_RCPT, _DATA):
            problem = Verdict.RETURNED, last, _STAGES[self._expected[0]]
            self._next.problem = self._next.problem or problem
            self.answered += 1
        raise Ended(f"the mail server ended the conversation: {last.without_addresses}")

    def _body_answered(self, code: int, lines: list[bytes]) -> None:
        if 300 <= code < 400:
            raise _out_of_step(_BODY, code, lines)
        message, self._present = self._present, None
        assert message is not None  # noqa: S101  (expected only after a body was written)
        self.answered += 1
        if code < 300:
            self._outcomes.append(Outcome(message, Verdict.SENT, ACCEPTED, Stage.BODY))
        else:
            said = reply(code, lines)
            self._outcomes.append(Outcome(message, _verdict(code), said, Stage.BODY))
        self._part()

    def _envelope_answered(self, expected: Expect, code: int, lines: list[bytes]) -> None:
        message = self._next
        assert message is not None  # noqa: S101  (expected only while there is one)
        if expected is _DATA and code == 354:
            if message.problem is None:
                message.invited = True
            else:
                # The server wants a body although it took no recipient: give it none.
                self._say(b".\r\n", Expect.NOTHING)
            return
        if message.problem is None:
            # A refused MAIL is about us; a refused RCPT or DATA about this mail.
            verdict = Verdict.RETURNED if expected is _MAIL else _verdict(code)
            message.problem = verdict, reply(code, lines), _STAGES[expected]
        if code < 400:
            raise _out_of_step(expected, code, lines)

    # --- what to say next ---------------------------------------------------------------

    def _go_on(self) -> None:
        """Say whatever may be said now."""
        message = self._next
        if message is None or self.ended:
            return
        if not (message.started or message.withdrawn):
            self._start(message)
        if self._script:
            self._say_script(message)
        if message.invited:
            self._invited(message)
        elif message.problem or message.withdrawn:
            self._conclude(message)

    def _start(self, message: Message) -> None:
        """Say the envelope; in lock-step, as soon as nothing else is under way."""
        if self._expected and not self._can_pipeline:
            return
        commands = envelope.commands(message.mail, self.handshake.can)
        if isinstance(commands, Reply):
            message.problem = Verdict.REFUSED, commands, Stage.RCPT
            return
        message.started = True
        self._left -= 1
        reset = [(b"RSET\r\n", Expect.RSET)] if self._needs_reset else []
        self._needs_reset = False
        if self._can_pipeline:
            for command in reset:
                self._say(*command)
            self._out += (*commands, b"DATA\r\n")
            self._expected += _ENVELOPE
        else:
            self._script += reset
            self._script += zip((*commands, b"DATA\r\n"), _ENVELOPE, strict=True)

    def _say_script(self, message: Message) -> None:
        # In lock-step there is a way back as long as DATA was not said.
        may_go = message.released or self._script[0][1] is not _DATA
        if may_go and not (self._expected or message.problem or message.withdrawn):
            self._say(*self._script.popleft())

    def _invited(self, message: Message) -> None:
        if message.withdrawn or (message.released and not self._permit(message)):
            self._end(WITHDRAWN.text)  # there is no way back from 354 but to hang up
        elif message.released:
            self._out += (message.mail.data, b".\r\n")
            self._expected.append(_BODY)
            self._present, self._next = message, None

    def _conclude(self, message: Message) -> None:
        """End a message that will have no body, once all replies to its envelope are here."""
        if message.started and any(expected in _ENVELOPE for expected in self._expected):
            return
        self._needs_reset = self._needs_reset or message.started
        self._script.clear()
        self._next = None
        verdict, why, stage = message.problem or (Verdict.RETURNED, WITHDRAWN, Stage.CONNECT)
        self.answered += verdict is not Verdict.RETURNED
        self._outcomes.append(Outcome(message, verdict, why, stage))
        self._part()

    def _part(self) -> None:
        """Say goodbye when this was the last mail that may go over this connection."""
        if self._left <= 0 and self.is_idle:
            self.quit()

    def _end(self, reason: str) -> None:
        if self.ended:
            return
        self.ended = reason
        self._expected.clear()
        self._script.clear()
        present, self._present = self._present, None
        following, self._next = self._next, None
        if present:
            # A body that we have not given away yet can't have arrived.
            is_unsaid = any(part is present.mail.data for part in self._out)
            verdict = Verdict.RETURNED if is_unsaid else Verdict.IN_DOUBT
            self._outcomes.append(Outcome(present, verdict, Reply(0, reason), Stage.BODY))
        if following:
            problem = following.problem or (Verdict.RETURNED, Reply(0, reason), Stage.CONNECT)
            self._outcomes.append(Outcome(following, *problem))
        self._out.clear()

    def _say(self, command: bytes, expect: Expect) -> None:
        self._out.append(command)
        self._expected.append(expect)


def _verdict(code: int) -> Verdict:
    return Verdict.REFUSED if code >= 500 else Verdict.DEFERRED


def _out_of_step(expected: Expect, code: int, lines: list[bytes]) -> Ended:
    said = reply(code, lines).without_addresses
    return Ended(f"the mail server answered {expected.value[0]} with {said}")
