"""A mail as commands and bytes on the wire, for a server with given capabilities. Pure."""

import re
from typing import Protocol

from newsletter.sending.handshake import Capabilities
from newsletter.sending.replies import Reply
from subscribers import addresses

LONGEST_ENVID = 100  # characters (RFC 3461, 4.4)
LONGEST_ORCPT = 500  # characters (RFC 3461, 4.2)

# Sender, recipient and Message-ID of nearly all mails: all of it may stand where it is to stand, as
# it is. A sender may hold "+" and "=", which xtext can't.
_USUAL = re.compile(r"[!-;=?-~]*>[!-*,-;?-~]{0,490}><[!-*,-;?-~]{1,100}>")
_LINE_END = re.compile(rb"\r\n|\r|\n")
_DOT = re.compile(rb"(\A|\n)\.")
_NOT_XTEXT = re.compile(rb"[^!-*,-<>-~]")  # RFC 3461, 4: "+", "=" and what is not printable ASCII
_NOT_UTF8_XTEXT = re.compile(r"[\x00-\x20+=\\\x7f]")  # RFC 6533, 3

_NO_SMTPUTF8 = Reply(0, "5.6.7 The address needs SMTPUTF8, which the mail server does not offer.")
_NO_PATH = Reply(0, "5.1.3 The address can't be written in an envelope.")
_NO_EIGHT_BIT = Reply(0, "5.6.3 The mail holds 8-bit data, which the mail server does not take.")


class Mail(Protocol):
    """A rendered mail, as newsletter.composing makes it."""

    @property
    def envelope_from(self) -> str:
        """Where the mail is returned to when it can't be delivered."""

    @property
    def recipient(self) -> str:
        """The address that it goes to."""

    @property
    def message_id(self) -> str:
        """Its Message-ID, with angle brackets: reports about its delivery quote it."""

    @property
    def data(self) -> bytes:
        """The message as it goes over the wire: see `wire`."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address in it has a local part that is not ASCII (RFC 6531)."""


def commands(mail: Mail, can: Capabilities) -> tuple[bytes, bytes] | Reply:
    """Return the MAIL and RCPT commands; or why `mail` can't be handed over to this server."""
    sender, recipient, utf8 = mail.envelope_from, mail.recipient, mail.needs_smtputf8
    is_usual = _USUAL.fullmatch(f"{sender}>{recipient}>{mail.message_id}") is not None
    if not is_usual:
        paths = _paths(sender, recipient)
        if paths is None:
            return _NO_PATH
        sender, recipient = paths
        utf8 = utf8 or not (sender.isascii() and recipient.isascii())
    if utf8 and not can.smtputf8:
        return _NO_SMTPUTF8
    options = _body_options(mail.data, can)
    if isinstance(options, Reply):
        return options
    mail_from, rcpt_to = f"MAIL FROM:<{sender}>{options}", f"RCPT TO:<{recipient}>"
    if utf8:
        mail_from += " SMTPUTF8"
    if can.dsn:
        name = mail.message_id[1:-1] if is_usual else _envelope_id(mail.message_id)
        original = f" ORCPT=rfc822;{recipient}" if is_usual else _original(recipient)
        mail_from += f" RET=HDRS ENVID={name}"
        rcpt_to += f" NOTIFY=FAILURE,DELAY{original}"
    return f"{mail_from}\r\n".encode(), f"{rcpt_to}\r\n".encode()


def wire(data: bytes) -> bytes:
    """Return a message as it goes over the wire: CRLF only, dots doubled, a CRLF at its end.

    For mails that newsletter.composing did not make; its own are made so, which is tested there,
    since looking at each again would cost more than all else. A lone CR or LF could be read as the
    end of a line by the next server, and so as the end of the mail (SMTP smuggling).
    """
    data = _DOT.sub(rb"\1..", _LINE_END.sub(b"\r\n", data))
    return data if data.endswith(b"\n") else data + b"\r\n"


def _body_options(data: bytes, can: Capabilities) -> str | Reply:
    """Return the parameters of MAIL that are about the message; or why it can't be sent."""
    options = f" SIZE={len(data)}" if can.size else ""
    if can.size_limit and len(data) > can.size_limit:
        return Reply(0, f"5.3.4 {len(data)} bytes; the mail server takes {can.size_limit}.")
    if not data.isascii():
        return options + " BODY=8BITMIME" if can.eight_bit else _NO_EIGHT_BIT
    return options


def _paths(sender: str, recipient: str) -> tuple[str, str] | None:
    """Return both addresses as they stand in commands; None when one can't stand there."""
    # Spaces, brackets and whatever is not printable could end the path, or the line.
    both = sender + recipient
    if not both.isprintable() or " " in both or "<" in both or ">" in both:
        return None
    try:
        return _path(sender), _path(recipient)
    except addresses.BadAddress:
        return None


def _path(address: str) -> str:
    """Return an address with its domain in A-labels. Raises BadAddress."""
    local, _, domain = address.rpartition("@")
    return address if domain.isascii() else f"{local}@{addresses.domain_key(domain)}"


def _envelope_id(message_id: str) -> str:
    """Return the id that a report of the delivery quotes: what is ours of the Message-ID.

    Of one that is too long, the domain goes, which says nothing that we don't know.
    """
    own = message_id.strip("<>")
    text = _xtext(own)
    if len(text) > LONGEST_ENVID:
        text = _xtext(own.partition("@")[0])
    return text if len(text) <= LONGEST_ENVID else _xtext(own)[:LONGEST_ENVID].partition("+")[0]


def _original(recipient: str) -> str:
    """Return the parameter that names the recipient in reports, in the form of its kind.

    See RFC 3461, 4.2, and 6533, 3. Nothing, for one that would be too long.
    """
    if recipient.isascii():
        name = "rfc822;" + _xtext(recipient)
    else:
        text = _NOT_UTF8_XTEXT.sub(lambda match: f"\\x{{{ord(match[0]):02X}}}", recipient)
        name = "utf-8;" + text
    return " ORCPT=" + name if len(name.encode()) <= LONGEST_ORCPT else ""


def _xtext(text: str) -> str:
    return _NOT_XTEXT.sub(lambda match: b"+%02X" % ord(match[0]), text.encode()).decode()
