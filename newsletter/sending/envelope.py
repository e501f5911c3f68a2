"""A mail as commands and bytes on the wire, for a server with given capabilities. Pure."""

import re
from typing import Protocol

from newsletter.sending.handshake import Capabilities
from newsletter.sending.replies import Reply
from subscribers import addresses

_PATH = re.compile(r"[^\s<>\x00-\x20\x7f]*")  # nothing that could end the path or the line
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(\A|\n)\.")


class Mail(Protocol):
    """A rendered mail, as newsletter.composing makes it."""

    @property
    def envelope_from(self) -> str:
        """Where the mail is returned to when it can't be delivered."""

    @property
    def recipient(self) -> str:
        """The address that it goes to."""

    @property
    def data(self) -> bytes:
        """The message as it goes over the wire: see `wire`."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether the local part of the recipient is not ASCII (RFC 6531)."""


def unfit(mail: Mail, can: Capabilities) -> Reply | None:
    """Say why `mail` can't be handed over to this server; None when it can."""
    data = mail.data
    if mail.needs_smtputf8 and not can.smtputf8:
        return Reply(0, "5.6.7 The address needs SMTPUTF8, which the mail server does not offer.")
    if not (_PATH.fullmatch(mail.recipient) and _PATH.fullmatch(mail.envelope_from)):
        return Reply(0, "5.1.3 The address can't be written in an envelope.")
    if can.size_limit and len(data) > can.size_limit:
        return Reply(0, f"5.3.4 {len(data)} bytes; the mail server takes {can.size_limit}.")
    if not can.eight_bit and not data.isascii():
        return Reply(0, "5.6.3 The mail holds 8-bit data, which the mail server does not take.")
    return None


def mail_from(mail: Mail, can: Capabilities) -> bytes:
    """Return the MAIL command."""
    command = b"MAIL FROM:<%b>" % _path(mail.envelope_from)
    if can.size:
        command += b" SIZE=%d" % len(mail.data)
    if not mail.data.isascii():
        command += b" BODY=8BITMIME"
    if mail.needs_smtputf8:
        command += b" SMTPUTF8"
    return command + b"\r\n"


def rcpt_to(mail: Mail) -> bytes:
    """Return the RCPT command."""
    return b"RCPT TO:<%b>\r\n" % _path(mail.recipient)


def wire(data: bytes) -> bytes:
    """Return a message as it goes over the wire: CRLF only, dots doubled, a CRLF at its end.

    For mails that newsletter.composing did not make; its own are made so, which is tested there,
    since looking at each again would cost more than all else. A lone CR or LF could be read as the
    end of a line by the next server, and so as the end of the mail (SMTP smuggling).
    """
    data = _DOT.sub(rb"\1..", _LINE_END.sub(b"\r\n", data))
    return data if data.endswith(b"\n") else data + b"\r\n"


def _path(address: str) -> bytes:
    if address.isascii():
        return address.encode()
    local, _, domain = address.rpartition("@")
    return f"{local}@{addresses.domain_key(domain)}".encode()
