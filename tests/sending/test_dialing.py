"""How a socket comes about: names, both families, addresses that lead nowhere."""

import asyncio
import gc
import socket
import time
from contextlib import ExitStack

import pytest
import uvloop

from newsletter.sending import connection, dialing, run
from newsletter.sending.connection import Unreachable
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from tests.sending.sink import Sink
from tests.sending.test_smtp import Mail

MAIL = Mail("ada@example.org")
NAME = "mail.example"


NEVER = 3600  # seconds


def dial(endpoint=None) -> str:
    """Return where a socket leads to."""

    async def work():
        async with asyncio.timeout(60):
            with await dialing.dial(endpoint or Endpoint(NAME, 25, "none")) as made:
                return made.getpeername()[:2]

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


@pytest.fixture
def listening():
    """Open ports that take connections: (family, address)."""
    with ExitStack() as stack:

        def listen(host):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            made = stack.enter_context(socket.socket(family))
            made.bind((host, 0))
            made.listen()
            return family, made.getsockname()

        yield listen


@pytest.fixture
def hanging():
    """Open ports where connections hang: the queue of those that wait is full."""
    with ExitStack() as stack:

        def hang(host):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            made = stack.enter_context(socket.socket(family))
            made.bind((host, 0))
            made.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket(family))
                filler.setblocking(False)
                filler.connect_ex(made.getsockname())
            return family, made.getsockname()

        yield hang


@pytest.fixture
def refusing():
    """Name ports where nobody listens."""

    def refuse(host):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as made:
            made.bind((host, 0))
            return family, made.getsockname()

    return refuse


@pytest.fixture
def resolve(monkeypatch):
    """Say which addresses NAME has."""

    def to(*addresses):
        async def found(server):
            return list(addresses)

        monkeypatch.setattr(dialing, "_addresses", found)

    return to


def test_a_family_that_leads_nowhere_costs_the_head_start(listening, hanging, resolve):
    good = listening("127.0.0.1")
    resolve(hanging("::1"), good)

    begun = time.monotonic()

    where = dial()

    assert where == good[1][:2]
    assert time.monotonic() - begun > dialing.HEAD_START / 2  # timers count in milliseconds


def test_a_family_that_refuses_costs_nothing(listening, refusing, resolve, monkeypatch):
    monkeypatch.setattr(dialing, "HEAD_START", NEVER)
    good = listening("127.0.0.1")
    resolve(refusing("::1"), good)

    where = dial()

    assert where == good[1][:2]


def test_the_families_take_turns(listening, hanging, resolve, monkeypatch):
    """The only good address is the second one that is tried, or the last."""
    monkeypatch.setattr(dialing, "HEAD_START", 0.3)
    good = listening("127.0.0.1")
    resolve(*[hanging("::1")] * 300, good)

    where = dial()

    assert where == good[1][:2]


def test_the_first_that_answers_wins_and_the_others_are_closed(listening, resolve, monkeypatch):
    monkeypatch.setattr(dialing, "HEAD_START", 0)
    addresses = [listening(host) for host in ("::1", "127.0.0.1", "::1", "127.0.0.1")]
    resolve(*addresses)

    where = dial()

    assert where in [address[:2] for _, address in addresses]
    gc.collect()  # a socket that was left open is an error


def test_an_address_that_hangs_until_the_others_refuse(hanging, refusing, resolve, monkeypatch):
    monkeypatch.setattr(dialing, "HEAD_START", 0.05)
    monkeypatch.setattr(connection, "CONNECT_PATIENCE", 0.3)
    resolve(hanging("::1"), refusing("127.0.0.1"))

    with pytest.raises(Unreachable, match=r"the mail server mail\.example:25 does not answer"):
        hand_over(Endpoint(NAME, 25, "none"))

    gc.collect()


def test_refused_by_all_is_said_in_words(refusing, resolve):
    resolve(refusing("::1"), refusing("127.0.0.1"))

    with pytest.raises(Unreachable) as caught:
        hand_over(Endpoint(NAME, 25, "none"))

    expected = "the mail server mail.example:25 can't be reached: Connection refused"
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("nobody.invalid", "can't be reached: "),
        ("a..example", "a..example is not the name of a host"),
        (f"{'a' * 64}.example", "is not the name of a host"),
        ("ab\u00ad\u200b.-.exämple", "is not the name of a host"),
        ("a\0b", "can't be reached: "),
        ("a b", "can't be reached: "),
        ("", "can't be reached: "),
        ("::1::", "can't be reached: "),
    ],
)
def test_a_host_that_is_none_is_said_in_words(host, why):
    with pytest.raises(Unreachable) as caught:
        hand_over(Endpoint(host, 25, "none"))

    assert why in str(caught.value)


@pytest.mark.parametrize("port", [0, 65_536, -1])
def test_a_port_that_is_none_is_said_in_words(port):
    with pytest.raises(Unreachable, match="can't be reached"):
        hand_over(Endpoint("127.0.0.1", port, "none"))


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_a_server_that_is_an_ipv6_address(host, settings):
    sink = Sink(host="::1").start()
    settings.SMTP_URL = sink.url

    outcomes = hand_over(Endpoint(host, sink.port, "none"))

    sink.stop()
    assert [verdict for _, verdict, *_ in outcomes] == [Verdict.SENT]


def test_smtp_url_with_an_ipv6_address(settings, db):
    sink = Sink(host="::1").start()
    settings.SMTP_URL = sink.url

    run.send_mails([MAIL])

    sink.stop()
    assert sink.recipients == ["ada@example.org"]


@pytest.mark.parametrize("host", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example"])
def test_a_name_in_unicode_is_looked_up_in_a_labels(host, sink, monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *args, **options):
        asked.append(host)
        return real("127.0.0.1", port, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    hand_over(Endpoint(host, sink.port, "none"), loop=asyncio.new_event_loop)

    assert asked == ["xn--bcher-kva.example"]
    assert sink.recipients == ["ada@example.org"]


def hand_over(endpoint, *, loop=uvloop.new_event_loop):
    messages = [connection.Message(MAIL)]
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(connection.hand_over(endpoint, "news.example.org", messages))
