"""Servers as they are: old, chatty, half broken. What becomes of mails, without a network."""

import re
from dataclasses import dataclass, field

import pytest

from newsletter.sending.message import Message
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation
from tests.sending.test_smtp import Mail

CLOSE = b"\0close"  # behind, or in place of, an answer
PIPELINING = b"250-odd\r\n250 PIPELINING\r\n"
LOCK_STEP = b"250 odd\r\n"
SENT, REFUSED, DEFERRED = Verdict.SENT, Verdict.REFUSED, Verdict.DEFERRED
RETURNED, IN_DOUBT = Verdict.RETURNED, Verdict.IN_DOUBT


@dataclass
class Odd:
    """A server in memory. `answers`: by verb; those about the second mail alone as "RCPT2"."""

    answers: dict[str, bytes] = field(default_factory=dict)
    ehlo: bytes = PIPELINING
    usual: dict[str, bytes] = field(
        default_factory=lambda: {
            "GREETING": b"220 odd\r\n",
            "HELO": b"250 odd\r\n",
            "AUTH": b"235 welcome\r\n",
            "DATA": b"354 go on\r\n",
            "QUIT": b"221 bye\r\n",
        }
    )
    verbs: list[str] = field(default_factory=list)
    bodies: int = 0  # that came, taken or not
    mails: list[bytes] = field(default_factory=list)
    is_closed: bool = False
    _data: bytes = b""
    _is_body: bool = False

    def take(self, data: bytes) -> bytes:
        self._data += data
        said = b""
        while not self.is_closed and (item := self._next()):
            said += self._answer(*item)
        return said

    def _next(self) -> tuple[str, bytes] | None:
        end = re.search(rb"(\A|\r\n)\.\r\n" if self._is_body else rb"\r\n", self._data)
        if not end:
            return None
        text, self._data = self._data[: end.end()], self._data[end.end() :]
        verb = "BODY" if self._is_body else re.match(rb"\w+", text)[0].decode()
        self._is_body = False
        return verb, text

    def _answer(self, verb: str, text: bytes = b"") -> bytes:
        self.verbs.append(verb)
        usual = self.ehlo if verb == "EHLO" else self.usual.get(verb, b"250 ok\r\n")
        counted = f"{verb}{self.verbs.count('MAIL')}"
        answer = self.answers.get(counted, self.answers.get(verb, usual))
        self._is_body = verb == "DATA" and answer.startswith(b"354")
        self.bodies += verb == "BODY" and text != b".\r\n"
        if verb == "BODY" and answer.startswith(b"2"):
            self.mails.append(text)
        answer, closing, _ = answer.partition(CLOSE)
        self.is_closed = bool(closing)
        return answer

    def greet(self) -> bytes:
        return self._answer("GREETING")


def talk(server: Odd, count: int = 2, size: int = 0, endpoint: Endpoint | None = None):
    """Send mails 1 to `count`. Returns the verdicts in their order, and the conversation."""
    endpoint = endpoint or Endpoint("odd.example", 25, "none")
    conversation = Conversation(endpoint, "news.example.org")
    waiting = [Message(Mail(f"r{n + 1}@example.org")) for n in range(count)]
    messages, outcomes = waiting.copy(), []
    said = server.greet()
    while said or not conversation.is_idle or (waiting and conversation.wants):
        step = size or len(said) or 1
        chunk, said = said[:step], said[step:]
        outcomes += conversation.receive(chunk) if chunk else []
        while conversation.wants and waiting:
            waiting[0].released = True
            outcomes += conversation.offer(waiting.pop(0))
        written = conversation.outgoing()
        said += server.take(written)
        if server.is_closed and not said:
            outcomes += conversation.lost()
            break
        if not (said or written):
            break  # the server says nothing more
    ends = {outcome.message: outcome.verdict for outcome in outcomes}
    assert len(ends) == len(outcomes), "a mail came to two ends"
    return [ends.get(message) for message in messages], conversation


BOTH = pytest.mark.parametrize("ehlo", [PIPELINING, LOCK_STEP], ids=["pipelined", "lock-step"])


@BOTH
@pytest.mark.parametrize(
    "answers",
    [
        {"EHLO": b"500 what?\r\n"},
        {"EHLO": b"502 5.5.1 \xff\xfe nicht\r\n"},
        {"GREETING": b"220-odd\r\n220-no spam here\r\n220 ESMTP\r\n"},
        {"GREETING": b"220\r\n"},
        {"MAIL": b"250\r\n", "RCPT": b"250\r\n", "DATA": b"354\r\n", "BODY": b"250\r\n"},
        {"MAIL": b"250 \r\n", "RCPT": b"250 \r\n", "DATA": b"354 \r\n", "BODY": b"250 \r\n"},
        {"RCPT": b"251 User not local; will forward to <x@example.net>\r\n"},
        {"RCPT": b"252 can't VRFY, will try\r\n"},
        {"DATA": b"354-one\r\n354-two\r\n354 end with <CRLF>.<CRLF>\r\n"},
        {"DATA": b"354 \xe4\xf6\xfc 250 ok 421 closing\r\n"},
        {"BODY": b"250-2.0.0 one\r\n250-2.0.0 two\r\n250 2.0.0 queued as 554\r\n"},
        {"BODY": b"250 2.0.0 \x00\x07\xff queued\r\n"},
        {"BODY": b"252 2.0.0 taken, perhaps\r\n"},
        {"MAIL": b"250 2.1.0 ok\n", "RCPT": b"250 ok\n", "DATA": b"354 go\n", "BODY": b"250 ok\n"},
        {"BODY": b"250 " + b"x" * 8_000 + b"\r\n"},
        {"MAIL": b"250-a\r\n" * 150 + b"250 b\r\n"},
    ],
)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 5, 8, 13, 64])
def test_what_is_odd_and_fine(ehlo, answers, size):
    server = Odd(answers, ehlo)

    verdicts, conversation = talk(server, count=3, size=size)

    assert verdicts == [SENT, SENT, SENT]
    assert len(server.mails) == 3
    assert not conversation.ended


@pytest.mark.parametrize(
    ("ehlo", "can"),
    [
        (b"250-odd\r\n250-pipelining\r\n250-8bitmime\r\n250 smtputf8\r\n", "pem"),
        (b"250-odd\r\n250-\r\n250-PIPELINING\r\n250 \r\n", "p"),
        (b"250-odd\r\n250-PIPELINING\r\n250\r\n", "p"),
        (b"250-odd\r\n250- PIPELINING \r\n250-8BITMIME foo bar\r\n250 SMTPUTF8=yes\r\n", "pe"),
        (b"250-odd\n250-PIPELINING\n250 8BITMIME\n", "pe"),
        (b"250-PIPELINING\r\n250 x\r\n", ""),  # the first line is a name
        (b"250 PIPELINING\r\n", ""),
        (b"250-odd\r\n250-XPIPELINING\r\n250 PIPELININGX\r\n", ""),
        (b"250-odd\r\n250-\xff\xfe\r\n250-SIZE\r\n250-SIZE x\r\n250 PIPELINING\r\n", "p"),
        (b"250-odd\r\n250-LIMITS\r\n250-LIMITS MAILMAX\r\n250 LIMITS MAILMAX=x RCPTMAX=\r\n", ""),
        (b"250-odd\r\n250-LIMITS MAILMAX=0\r\n250 SIZE 99999999999999999999\r\n", ""),
    ],
)
def test_what_a_server_says_that_it_can(ehlo, can):
    verdicts, conversation = talk(Odd(ehlo=ehlo), count=2)

    found = conversation.handshake.can
    values = {"p": found.pipelining, "e": found.eight_bit, "m": found.smtputf8}
    assert "".join(name for name, value in values.items() if value) == can
    assert verdicts == [SENT, SENT]


@pytest.mark.parametrize("line", [b"250 AUTH=LOGIN PLAIN", b"250-auth=login\r\n250 auth plain"])
def test_the_old_spelling_of_auth(line):
    server = Odd(ehlo=b"250-odd\r\n" + line + b"\r\n")

    verdicts, _ = talk(server, endpoint=Endpoint("odd.example", 25, "none", "me", "secret"))

    assert verdicts == [SENT, SENT]
    assert server.verbs[:3] == ["GREETING", "EHLO", "AUTH"]


@BOTH
@pytest.mark.parametrize(
    ("answers", "verdicts"),
    [
        # A refused sender is about us, not about them.
        ({"MAIL": b"550 5.7.1 no\r\n", "RCPT": b"503 x\r\n", "DATA": b"503 x\r\n"}, [RETURNED] * 2),
        ({"MAIL": b"451 later\r\n", "RCPT": b"503 x\r\n", "DATA": b"503 x\r\n"}, [RETURNED] * 2),
        ({"MAIL1": b"452-a\r\n452 b\r\n", "RCPT1": b"503 x\r\n", "DATA1": b"503 x\r\n"}, "RS"),
        ({"RCPT1": b"550 5.1.1 nobody\r\n", "DATA1": b"554 none\r\n"}, "FS"),
        ({"RCPT1": b"450 4.2.0 later\r\n", "DATA1": b"503 none\r\n"}, "DS"),
        ({"RCPT1": b"550-5.1.1 a\r\n550 5.1.1 b\r\n", "DATA1": b"554-x\r\n554 y\r\n"}, "FS"),
        ({"DATA1": b"554 5.6.0 no\r\n"}, "FS"),
        ({"DATA1": b"451 4.3.0 disk\r\n"}, "DS"),
        ({"BODY1": b"554 5.6.0 spam\r\n"}, "FS"),
        ({"BODY1": b"451 4.7.0 wait\r\n"}, "DS"),
        ({"RSET": b"500 what?\r\n", "RCPT1": b"550 no\r\n", "DATA1": b"503 x\r\n"}, "FS"),
        ({"RSET": b"250-a\r\n250 b\r\n", "DATA1": b"554 5.6.0 no\r\n"}, "FS"),
        ({"RSET": b"221 bye\r\n" + CLOSE, "DATA1": b"554 no\r\n"}, "FR"),
        # It hangs up, with or without a word.
        ({"MAIL1": b"421 4.3.2 closing\r\n" + CLOSE}, "RR"),
        ({"RCPT1": b"421 4.3.2 closing\r\n" + CLOSE}, "RR"),
        ({"DATA1": b"421 4.3.2 closing\r\n" + CLOSE}, "RR"),
        ({"BODY1": b"421 4.3.2 closing\r\n" + CLOSE}, "RR"),
        ({"MAIL2": b"421 4.3.2 closing\r\n" + CLOSE}, "SR"),
        ({"RCPT2": b"421 4.3.2 closing\r\n" + CLOSE}, "SR"),
        ({"DATA2": b"421 4.3.2 closing\r\n" + CLOSE}, "SR"),
        ({"BODY2": b"421 4.3.2 closing\r\n" + CLOSE}, "SR"),
        ({"BODY1": b"250 ok\r\n421 4.3.2 closing\r\n" + CLOSE}, "SR"),
        ({"MAIL1": CLOSE}, "RR"),
        ({"DATA1": CLOSE}, "RR"),
        ({"BODY1": CLOSE}, "IR"),
        ({"BODY1": b"250 o" + CLOSE}, "IR"),
        ({"BODY1": b"250-ok\r\n" + CLOSE}, "IR"),
        ({"BODY2": CLOSE}, "SI"),
        # It is out of step.
        ({"BODY1": b"220 hello\r\n250 ok\r\n"}, "S?"),
        ({"BODY1": b"hello\r\n"}, "IR"),
        ({"BODY1": b"354 more\r\n"}, "IR"),
        ({"BODY1": b"\r\n250 ok\r\n"}, "IR"),
        ({"MAIL1": b"334 what\r\n"}, "RR"),
        ({"RCPT1": b"550 no\r\n", "DATA1": b"354 go\r\n", "BODY1": b"554 no mail\r\n"}, "FS"),
    ],
)
@pytest.mark.parametrize("size", [0, 1])
def test_what_is_odd_and_not_fine(ehlo, answers, verdicts, size):
    words = dict(zip("SFDRI", (SENT, REFUSED, DEFERRED, RETURNED, IN_DOUBT), strict=True))
    server = Odd(answers, ehlo)

    found, _ = talk(server, size=size)

    # What was never offered is as good as returned.
    found = [verdict or RETURNED for verdict in found]
    for verdict, word in zip(found, verdicts, strict=True):
        assert word == "?" or verdict is words.get(word, word)
    # What the server has is never said not to have gone.
    assert found.count(SENT) + found.count(IN_DOUBT) <= server.bodies
    assert found.count(SENT) <= len(server.mails)
    assert len(server.mails) <= found.count(SENT) + found.count(IN_DOUBT)


@pytest.mark.parametrize(
    ("stage", "answer", "part"),
    [
        ("GREETING", b"421 4.3.2 not now\r\n", "421 4.3.2 not now"),
        ("GREETING", b"554 5.7.1 not you\r\n", "the connection: 554 5.7.1 not you"),
        ("GREETING", b"250 hm\r\n", "the connection: 250 hm"),
        ("GREETING", b"SSH-2.0-OpenSSH_9.6\r\n", "which is not SMTP"),
        ("GREETING", b"HTTP/1.1 400 Bad Request\r\n", "which is not SMTP"),
        ("GREETING", b"\x15\x03\x01\x00\x02\x02\n", "which is not SMTP"),
        ("GREETING", b"220-a\r\n" * 300, "endless"),
        ("GREETING", b"x" * 9_000, "endless"),
        ("EHLO", b"421 4.3.2 not now\r\n", "EHLO: 421"),
        ("HELO", b"550 not you\r\n", "HELO: 550 not you"),
        ("AUTH", b"421 4.3.2 not now\r\n", "AUTH PLAIN: 421"),
        ("AUTH", b"334 what?\r\n", "AUTH PLAIN: 334"),
    ],
)
@pytest.mark.parametrize("size", [0, 1, 7])
def test_a_beginning_that_is_none(stage, answer, part, size):
    answers = {"HELO": {"EHLO": b"500 what\r\n"}}.get(stage, {}) | {stage: answer}
    user = "me" if stage == "AUTH" else None
    server = Odd(answers, b"250-odd\r\n250 AUTH PLAIN\r\n")

    found, conversation = talk(server, 1, size, Endpoint("odd.example", 25, "none", user, "secret"))

    assert part in conversation.ended
    assert found in ([None], [RETURNED])
    assert "BODY" not in server.verbs


@pytest.mark.parametrize(
    ("stage", "answer"),
    [
        ("GREETING", b"220 one\r\n220 two\r\n"),
        ("EHLO", PIPELINING + b"250 odd\r\n"),
        ("MAIL1", b"250 one\r\n250 two\r\n"),
        ("RCPT1", b"250 one\r\n250 two\r\n"),
        ("DATA1", b"354 one\r\n354 two\r\n"),
        ("DATA1", b"354 one\r\n250 two\r\n"),
        ("BODY1", b"250 one\r\n250 two\r\n"),
    ],
)
@BOTH
@pytest.mark.parametrize("size", [0, 1])
def test_an_answer_too_many_is_never_taken_for_the_answer_to_a_body(ehlo, stage, answer, size):
    server = Odd({stage: answer}, ehlo)

    found, conversation = talk(server, 3, size)

    assert conversation.ended
    assert found.count(SENT) <= len(server.mails)


def test_what_was_heard_before_encryption_is_forgotten():
    conversation = Conversation(Endpoint("h", 587, "starttls"), "news.example.org")
    conversation.receive(b"220 h\r\n")
    conversation.receive(b"250-h\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-DSN\r\n250 STARTTLS\r\n")
    conversation.receive(b"220 go\r\n")
    conversation.outgoing()

    conversation.encrypted()
    conversation.receive(b"250 h\r\n")
    message = Message(Mail("ada@example.org"))
    message.released = True
    conversation.outgoing()
    conversation.offer(message)

    can = conversation.handshake.can
    assert not (can.pipelining or can.smtputf8 or can.dsn or can.starttls)
    assert conversation.outgoing() == b"MAIL FROM:<b@example.org>\r\n"


@pytest.mark.parametrize("behind", [b"2", b"\r", b"\n", b"250 ok\r\n", b"250-\r\n"])
def test_plain_text_in_a_packet_of_its_own_ends_it(behind):
    conversation = Conversation(Endpoint("h", 587, "starttls"), "news.example.org")
    conversation.receive(b"220 h\r\n")
    conversation.receive(b"250-h\r\n250 STARTTLS\r\n")
    conversation.receive(b"220 go")
    conversation.receive(b"\r\n")
    assert conversation.wants_tls

    conversation.receive(behind)

    assert conversation.ended
    assert not conversation.wants_tls
