"""The conversation without a network: what is said when, and what each mail's end is."""

import base64
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending.message import Message
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation

PLAIN = Endpoint("sink.example", 25, "none")
PIPELINING = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
LOCK_STEP = b"250 sink\r\n"
ENVELOPE = b"MAIL FROM:<b@example.org>\r\nRCPT TO:<r%d@example.org>\r\nDATA\r\n"
GO = b"250 ok\r\n250 ok\r\n354 go\r\n"


@dataclass
class Mail:
    recipient: str
    envelope_from: str = "b@example.org"
    data: bytes = b"Subject: x\r\n\r\nhello\r\n"
    needs_smtputf8: bool = False
    message_id: str = "<c1.abc@example.org>"


def message(number: int = 1, **fields) -> Message:
    return Message(Mail(f"r{number}@example.org", **fields))


def ready(ehlo: bytes = PIPELINING, server: Endpoint = PLAIN, **options) -> Conversation:
    """Take a conversation to where mail can be offered."""
    conversation = Conversation(server, "news.example.org", **options)
    conversation.receive(b"220 sink\r\n")
    conversation.outgoing()
    conversation.receive(ehlo)
    assert conversation.is_ready, conversation.ended
    conversation.outgoing()
    return conversation


def ends(outcomes) -> list[tuple[Message, Verdict]]:
    return [(outcome.message, outcome.verdict) for outcome in outcomes]


# --- one mail ---------------------------------------------------------------------------


def test_the_envelope_is_one_write_and_the_body_waits_for_the_journal():
    conversation, mail = ready(), message()

    conversation.offer(mail)
    assert conversation.outgoing() == ENVELOPE % 1
    conversation.receive(GO)
    assert conversation.outgoing() == b""
    conversation.release(mail)

    assert conversation.outgoing() == b"Subject: x\r\n\r\nhello\r\n.\r\n"
    assert ends(conversation.receive(b"250 queued\r\n")) == [(mail, Verdict.SENT)]


def test_the_body_waits_for_the_server_when_the_journal_is_quicker():
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.release(mail)

    conversation.outgoing()
    conversation.receive(b"250 ok\r\n250 ok\r\n")
    assert conversation.outgoing() == b""
    conversation.receive(b"354 go\r\n")

    assert conversation.outgoing().endswith(b"\r\n.\r\n")


def test_the_next_envelope_rides_behind_the_final_dot():
    conversation, first, second = ready(), message(1), message(2)
    conversation.offer(first)
    conversation.release(first)
    conversation.receive(GO)

    conversation.offer(second)

    assert conversation.outgoing().endswith(b"\r\n.\r\n" + ENVELOPE % 2)
    assert not conversation.wants
    assert ends(conversation.receive(b"250 queued\r\n" + GO)) == [(first, Verdict.SENT)]


def test_in_lock_step_each_command_waits_for_its_answer():
    conversation, first, second = ready(LOCK_STEP), message(1), message(2)
    said = []

    conversation.offer(first)
    said.append(conversation.outgoing())
    conversation.receive(b"250 ok\r\n")
    said.append(conversation.outgoing())
    conversation.receive(b"250 ok\r\n")
    said.append(conversation.outgoing())  # nothing: the journal does not have it
    conversation.release(first)
    said.append(conversation.outgoing())
    conversation.receive(b"354 go\r\n")
    said.append(conversation.outgoing())
    conversation.offer(second)
    said.append(conversation.outgoing())
    conversation.receive(b"250 queued\r\n")
    said.append(conversation.outgoing())

    assert said == [
        b"MAIL FROM:<b@example.org>\r\n",
        b"RCPT TO:<r1@example.org>\r\n",
        b"",
        b"DATA\r\n",
        b"Subject: x\r\n\r\nhello\r\n.\r\n",
        b"",
        b"MAIL FROM:<b@example.org>\r\n",
    ]


@pytest.mark.parametrize(
    ("replies", "verdict", "text"),
    [
        (b"250 ok\r\n550 5.1.1 unknown\r\n554 none\r\n", Verdict.REFUSED, "550 5.1.1 unknown"),
        (b"250 ok\r\n450 4.2.0 later\r\n554 none\r\n", Verdict.DEFERRED, "450 4.2.0 later"),
        (b"452 full\r\n503 what\r\n503 what\r\n", Verdict.RETURNED, "452 full"),
        (b"550 no\r\n503 what\r\n503 what\r\n", Verdict.RETURNED, "550 no"),
        (b"250 ok\r\n250 ok\r\n451 disk\r\n", Verdict.DEFERRED, "451 disk"),
        (b"250-ok\r\n250 ok\r\n550-one\r\n550 two\r\n554 x\r\n", Verdict.REFUSED, "550 one two"),
    ],
)
def test_the_first_failing_reply_is_the_verdict_and_the_next_mail_begins_anew(
    replies, verdict, text
):
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.outgoing()

    (outcome,) = conversation.receive(replies)
    conversation.offer(message(2))

    assert (outcome.message, outcome.verdict, str(outcome.reply)) == (mail, verdict, text)
    assert conversation.outgoing() == b"RSET\r\n" + ENVELOPE % 2
    conversation.receive(b"250 reset\r\n" + GO)
    assert not conversation.ended


@pytest.mark.parametrize("replies", [b"550 5.1.1 unknown\r\n", b"450 later\r\n"])
def test_in_lock_step_a_refused_recipient_gets_no_data(replies):
    conversation, mail = ready(LOCK_STEP), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.receive(b"250 ok\r\n")
    conversation.outgoing()

    outcomes = conversation.receive(replies)

    assert len(outcomes) == 1
    assert conversation.outgoing() == b""


def test_a_server_that_wants_a_body_for_nobody_gets_an_empty_one():
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.outgoing()

    outcomes = conversation.receive(b"250 ok\r\n550 5.1.1 unknown\r\n354 go\r\n")

    assert ends(outcomes) == [(mail, Verdict.REFUSED)]
    assert conversation.outgoing() == b".\r\n"
    assert conversation.receive(b"250 took nothing\r\n") == []
    assert conversation.wants


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (b"250 ok\r\n", Verdict.SENT),
        (b"452 4.3.1 full\r\n", Verdict.DEFERRED),
        (b"554 5.6.0 spam\r\n", Verdict.REFUSED),
        (b"421 4.3.2 closing\r\n", Verdict.RETURNED),
        (b"hello?\r\n", Verdict.IN_DOUBT),
    ],
)
def test_the_answer_to_the_body(reply, verdict):
    conversation, mail = on_the_wire()

    assert ends(conversation.receive(reply)) == [(mail, verdict)]


def on_the_wire() -> tuple[Conversation, Message]:
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.receive(GO)
    conversation.outgoing()
    return conversation, mail


# --- the connection goes ----------------------------------------------------------------


def test_a_lost_connection_leaves_only_the_body_under_way_in_doubt():
    conversation, first = on_the_wire()
    second = message(2)
    conversation.offer(second)

    outcomes = conversation.lost()

    assert ends(outcomes) == [(first, Verdict.IN_DOUBT), (second, Verdict.RETURNED)]
    assert conversation.lost() == []


@pytest.mark.parametrize("received", [b"", b"250 ok\r\n", b"250 ok\r\n250 ok\r\n", GO])
def test_a_connection_lost_before_the_body_returns_the_mail(received):
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.receive(received)

    assert ends(conversation.lost()) == [(mail, Verdict.RETURNED)]


def test_a_closing_server_returns_everything():
    conversation, first = on_the_wire()
    second = message(2)
    conversation.offer(second)

    outcomes = conversation.receive(b"421 4.3.2 too many mails\r\n")

    assert ends(outcomes) == [(first, Verdict.RETURNED), (second, Verdict.RETURNED)]
    assert "too many mails" in conversation.ended


def test_a_mail_that_the_journal_refuses_is_not_sent():
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.receive(GO)
    conversation.outgoing()

    outcomes = conversation.withdraw(mail)

    assert ends(outcomes) == [(mail, Verdict.RETURNED)]
    assert conversation.outgoing() == b""
    assert conversation.ended


def test_a_withdrawn_mail_waits_for_the_body_before_it():
    conversation, first = on_the_wire()
    second = message(2)
    conversation.offer(second)

    assert conversation.withdraw(second) == []
    assert ends(conversation.receive(b"250 ok\r\n")) == [(first, Verdict.SENT)]
    assert ends(conversation.receive(GO)) == [(second, Verdict.RETURNED)]


def test_in_lock_step_a_withdrawn_mail_leaves_the_connection_open():
    conversation, mail = ready(LOCK_STEP), message()
    conversation.offer(mail)
    conversation.receive(b"250 ok\r\n")

    assert conversation.withdraw(mail) == []
    assert ends(conversation.receive(b"250 ok\r\n")) == [(mail, Verdict.RETURNED)]
    assert not conversation.ended
    assert conversation.wants


def test_a_body_goes_out_only_with_permission():
    conversation, mail = ready(permit=lambda message: False), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.outgoing()

    assert ends(conversation.receive(GO)) == [(mail, Verdict.RETURNED)]
    assert conversation.outgoing() == b""


# --- what a mail needs ------------------------------------------------------------------


def test_a_utf8_address_needs_a_server_that_can():
    conversation = ready(LOCK_STEP)
    mail = Message(Mail("грета@example.org", needs_smtputf8=True))

    (outcome,) = conversation.offer(mail)

    assert outcome.verdict is Verdict.REFUSED
    assert str(outcome.reply).startswith("5.6.7")
    assert conversation.outgoing() == b""
    assert conversation.wants


def test_sizes_and_eight_bits_are_said_to_servers_that_ask():
    conversation = ready(b"250-sink\r\n250-SIZE 1000\r\n250 8BITMIME\r\n")

    conversation.offer(message(data="é\r\n".encode()))

    assert conversation.outgoing() == b"MAIL FROM:<b@example.org> SIZE=4 BODY=8BITMIME\r\n"


def test_a_mail_that_is_too_large_is_not_offered():
    conversation = ready(b"250-sink\r\n250 SIZE 10\r\n")

    (outcome,) = conversation.offer(message())

    assert str(outcome.reply).startswith("5.3.4")


@pytest.mark.parametrize("address", ["a@b>\r\nDATA", "a b@example.org", "a@b\n", "<a@b>"])
def test_an_address_can_not_end_its_line(address):
    (outcome,) = ready().offer(Message(Mail(address)))

    assert str(outcome.reply).startswith("5.1.3")


# --- how it begins ----------------------------------------------------------------------


def begin(server: Endpoint) -> Conversation:
    conversation = Conversation(server, "news.example.org")
    conversation.receive(b"220 sink\r\n")
    conversation.outgoing()
    return conversation


def test_a_server_without_ehlo_is_greeted_the_old_way():
    conversation = begin(PLAIN)

    conversation.receive(b"500 what?\r\n")
    assert conversation.outgoing() == b"HELO news.example.org\r\n"
    conversation.receive(b"250 hello\r\n")

    assert conversation.is_ready


def test_credentials_go_out_only_when_they_are_encrypted():
    conversation = begin(Endpoint("h", 587, "starttls", "me", "secret"))

    conversation.receive(b"250-sink\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
    assert conversation.outgoing() == b"STARTTLS\r\n"
    conversation.receive(b"220 go\r\n")
    assert conversation.wants_tls
    conversation.encrypted()
    assert conversation.outgoing() == b"EHLO news.example.org\r\n"
    conversation.receive(b"250-sink\r\n250 AUTH PLAIN\r\n")
    assert conversation.outgoing() == b"AUTH PLAIN AG1lAHNlY3JldA==\r\n"
    conversation.receive(b"235 welcome\r\n")

    assert conversation.is_ready


def test_a_server_that_hides_starttls_gets_nothing():
    conversation = begin(Endpoint("h", 587, "starttls", "me", "secret"))

    conversation.receive(b"250-sink\r\n250 AUTH PLAIN\r\n")

    assert "STARTTLS" in conversation.ended
    assert conversation.outgoing() == b""


@pytest.mark.parametrize("behind", [b"250 injected\r\n", b"250 inj", b"250-inj\r\n"])
def test_plain_text_behind_the_answer_to_starttls_ends_it(behind):
    conversation = begin(Endpoint("h", 587, "starttls"))
    conversation.receive(b"250-sink\r\n250 STARTTLS\r\n")

    conversation.receive(b"220 go\r\n" + behind)

    assert "plain text" in conversation.ended


def test_the_login_mechanism():
    conversation = begin(Endpoint("h", 25, "none", "me", "secret"))
    said = []
    for received in (
        b"250-sink\r\n250 AUTH=LOGIN\r\n",
        b"334 VXNlcm5hbWU6\r\n",
        b"334 UGFzc3dvcmQ6\r\n",
        b"235 welcome\r\n",
    ):
        conversation.receive(received)
        said.append(conversation.outgoing())

    assert said == [b"AUTH LOGIN\r\n", b"bWU=\r\n", b"c2VjcmV0\r\n", b""]
    assert conversation.is_ready


@pytest.mark.parametrize(
    ("answers", "part"),
    [
        ([b"250 AUTH PLAIN\r\n"], "neither"),
        ([b"250-x\r\n250 AUTH PLAIN\r\n", b"535 5.7.8 no\r\n"], "535 5.7.8 no"),
        ([b"250-x\r\n250 AUTH CRAM-MD5\r\n"], "neither"),
    ],
)
def test_a_refused_login_says_why_without_the_password(answers, part):
    conversation = begin(Endpoint("h", 25, "none", "me", "secret"))

    for answer in answers:
        conversation.receive(answer)

    assert part in conversation.ended
    assert "secret" not in conversation.ended


def test_an_access_token_signs_in():
    conversation = begin(Endpoint("h", 25, "none", "me", "tok123", auth="xoauth2"))

    conversation.receive(b"250-sink\r\n250 AUTH PLAIN XOAUTH2\r\n")

    said = conversation.outgoing()
    assert said.startswith(b"AUTH XOAUTH2 ")
    assert base64.b64decode(said.split()[2]) == b"user=me\1auth=Bearer tok123\1\1"
    conversation.receive(b"235 welcome\r\n")
    assert conversation.is_ready


def test_a_refused_token_says_why_and_is_not_shown():
    conversation = begin(Endpoint("h", 25, "none", "me", "tok123", auth="xoauth2"))
    conversation.receive(b"250-sink\r\n250 AUTH XOAUTH2\r\n")
    conversation.outgoing()
    reason = base64.b64encode(b'{"status":"401","scope":"mail tok123"}')

    conversation.receive(b"334 " + reason + b"\r\n")
    assert conversation.outgoing() == b"\r\n"
    conversation.receive(b"535 5.7.8 tok123 is not accepted\r\n")

    assert "status 401" in conversation.ended
    assert "535 5.7.8" in conversation.ended
    assert "tok123" not in conversation.ended


@pytest.mark.parametrize(
    "echo",
    [
        "502 5.5.2 unknown command: {command}",
        "500 line too long: {half}",
        "500-{command}\r\n500 {half}...",
        "535 5.7.8 <{token}> is not accepted",
        "535 5.7.8 {token}@example.org is not accepted",
        "334 {command}",
    ],
)
@pytest.mark.parametrize("size", [7, 900, 2000])
@pytest.mark.parametrize("auth", ["xoauth2", "plain"])
def test_half_a_secret_is_not_shown_either(auth, size, echo):
    token = "ya29.a0-Tk_" + "Zm9vYmFyMTIz"[: size % 13] * (size // 12)
    conversation = begin(Endpoint("h", 25, "none", "me", token, auth=auth))
    conversation.receive(b"250-sink\r\n250 AUTH XOAUTH2 PLAIN\r\n")
    command = conversation.outgoing().decode().strip()

    values = {"command": command, "half": command[: len(command) // 2], "token": token}
    conversation.receive((echo.format(**values) + "\r\n").encode())
    conversation.receive(b"535 5.7.8 no\r\n")

    assert conversation.ended
    blob = command.split()[2]
    shown = {conversation.ended[n : n + 12] for n in range(len(conversation.ended) - 11)}
    assert not [part for part in shown if part in blob or part in token]


# --- what an endpoint and a server limit ------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "own"), [(b"250 LIMITS RCPTMAX=9 MAILMAX=2", 0), (b"250 DSN", 2)]
)
def test_the_last_mail_of_a_connection_ends_it_in_order(limits, own):
    server = Endpoint("sink.example", 25, "none", mails_per_connection=own)
    conversation = ready(b"250-sink\r\n250-PIPELINING\r\n" + limits + b"\r\n", server)
    first, second = message(1), message(2)
    for each in (first, second):
        conversation.offer(each)
        conversation.release(each)
        conversation.outgoing()
        conversation.receive(GO if each is first else b"250 queued\r\n" + GO)
        conversation.outgoing()

    assert not conversation.wants
    assert ends(conversation.receive(b"250 queued\r\n")) == [(second, Verdict.SENT)]
    assert conversation.outgoing() == b"QUIT\r\n"
    assert conversation.is_over_by_us


# --- reports of the delivery ------------------------------------------------------------


@pytest.mark.parametrize(
    ("mail", "mail_from", "rcpt_to"),
    [
        (
            Mail("ada+x=1@example.org", message_id="<c1.a+b@example.org>"),
            b" RET=HDRS ENVID=c1.a+2Bb@example.org",
            b" NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada+2Bx+3D1@example.org",
        ),
        (
            Mail("грета+1@bücher.example", needs_smtputf8=True),
            b" SMTPUTF8 RET=HDRS ENVID=c1.abc@example.org",
            " NOTIFY=FAILURE,DELAY ORCPT=utf-8;грета\\x{2B}1@xn--bcher-kva.example".encode(),
        ),
        (
            Mail("ada@example.org", message_id=f"<c1.abc@{'x' * 98}.example>"),
            b" RET=HDRS ENVID=c1.abc",
            b" NOTIFY=FAILURE,DELAY ORCPT=rfc822;ada@example.org",
        ),
    ],
)
def test_reports_are_asked_for_where_they_are_offered(mail, mail_from, rcpt_to):
    conversation = ready(b"250-sink\r\n250-PIPELINING\r\n250-DSN\r\n250 SMTPUTF8\r\n")

    conversation.offer(Message(mail))

    first, second, *_ = conversation.outgoing().split(b"\r\n")
    assert first == b"MAIL FROM:<b@example.org>" + mail_from
    assert second.endswith(b">" + rcpt_to)


# --- servers that are out of step -------------------------------------------------------


@pytest.mark.parametrize(
    ("replies", "verdict"),
    [
        (b"354 go\r\n", Verdict.RETURNED),
        (b"250 ok\r\n354 go\r\n", Verdict.DEFERRED),
        (b"250 ok\r\n250 ok\r\n250 ok\r\n", Verdict.DEFERRED),
        (GO + b"250 queued\r\n", Verdict.RETURNED),  # before it had the mail
    ],
)
def test_an_answer_that_can_not_be_one_ends_it_without_a_body(replies, verdict):
    conversation, mail = ready(), message()
    conversation.offer(mail)
    conversation.release(mail)
    conversation.outgoing()

    assert ends(conversation.receive(replies)) == [(mail, verdict)]
    assert conversation.ended
    assert conversation.outgoing() == b""


def test_a_sender_in_utf8_needs_a_server_that_can():
    mail = Message(Mail("ada@example.org", envelope_from="грета@example.org"))

    (outcome,) = ready(LOCK_STEP).offer(mail)

    assert outcome.verdict is Verdict.REFUSED
    assert str(outcome.reply).startswith("5.6.7")


# --- anything at all --------------------------------------------------------------------

LINES = st.lists(
    st.sampled_from(
        [
            *(b"220 hi\r\n", b"250 ok\r\n", b"250-PIPELINING\r\n", b"354 go\r\n", b"421 bye\r\n"),
            *(b"450 later\r\n", b"550 no\r\n", b"\r\n", b"25", b"garbage\r\n", b"\x00"),
            *(b"250 " + b"x" * 9000, b"999 what\r\n"),
        ]
    ),
    max_size=40,
)


@given(LINES, st.lists(st.integers(0, 3), max_size=40))
def test_whatever_a_server_says_each_mail_has_one_end(lines, actions):
    """And no body goes out that was not released, nor after another that is unanswered."""
    conversation = Conversation(PLAIN, "news.example.org")
    offered, ended, bodies, number = [], [], 0, 0
    for line, action in zip(lines, actions, strict=False):
        outcomes = conversation.receive(line)
        if conversation.wants and action:
            number += 1
            offered.append(message(number))
            outcomes += conversation.offer(offered[-1])
        if offered and action > 1:
            outcomes += conversation.release(offered[-1])
        if offered and action == 3 and not offered[-1].released:
            outcomes += conversation.withdraw(offered[-1])
        ended += outcomes
        bodies += conversation.outgoing().count(b"\r\n\r\nhello")
        assert bodies <= sum(each.released for each in offered)
    ended += conversation.lost()

    assert sorted(id(outcome.message) for outcome in ended) == sorted(map(id, offered))
    surely = [outcome for outcome in ended if outcome.verdict in (Verdict.SENT, Verdict.IN_DOUBT)]
    assert len(surely) <= bodies


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_bytes_of_any_kind_raise_nothing(chunks):
    conversation = Conversation(PLAIN, "news.example.org")

    for chunk in chunks:
        conversation.receive(chunk)


@pytest.mark.parametrize("size", range(1, 40))
@pytest.mark.parametrize("ehlo", [PIPELINING, LOCK_STEP])
def test_replies_cut_anywhere_are_read_the_same(ehlo, size):
    conversation, mail = ready(ehlo), message()
    conversation.offer(mail)
    conversation.release(mail)
    ended = []

    for replies in (
        b"250-2.1.0 ok\r\n250 2.1.0\r\n",
        b"251 will forward\r\n",
        b"354\r\n",
        b"250 2.0.0 queued\r\n",
    ):
        conversation.outgoing()
        for start in range(0, len(replies), size):
            ended += conversation.receive(replies[start : start + size])

    assert ends(ended) == [(mail, Verdict.SENT)]
