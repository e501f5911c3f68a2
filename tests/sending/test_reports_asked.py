"""What is asked for in the envelope, for any address and any Message-ID (RFC 3461, 6533)."""

import re

from hypothesis import given
from hypothesis import strategies as st

from newsletter.sending import envelope
from newsletter.sending.handshake import Capabilities
from tests.sending.test_smtp import Mail

CAN = Capabilities(dsn=True, smtputf8=True)
XTEXT = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*")
UNITEXT = re.compile(r"(?:[^\x00-\x20+=\\\x7f]|\\x\{[0-9A-F]{2}\})*")

LOCALS = st.text(st.characters(min_codepoint=33, exclude_characters="<>@\x7f"), min_size=1).filter(
    lambda text: text.isprintable() and len(text.encode()) <= 64
)
HARD = st.text("+=\\ü", min_size=1, max_size=32)
IDS = st.text(st.characters(codec="ascii", exclude_characters="<>"), min_size=1, max_size=300)


def asked(mail: Mail) -> tuple[str, str]:
    """Return the values of ENVID and ORCPT; the latter empty where there is none."""
    made = envelope.commands(mail, CAN)
    assert isinstance(made, tuple), made
    mail_from, rcpt_to = (command.decode() for command in made)
    assert mail_from.endswith("\r\n")
    assert rcpt_to.endswith("\r\n")
    assert mail_from.count("\n") + rcpt_to.count("\n") == 2
    original = re.search(r" ORCPT=(\S+)\r\n", rcpt_to)
    return re.search(r" ENVID=(\S*)\r\n", mail_from)[1], original[1] if original else ""


@given(
    st.one_of(LOCALS, HARD), st.sampled_from(["example.org", f"{'x' * 60}.example", "ü.example"])
)
def test_a_recipient_is_said_in_its_own_form(local, domain):
    _, original = asked(Mail(f"{local}@{domain}", needs_smtputf8=not local.isascii()))

    assert len(original) <= 500
    kind, _, text = original.partition(";")
    if local.isascii():
        assert kind == "rfc822"
        assert XTEXT.fullmatch(text)
        plain = re.sub(r"\+(..)", lambda match: chr(int(match[1], 16)), text)
    elif original:
        assert kind == "utf-8"
        assert UNITEXT.fullmatch(text)
        plain = re.sub(r"\\x\{(..)\}", lambda match: chr(int(match[1], 16)), text)
    else:
        return
    assert plain == f"{local}@{domain.replace('ü', 'xn--tda')}"


@given(IDS)
def test_an_envelope_id_is_short_and_whole(message_id):
    own, _ = asked(Mail("ada@example.org", message_id=f"<{message_id}>"))

    assert len(own) <= 100
    assert XTEXT.fullmatch(own)


def test_a_recipient_that_would_be_too_long_is_not_said():
    recipient = f"ü{'+' * 62}@{'x' * 60}.{'y' * 60}.{'z' * 58}.example"

    _, original = asked(Mail(recipient, needs_smtputf8=True))

    assert original == ""
