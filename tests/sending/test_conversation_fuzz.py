"""The conversation against a server that says anything at any moment, in chunks of any size.

The judge reads what was written and what was said, as a server would, and knows nothing of how the
machine works.
"""

import re
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from newsletter.sending.message import Message
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation

REPLY = re.compile(rb"([2-5]\d\d)(?:[ \r].*)?", re.DOTALL)  # the last line of one
MORE = re.compile(rb"[2-5]\d\d-.*", re.DOTALL)
BODY = re.compile(rb"Subject: (\d+)\r\n\r\n\.\.hello\r\n\.\r\n")

TEXTS = st.sampled_from([b" ok", b"", b" ", b" 2.0.0 \xff\x00 \xc3\xa9", b"-one\r\n%b two"])
CODES = st.sampled_from(
    [b"250", b"250", b"251", b"252", b"220", b"354", b"334", b"421", b"450", b"452", b"550", b"554"]
)
NOISE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"\r\n", b"25", b"250", b"250-", b"hello\r\n", b"999 what\r\n", b"100 wait\r\n"]
    ),
)
USUAL = {"MAIL": b"250", "RCPT": b"251", "DATA": b"354", "BODY": b"250", "RSET": b"250"}
EXTENSIONS = [b"PIPELINING", b"SIZE 1000", b"DSN", b"8BITMIME", b"LIMITS MAILMAX=2 RCPTMAX=1"]


@dataclass
class Mail:
    number: int
    envelope_from: str = "b@example.org"
    recipient: str = "r@example.org"
    message_id: str = "<c1.abc@example.org>"
    needs_smtputf8: bool = False
    data: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.data = b"Subject: %d\r\n\r\n..hello\r\n" % self.number


class Judge:
    """What went over the wire: the commands, and the replies in their order."""

    def __init__(self) -> None:
        self.items: list[tuple[str, int]] = []  # a verb, and the number of the mail if it is a body
        self.replies: list[int] = []
        self._said = b""
        self._is_sound = True  # what the server says is SMTP

    def said(self, data: bytes) -> None:
        """Take what the server sent."""
        *lines, self._said = (self._said + data).split(b"\n")
        for line in lines:
            if not self._is_sound:
                return
            if match := REPLY.fullmatch(line):
                self.replies.append(int(match[1]))
            else:
                self._is_sound = bool(MORE.fullmatch(line))

    def wrote(self, data: bytes) -> list[int]:
        """Take what we wrote. Returns the numbers of the mails whose bodies were in it."""
        bodies = []
        while data:
            last = len(self.items) - 1
            if self.items[last][0] == "DATA" and self.answer(last) < 400:
                assert self.answer(last) == 354, "something went out before 354"
                size, number = self._body(data)
                bodies += [number] if number else []
            else:
                size = data.index(b"\r\n") + 2
                self.items.append((data[:4].decode().upper(), 0))
            data = data[size:]
        return bodies

    def _body(self, data: bytes) -> tuple[int, int]:
        if data.startswith(b".\r\n"):
            self.items.append(("NOTHING", 0))
            return 3, 0
        match = BODY.match(data)
        assert match, f"{data!r} is no body"
        open_bodies = [n for n, (verb, _) in enumerate(self.items) if verb == "BODY"]
        assert all(self.answer(n) for n in open_bodies), "two bodies are under way"
        self.items.append(("BODY", int(match[1])))
        return match.end(), int(match[1])

    def answer(self, index: int) -> int:
        return self.replies[index] if index < len(self.replies) else 0

    def body_answer(self, number: int) -> int | None:
        """Return the code that answered the final dot of a mail, 0 for none; None: no body."""
        for index, item in enumerate(self.items):
            if item == ("BODY", number):
                return self.answer(index)
        return None


class Talk(RuleBasedStateMachine):
    @initialize(
        extensions=st.lists(st.sampled_from(EXTENSIONS), unique=True),
        limit=st.sampled_from([0, 0, 1, 3]),
    )
    def greet(self, extensions: list[bytes], limit: int) -> None:
        endpoint = Endpoint("sink.example", 25, "none", mails_per_connection=limit)
        self.conversation = Conversation(endpoint, "news.example.org", lambda m: self.is_permitted)
        self.is_permitted = True
        self.judge = Judge()
        self.judge.items.append(("GREETING", 0))
        self.messages: list[Message] = []
        self.ends: dict[int, Verdict] = {}
        self.most = min([limit or 99, 2 if EXTENSIONS[-1] in extensions else 99])
        *lines, last = [b"sink", *extensions]
        self.say(b"220 sink\r\n", [])
        self.say(b"".join(b"250-%b\r\n" % line for line in lines) + b"250 %b\r\n" % last, [])
        assert self.conversation.is_ready

    @precondition(lambda self: self.conversation.ended)
    @rule(
        extensions=st.lists(st.sampled_from(EXTENSIONS), unique=True),
        limit=st.sampled_from([0, 0, 1, 3]),
    )
    def connect_again(self, extensions: list[bytes], limit: int) -> None:
        self.teardown()
        self.greet(extensions, limit)

    # --- the server ---------------------------------------------------------------------

    @rule(count=st.integers(1, 6), cuts=st.lists(st.integers(1, 60), max_size=4))
    def answers_as_it_should(self, count: int, cuts: list[int]) -> None:
        open_items = self.judge.items[len(self.judge.replies) :][:count]
        self.say(b"".join(USUAL.get(verb, b"250") + b" ok\r\n" for verb, _ in open_items), cuts)

    @rule(code=CODES, text=TEXTS, rest=st.lists(CODES, max_size=2), is_usual=st.booleans())
    def answers_something(self, code: bytes, text: bytes, rest: list[bytes], is_usual) -> None:
        self.say(code + text.replace(b"%b", code) + b"\r\n", [])
        if is_usual:
            self.answers_as_it_should(6, [])
        else:
            self.say(b"".join(code + b" ok\r\n" for code in rest), [])

    @rule(noise=NOISE, is_the_end=st.sampled_from([False, False, False, True]))
    def goes_wrong(self, noise: bytes, is_the_end: bool) -> None:
        if is_the_end:
            self.take(self.conversation.lost())
        else:
            self.say(noise, [])

    def say(self, data: bytes, cuts: list[int]) -> None:
        edges = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
        for begin, end in pairwise(edges):
            written = len(self.judge.items)
            self.judge.said(data[begin:end])
            outcomes = self.conversation.receive(data[begin:end])
            if len(self.judge.replies) > written:
                assert self.conversation.ended, "it took an answer to what it had not said"
            self.take(outcomes)

    # --- the engine ---------------------------------------------------------------------

    @rule(count=st.integers(1, 4), is_released=st.booleans(), is_answered=st.booleans())
    def offer(self, count: int, is_released: bool, is_answered: bool) -> None:
        for _ in range(count):
            if self.conversation.wants:
                self.offer_one(is_released, is_answered)

    def offer_one(self, is_released: bool, is_answered: bool) -> None:
        message = Message(Mail(len(self.messages) + 1))
        message.released = is_released
        self.messages.append(message)
        self.take(self.conversation.offer(message))
        for _ in range(4 if is_answered else 0):
            self.answers_as_it_should(1, [])

    @rule()
    def release(self) -> None:
        for message in self.open_messages():
            if not message.withdrawn:
                self.take(self.conversation.release(message))

    @precondition(lambda self: self.open_messages())
    @rule(is_permitted=st.booleans())
    def withdraw(self, is_permitted: bool) -> None:
        message = self.open_messages()[-1]
        self.is_permitted = is_permitted
        if not message.released:
            self.take(self.conversation.withdraw(message))

    @precondition(lambda self: self.conversation.is_idle)
    @rule()
    def quit(self) -> None:
        self.conversation.quit()
        self.take([])

    def open_messages(self) -> list[Message]:
        return [each for each in self.messages if each.mail.number not in self.ends]

    # --- the judgement ------------------------------------------------------------------

    def take(self, outcomes) -> None:
        """Do what a transport does after each call: pass outcomes on, and write."""
        data = self.conversation.outgoing()
        if self.conversation.ended:
            assert data in (b"", b"QUIT\r\n", b".\r\nQUIT\r\n")
            data = data.removesuffix(b"QUIT\r\n")
        for number in self.judge.wrote(data):
            message = self.messages[number - 1]
            assert message.released, "a body went out before the journal had it"
            assert not message.withdrawn
            assert self.is_permitted
        for outcome in outcomes:
            self.judge_end(outcome.message.mail.number, outcome)
        mails = sum(verb == "MAIL" for verb, _ in self.judge.items)
        assert mails <= self.most, "more mails than this connection may take"

    def judge_end(self, number: int, outcome) -> None:
        assert number not in self.ends, "a mail came to two ends"
        self.ends[number] = outcome.verdict
        answer = self.judge.body_answer(number)
        if outcome.verdict is Verdict.SENT:
            assert answer is not None
            assert 200 <= answer < 300
        elif outcome.verdict is Verdict.RETURNED:
            assert answer in (None, 421)
        elif outcome.verdict is Verdict.IN_DOUBT:
            assert answer is not None
            assert not answer or 300 <= answer < 400
        else:
            assert answer is None or answer >= 400

    def teardown(self) -> None:
        self.take(self.conversation.lost())
        assert set(self.ends) == {each.mail.number for each in self.messages}


TestTalk = Talk.TestCase
TestTalk.settings = settings(max_examples=1000, stateful_step_count=30, deadline=None)
