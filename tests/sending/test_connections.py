"""Conversations on real sockets: servers that hang, drip, and close after some mails."""

import asyncio
import threading
import time

import pytest
import uvloop

from newsletter.sending import connection
from newsletter.sending.connection import Unreachable
from newsletter.sending.message import Message
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from newsletter.sending.smtp import Conversation
from tests.sending.raw import Raw
from tests.sending.several import wait_until
from tests.sending.sink import Sink
from tests.sending.test_smtp import Mail

SECONDS = 0.3  # of patience with a reply that does not come


@pytest.fixture
def impatient(monkeypatch):
    """Wait a little for a reply, once `impatient` is set; till then as long as ever."""
    usual, is_impatient = Conversation.patience.fget, threading.Event()

    def patience(self):
        return usual(self) and (SECONDS if is_impatient.is_set() else usual(self))

    monkeypatch.setattr(Conversation, "patience", property(patience))
    monkeypatch.setattr(connection, "TICK", 0.05)
    return is_impatient


@pytest.fixture
def sink():
    server = Sink().start()
    yield server
    server.stop()


def hand_over(port: int, count: int = 1, **fields):
    endpoint = Endpoint("127.0.0.1", port, **{"tls": "none", **fields})
    messages = [Message(Mail(f"r{n + 1}@example.org")) for n in range(count)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(connection.hand_over(endpoint, "news.example.org", messages))


# --- patience ---------------------------------------------------------------------------

STAGES = ("GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BODY")
WORDS = {
    "GREETING": "the connection",
    "AUTH": "AUTH PLAIN",
    "MAIL": "MAIL FROM",
    "RCPT": "RCPT TO",
    "BODY": "the message",
}


def stops_at(stage, act):
    """Answer all that comes before `stage`."""

    def script(line, number):
        if stage == "GREETING":
            return act(line)
        line.say("220 raw")
        while verb := line.hear()[:8].split()[0].split(":")[0].upper():
            if verb == stage:
                return act(line)
            offers = ["250-STARTTLS"] if stage == "STARTTLS" else []
            answers = {"EHLO": ["250-raw", *offers, "250 AUTH PLAIN"], "AUTH": ["235 welcome"]}
            line.say(*answers.get(verb, ["354 go" if verb == "DATA" else "250 ok"]))
            if verb == "DATA":
                line.body()
                return act(line)
        return None

    return script


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["hangs", "drips"])
def test_a_server_that_hangs_or_drips_is_given_up(impatient, stage, how):
    def act(line):
        impatient.set()
        return line.hang() if how == "hangs" else line.drip()

    fields = {"tls": "opportunistic"} if stage == "STARTTLS" else {}
    if stage == "AUTH":
        fields = {"user": "me", "password": "secret"}

    with Raw(stops_at(stage, act)) as server:
        if STAGES.index(stage) <= STAGES.index("AUTH"):
            with pytest.raises(Unreachable) as caught:
                hand_over(server.port, **fields)
            said = str(caught.value)
        else:
            ((_, verdict, reply, *_),) = hand_over(server.port)
            assert verdict is (Verdict.IN_DOUBT if stage == "BODY" else Verdict.RETURNED)
            said = str(reply)

    assert f"did not answer {WORDS.get(stage, stage)} for {SECONDS} seconds" in said


def test_a_server_that_answers_slowly_is_waited_for(monkeypatch):
    """All its replies together take longer than the patience with one."""
    slowly = 0.5
    usual = Conversation.patience.fget
    monkeypatch.setattr(Conversation, "patience", property(lambda self: usual(self) and 5 * slowly))

    def script(line, number):
        for said in ("220 raw", "250 raw", "250 ok", "250 ok", "354 go"):
            time.sleep(slowly)
            line.say(said)
            line.hear()
        while line.hear() != ".":
            pass
        time.sleep(slowly)
        line.say("250 queued")

    with Raw(script) as server:
        ((_, verdict, *_),) = hand_over(server.port)

    assert verdict is Verdict.SENT


def test_a_server_that_never_answers_quit_holds_up_nobody():
    """It is still silent when we are done."""
    with Raw(stops_at("QUIT", lambda line: line.hang())) as server:
        hand_over(server.port, count=0)


# --- several connections ----------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
def test_a_server_that_closes_after_each_mail(sink, pipelining):
    if not pipelining:
        sink.keywords.remove("PIPELINING")
    sink.mails_per_connection = 1

    outcomes = hand_over(sink.port, count=5)

    assert [verdict for _, verdict, *_ in outcomes] == [Verdict.SENT] * 5
    assert sorted(sink.recipients) == [f"r{n}@example.org" for n in range(1, 6)]
    assert sink.connections == 5


@pytest.mark.parametrize("fields", [{"mails_per_connection": 2}, {}])
def test_a_limit_is_kept_to_and_all_are_sent(sink, fields):
    if not fields:
        sink.keywords.append("LIMITS RCPTMAX=1 MAILMAX=2")

    outcomes = hand_over(sink.port, count=5, **fields)

    assert [verdict for _, verdict, *_ in outcomes] == [Verdict.SENT] * 5
    assert sink.recipients == [f"r{n}@example.org" for n in range(1, 6)]
    assert sink.connections == 3
    wait_until(lambda: sink.commands.count("QUIT") == 3)


def test_a_server_that_says_421_after_one_mail(sink):
    sink.on_mail = lambda sender, count: None if count % 2 else "421 4.7.0 one is enough"

    outcomes = hand_over(sink.port, count=4)

    assert [verdict for _, verdict, *_ in outcomes] == [Verdict.SENT] * 4
    assert sink.doubled == []


def test_a_server_that_takes_nothing_is_not_asked_for_ever(sink):
    sink.on_mail = lambda sender, count: "421 4.7.0 go away"

    outcomes = hand_over(sink.port, count=4)

    assert [verdict for _, verdict, *_ in outcomes] == [Verdict.RETURNED] * 4
    assert sink.connections == 1


def test_a_refused_mail_counts_against_the_limit_too(sink):
    sink.keywords.append("LIMITS MAILMAX=2")
    sink.on_rcpt = lambda who, count: "550 5.1.1 nobody" if who.startswith("r2") else None

    outcomes = hand_over(sink.port, count=4)

    verdicts = {outcome.message.mail.recipient[:2]: outcome.verdict for outcome in outcomes}
    sent = Verdict.SENT
    assert verdicts == {"r1": sent, "r2": Verdict.REFUSED, "r3": sent, "r4": sent}
    assert sink.connections == 2


def test_a_server_that_goes_away_between_two_connections_returns_the_rest(sink):
    sink.mails_per_connection = 1
    sink.most_connections = 1

    def go(recipient, count):
        sink.greeting = "554 5.3.2 closed"

    sink.on_body = go

    outcomes = hand_over(sink.port, count=3)

    assert sorted(verdict.name for _, verdict, *_ in outcomes) == ["RETURNED", "RETURNED", "SENT"]


# --- reports of the delivery, as they came ----------------------------------------------


@pytest.mark.parametrize("is_offered", [True, False])
def test_reports_are_asked_for_only_where_they_are_offered(sink, is_offered):
    sink.keywords = ["PIPELINING", *(["DSN"] if is_offered else [])]

    hand_over(sink.port)

    (mail,) = sink.mails
    asked = (" RET=HDRS ENVID=c1.abc@example.org", " NOTIFY=FAILURE,DELAY ORCPT=rfc822;r1@")
    assert mail.parameters == (asked[0] if is_offered else "")
    assert mail.rcpt_parameters.startswith(asked[1]) is is_offered
