"""Encrypted conversations, with a certificate made for the occasion."""

import datetime
import ipaddress
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from newsletter import campaigns
from newsletter.sending import connection, run
from newsletter.sending.replies import Verdict
from tests.sending.conftest import numbers, send
from tests.sending.test_smtp import Mail

MAIL = Mail("ada@example.org")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a key and a certificate for 127.0.0.1."""
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
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
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


# --- encryption that is only wished for -------------------------------------------------


def test_a_wish_for_encryption_is_met_whoever_the_server_is(sink, encrypted):
    encrypted("opportunistic", trusted=False)

    ((_, verdict, _),) = run.send_mails([MAIL])

    assert verdict is Verdict.SENT
    assert [command.split()[0] for command in sink.commands[:4]] == [
        *("EHLO", "STARTTLS", "EHLO", "MAIL")
    ]


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
