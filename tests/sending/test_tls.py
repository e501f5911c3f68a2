"""Encrypted conversations, with a certificate made for the occasion."""

import asyncio
import datetime
import ipaddress
import socket
import ssl
import time

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from newsletter import campaigns
from newsletter.sending import connection, dialing, run
from newsletter.sending.message import Message
from newsletter.sending.replies import Verdict
from newsletter.sending.servers import Endpoint
from tests.sending.conftest import numbers, send
from tests.sending.raw import Raw
from tests.sending.test_smtp import Mail

pytestmark = pytest.mark.django_db

MAIL = Mail("ada@example.org")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and a certificate for 127.0.0.1 and bücher.example."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink.example")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
                    x509.DNSName("xn--bcher-kva.example"),
                ]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def encrypted(sink, settings, certificate, monkeypatch):
    """Let the sink speak TLS, and the system trust it."""

    def start(tls: str, *, trusted: bool = True, user: str = "") -> None:
        sink.stop()
        sink.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        sink.tls.load_cert_chain(certificate)
        if tls != "implicit":
            sink.keywords.append("STARTTLS")
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        sink.start()
        settings.SMTP_URL = f"smtp://{user}127.0.0.1:{sink.port}?tls={tls}"

    return start


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_mail_goes_out_encrypted(sink, started, encrypted, tls):
    encrypted(tls)
    campaign = started(25)

    send(campaign)

    assert numbers(campaign) == {"sent": 25}
    assert sink.doubled == []


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_nobody_vouches_for_stops_everything(sink, started, encrypted, tls):
    encrypted(tls, trusted=False)
    campaign = started(3)

    send(campaign)

    assert numbers(campaign) == {"pending": 3}
    assert "certificate" in campaign.waiting_reason.lower()
    assert not any(command.startswith("MAIL") for command in sink.commands)


def test_a_password_is_given_after_encryption(sink, started, encrypted):
    sink.user = ("me", "secret")
    encrypted("starttls", user="me:secret@")
    campaign = started(2)

    send(campaign)

    assert numbers(campaign) == {"sent": 2}
    verbs = [command.split()[0] for command in sink.commands]
    assert verbs[:3] == ["EHLO", "STARTTLS", "EHLO"]
    assert verbs[3] == "AUTH"


def test_a_wrong_password_makes_the_campaign_wait_and_is_not_shown(sink, started, encrypted):
    sink.user = ("me", "secret")
    encrypted("implicit", user="me:guess123@")
    campaign = started(2)

    send(campaign)

    assert "535 5.7.8 wrong password" in campaign.waiting_reason
    assert "guess123" not in campaign.waiting_reason
    campaigns.pause(campaign.pk)


def test_plain_text_behind_starttls_is_not_accepted(sink, started, encrypted):
    sink.tls_injection = b"250-sink\r\n250 AUTH PLAIN\r\n"
    encrypted("starttls")
    campaign = started(2)

    send(campaign)

    assert "plain text" in campaign.waiting_reason


@pytest.fixture
def resolved(monkeypatch):
    """Let every name be this machine's."""

    async def addresses(server):
        return [(socket.AF_INET, ("127.0.0.1", server.port))]

    monkeypatch.setattr(dialing, "_addresses", addresses)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("host", ["bücher.example", "xn--bcher-kva.example"])
def test_a_certificate_for_a_name_in_unicode(sink, settings, encrypted, resolved, tls, host):
    encrypted(tls)
    settings.SMTP_URL = settings.SMTP_URL.replace("127.0.0.1", host)

    ((_, verdict, _),) = run.send_mails([MAIL])

    assert verdict is Verdict.SENT


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "www.bücher.example"])
def test_a_certificate_for_another_name_is_refused(sink, settings, encrypted, resolved, tls, host):
    encrypted(tls, user="me:secret@")
    sink.user = ("me", "secret")
    settings.SMTP_URL = settings.SMTP_URL.replace("127.0.0.1", host)

    with pytest.raises(connection.Unreachable, match="certificate"):
        run.send_mails([MAIL])

    assert not any(command.startswith(("AUTH", "MAIL")) for command in sink.commands)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_server_that_breaks_the_handshake_says_so(sink, encrypted, tls):
    encrypted(tls)
    sink.breaks_tls = True
    if tls == "implicit":
        with Raw(lambda line, number: line.socket.recv(10)) as server:
            unreachable(server.port, "can't be reached", tls="implicit")
    else:
        unreachable(sink.port, "could not be encrypted")


def test_no_cipher_in_common_says_so(sink, encrypted):
    encrypted("starttls")
    weak(sink)

    unreachable(sink.port, "could not be encrypted")


def test_implicit_encryption_with_a_server_that_has_none(sink):
    unreachable(sink.port, "can't be reached", tls="implicit")


@pytest.mark.parametrize("cut", [0, 1, 3])
def test_plain_text_that_comes_later_is_not_taken_for_an_answer(cut):
    """It comes in packets of its own, after we have begun to speak TLS."""
    heard = []

    def script(line, number):
        line.say("220 raw")
        line.hear()
        line.say("250-raw", "250 STARTTLS")
        line.hear()
        line.say("220 go")
        time.sleep(0.05)
        said = b"250-raw\r\n250 AUTH PLAIN\r\n"
        line.socket.sendall(said[:cut])
        time.sleep(0.05)
        line.socket.sendall(said[cut:])
        heard.append(line.socket.recv(10_000))
        heard.append(line.socket.recv(10_000))

    with Raw(script) as server:
        unreachable(server.port, "could not be encrypted", user="me", password="secret")

    assert b"AUTH" not in b"".join(heard)


def unreachable(port, why, **fields):
    endpoint = Endpoint("127.0.0.1", port, **{"tls": "starttls", **fields})
    with (
        pytest.raises(connection.Unreachable) as caught,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(connection.hand_over(endpoint, "news.example.org", [Message(MAIL)]))
    assert why in str(caught.value)
    assert not str(caught.value).rstrip().endswith(":")


def weak(sink):
    """Let the sink speak only what no client speaks any more."""
    sink.tls.maximum_version = ssl.TLSVersion.TLSv1_2
    sink.tls.set_ciphers("AES128-SHA@SECLEVEL=0")


# --- encryption that is only wished for -------------------------------------------------


def test_a_wish_for_encryption_is_met_whoever_the_server_is(sink, encrypted):
    encrypted("opportunistic", trusted=False)

    ((_, verdict, _),) = run.send_mails([MAIL])

    assert verdict is Verdict.SENT
    assert [command.split()[0] for command in sink.commands[:4]] == [
        *("EHLO", "STARTTLS", "EHLO", "MAIL")
    ]


def test_where_nobody_has_a_cipher_in_common_a_wish_goes_without(sink, encrypted):
    encrypted("opportunistic")
    weak(sink)

    ((_, verdict, _),) = run.send_mails([MAIL])

    assert verdict is Verdict.SENT
    assert sink.connections == 2


def test_a_wish_is_no_reason_to_take_plain_text_for_an_answer(sink, encrypted):
    encrypted("opportunistic")
    sink.tls_injection = b"250-sink\r\n250 AUTH PLAIN\r\n"

    with pytest.raises(connection.Unreachable, match="plain text"):
        run.send_mails([MAIL])

    assert not any(command.startswith("MAIL") for command in sink.commands)


@pytest.mark.parametrize(
    "fields",
    [{"breaks_tls": True}, {"starttls_reply": "454 4.7.0 not now"}, {"keywords": []}],
    ids=["broken", "refused", "not offered"],
)
def test_where_encryption_fails_a_wish_for_it_goes_without(sink, encrypted, fields):
    encrypted("opportunistic")
    for name, value in fields.items():
        setattr(sink, name, value)

    ((_, verdict, _),) = run.send_mails([MAIL])

    assert verdict is Verdict.SENT


@pytest.mark.parametrize(
    "fields",
    [{"breaks_tls": True}, {"starttls_reply": "454 4.7.0 not now"}, {"keywords": []}],
    ids=["broken", "refused", "not offered"],
)
def test_a_password_never_goes_out_in_the_clear(sink, encrypted, fields):
    encrypted("opportunistic", user="me:secret@")
    sink.user = ("me", "secret")
    for name, value in fields.items():
        setattr(sink, name, value)

    with pytest.raises(connection.Unreachable):
        run.send_mails([MAIL])

    assert not any(command.startswith(("AUTH", "MAIL")) for command in sink.commands)
