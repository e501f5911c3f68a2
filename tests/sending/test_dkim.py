"""Signatures, judged by other people's verifiers on mail as it arrived at a server."""

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.policy import SMTP

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.sending import dkim
from newsletter.sending.envelope import wire
from scripts.ports import free_port
from tests.launcher.launched import open_folder
from tests.sending.sink import Sink
from tests.sending.verifying import by_dkimpy, by_opendkim

BOTH_PASS = {"rsa": "pass", "ed25519": "pass"}
BOTH_FAIL = {"rsa": "fail", "ed25519": "fail"}
RSA = generate_private_key(public_exponent=65537, key_size=2048)
ED25519 = Ed25519PrivateKey.generate()
SIGNER = dkim.Signer(
    [dkim.Key("example.org", "first", RSA), dkim.Key("example.org", "second", ED25519)]
)
RECORDS = {
    "first._domainkey.example.org": f"v=DKIM1; k=rsa; p={dkim.public(RSA)}",
    "second._domainkey.example.org": f"v=DKIM1; k=ed25519; p={dkim.public(ED25519)}",
}

# Every header that is signed, one of them twice; folded, with tabs and runs of blanks.
HEAD = b"""\
Return-Path: <bounce@example.org>
From: =?utf-8?q?Daily_Ex=C3=A4mple?= <news@example.org>
To:  "Lin  Chen"\t<lin@example.com>
Cc: ada@example.com
Subject: What happened
\t in  the\tweek \n
Reply-To: <desk@example.org>
Sender: <office@example.org>
Date: Sun, 22 Nov 2026 20:00:00 +0000
Message-ID: <c1.abcdef@example.org>
In-Reply-To: <c0.abcdef@example.org>
References: <c0.abcdef@example.org>
 <c00.abcdef@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: 8bit
List-Unsubscribe: <https://news.example.org/u/abcdefghijklmnopqrstuvwxyz>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
List-ID: The Daily Example <daily.example.org>
List-Help: <https://news.example.org/help>
List-Owner: <mailto:desk@example.org>
List-Subscribe: <https://news.example.org/s>
List-Post: NO
List-Archive: <https://news.example.org/archive>
Precedence: bulk
Auto-Submitted: auto-generated
Feedback-ID: 1:weekly:news:broadsheet
X-Ours: not signed
""".replace(b" \n\n", b" \n").replace(b"\n", b"\r\n")
BODY = (
    "Good  morning,\t Lin \t \r\n\r\n..two dots\r\n.\r\n. one dot\r\n"
    "ünïcödé    and trailing blanks   \r\n\t\r\n   \r\n\r\n\r\n"
).encode()
MAIL = HEAD + b"\r\n" + BODY


def signed(mail: bytes) -> bytes:
    """Sign a mail that is not dot-stuffed, as it arrives."""
    return SIGNER.sign(mail.replace(b"\r\n.", b"\r\n..")) + mail


# --- as it arrived ----------------------------------------------------------------------


def hand_over(port: int, data: bytes) -> None:
    """Bring wire data to a server, byte for byte."""
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        file = connection.makefile("rwb")
        steps = (
            b"",
            b"EHLO test\r\n",
            b"MAIL FROM:<b@example.org>\r\n",
            b"RCPT TO:<l@example.com>\r\n",
        )
        for step in (*steps, b"DATA\r\n", data + b".\r\n", b"QUIT\r\n"):
            file.write(step)
            file.flush()
            while (line := file.readline())[3:4] == b"-":
                pass
            assert line[:1] in b"23", line


@pytest.fixture
def own_server() -> Iterator[Callable[[bytes], bytes]]:
    """Bring mail to our scripted server."""
    sink = Sink().start()

    def through(data: bytes) -> bytes:
        hand_over(sink.port, data)
        return sink.mails[-1].data

    yield through
    sink.stop()


@pytest.fixture
def postfix() -> Iterator[Callable[[bytes], bytes]]:
    """Bring mail to Postfix's test server, which dumps what it took."""
    program = shutil.which("smtp-sink", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/libexec")
    if not program:
        assert not os.environ.get("CI"), "smtp-sink (of Postfix) was not found"
        pytest.skip("smtp-sink (of Postfix) was not found")
    port = free_port()
    as_root = ["-u", "nobody"] if os.geteuid() == 0 else []
    with open_folder() as folder:
        folder.chmod(0o777)  # it gives up root's rights
        server = subprocess.Popen(
            [program, *as_root, "-d", str(folder / "mail."), f"127.0.0.1:{port}", "10"]
        )

        def through(data: bytes) -> bytes:
            wait_for_port(port)
            hand_over(port, data)
            dump = next(folder.glob("mail.*")).read_bytes().replace(b"\n", b"\r\n")
            return dump[dump.index(b"DKIM-Signature:") :]

        yield through
        server.kill()
        server.wait()


def wait_for_port(port: int) -> None:
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 10).close()
            return
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.02)


def mail_of_python() -> bytes:
    message = EmailMessage(SMTP)
    message["From"], message["To"] = "Ada <news@example.org>", "Lin Chën <lin@example.com>"
    message["Subject"] = "Confirm that it’s you " * 6
    message.set_content(".\n.dots in front  \nand\t tabs\n\n\n")
    message.add_alternative("<p>Ünïcödé</p>\n" * 50, subtype="html")
    return bytes(message)


@pytest.mark.parametrize("server", ["own_server", "postfix"])
@pytest.mark.parametrize(
    "mail", [MAIL, mail_of_python(), HEAD + b"\r\n"], ids=["odd", "py", "bare"]
)
def test_mail_passes_as_it_arrived(server, mail, request, tmp_path):
    data = wire(mail)

    arrived = request.getfixturevalue(server)(SIGNER.sign(data) + data)

    assert by_dkimpy(arrived, RECORDS) == BOTH_PASS
    assert by_opendkim([arrived], RECORDS, tmp_path / "judge") == [BOTH_PASS]


# --- whatever was changed ---------------------------------------------------------------


def changed(name: str) -> bytes:
    """Change one letter in the value of a header."""
    return re.sub(
        rb"(?mi)^(%b:(?:.*\W)?\w*?)(\w)(\w*\W*)$" % name.encode(),
        lambda found: found[1] + (b"x" if found[2] != b"x" else b"y") + found[3],
        signed(MAIL),
        count=1,
    )


CHANGES = {
    **{f"{name} changed": changed(name) for name in dkim.SIGNED},
    **{
        f"{name} removed": re.sub(
            rb"(?mi)^%b:.*\r\n([ \t].*\r\n)*" % name.encode(), b"", signed(MAIL)
        )
        for name in dkim.SIGNED
        if name != "From"
    },
    **{
        f"second {name} {where}": change(name)
        for name in (*dkim.ALWAYS_CLOSED, *dkim.CLOSED_WHEN_PRESENT)
        for where, change in {
            "in front": lambda name: name.encode() + b": x@example.net\r\n" + signed(MAIL),
            "behind": lambda name: signed(MAIL).replace(
                b"X-Ours", name.encode() + b": x@example.net\r\nX-Ours"
            ),
        }.items()
    },
    "body changed": signed(MAIL).replace(b"morning", b"mourning"),
    "blank in the body": signed(MAIL).replace(b"morning", b"mor ning"),
    "body longer": signed(MAIL) + b"One more thing\r\n",
    "body shorter": signed(MAIL).replace(b". one dot\r\n", b""),
    "dot doubled": signed(MAIL).replace(b"\r\n. one", b"\r\n.. one"),
    "time": re.sub(rb"\bt=\d", b"t=0", signed(MAIL)),
}


def test_whatever_is_changed_fails_in_both(tmp_path):
    judged = by_opendkim(list(CHANGES.values()), RECORDS, tmp_path / "judge")

    assert signed(MAIL) not in CHANGES.values()
    assert dict(zip(CHANGES, judged, strict=True)) == dict.fromkeys(CHANGES, BOTH_FAIL)
    for what, mail in CHANGES.items():
        assert by_dkimpy(mail, RECORDS) == BOTH_FAIL, what


def test_what_was_absent_and_is_seen_by_readers_can_not_be_added(tmp_path):
    plain = b"From: news@example.org\r\nSubject: Hello\r\n\r\nHello\r\n"
    forged = [
        b"%b: x@example.net\r\n" % name + signed(plain) for name in (b"To", b"Cc", b"Reply-To")
    ]

    assert by_opendkim([signed(plain), *forged], RECORDS, tmp_path / "judge") == [
        BOTH_PASS,
        *[BOTH_FAIL] * 3,
    ]


def test_what_lists_and_relays_do_to_a_mail_harms_nothing(tmp_path):
    folded_anew = signed(MAIL).replace(b"What happened\r\n\t in", b"What\r\n  happened in")
    received = b"Received: from a by b; Sun, 22 Nov 2026 20:00:01 +0000\r\n" + signed(MAIL)
    listed = b"List-ID: <friends.example.net>\r\n" + signed(MAIL)
    names = signed(MAIL).replace(b"\r\nSubject:", b"\r\nSUBJECT:")

    mails = [folded_anew, received, listed, names]

    assert by_opendkim(mails, RECORDS, tmp_path / "judge") == [BOTH_PASS] * 4
    assert [by_dkimpy(mail, RECORDS) for mail in mails] == [BOTH_PASS] * 4


# --- any mail ---------------------------------------------------------------------------

PIECES = st.sampled_from(
    [b" ", b"  ", b"\t", b"\r\n", b"\r\n.", b".", b"a", b"bc", b"=20", b"=\r\n", "é".encode(), b":"]
)
BODIES = st.lists(PIECES, max_size=40).map(b"".join)
WORDS = st.lists(
    st.sampled_from([b"a", b"bc ", b" ", b"\t", b"\r\n b", b"\r\n\t", b":", b";", "é".encode()]),
    max_size=12,
).map(lambda words: b"x" + b"".join(words) + b"y")
NAMES = st.sampled_from([*(name.encode() for name in dkim.SIGNED), b"subject", b"X-Ours", b"TO"])
HEADERS = st.lists(st.tuples(NAMES, st.sampled_from([b":", b": ", b":\t "]), WORDS), max_size=8)


@settings(max_examples=300, deadline=None)
@given(headers=HEADERS, body=BODIES)
def test_any_mail_passes(headers, body):
    head = b"".join(b"%b%b%b\r\n" % header for header in headers)
    data = wire(head + b"From: news@example.org\r\n\r\n" + body)

    arrived = re.sub(rb"(?m)^\.", b"", SIGNER.sign(data) + data)

    assert by_dkimpy(arrived, RECORDS) == BOTH_PASS


@given(body=BODIES)
def test_a_body_is_canonical_as_the_standard_says(body):
    from dkim.canonicalization import Relaxed

    body += b"\r\n"

    assert dkim.relaxed_body(body) == Relaxed.canonicalize_body(body)
    assert dkim.relaxed_body(dkim.relaxed_body(body)) == dkim.relaxed_body(body)


@pytest.mark.parametrize(
    ("body", "canonical"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (b" \t\r\n \r\n", b""),
        (b" C \r\nD \t E\r\n\r\n\r\n", b" C\r\nD E\r\n"),  # RFC 6376, 3.4.5
        (b"a" + b" " * 1001 + b"b\r\n", b"a b\r\n"),
        (b"no end", b"no end\r\n"),
    ],
)
def test_bodies_of_the_standard(body, canonical):
    assert dkim.relaxed_body(body) == canonical


# --- the header itself ------------------------------------------------------------------


@pytest.mark.parametrize("domain", ["example.org", f"{'long' * 15}.{'label' * 12}.example.org"])
def test_lines_are_short_and_ascii(domain):
    signer = dkim.Signer([dkim.Key(domain, "selector2026", RSA), dkim.Key(domain, "s", ED25519)])

    lines = signer.sign(MAIL).split(b"\r\n")

    assert all(len(line) <= 78 or domain.encode() in line for line in lines)
    assert max(map(len, lines)) <= 150
    assert b"".join(lines).isascii()
    assert not re.search(rb"[; ][li]=", signer.sign(MAIL).replace(b"\r\n", b""))


def test_a_mail_without_from_is_refused():
    with pytest.raises(ValueError, match="From"):
        SIGNER.sign(b"Subject: Hello\r\n\r\nHello\r\n")


def test_nothing_tells_of_private_keys():
    key = dkim.Key("example.org", "first", RSA)

    assert "RSA" not in repr(key)
    assert repr(SIGNER) == "Signer(2 keys)"


def test_a_key_that_verifiers_refuse_is_refused():
    weak = generate_private_key(public_exponent=65537, key_size=1024)
    pem = weak.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()

    assert dkim.load("example.org", "s", pem).algorithm == "rsa"
    with pytest.raises(dkim.BadKey, match="PEM"):
        dkim.load(
            "example.org", "s", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"
        )
    with pytest.raises(dkim.BadKey, match="not a name"):
        dkim.load("example.org; l=0", "s", pem)
