"""An edition, compiled for sending: each mail costs only what is its reader's own.

What everybody gets is MIME-encoded once. Jinja2 turns a source into a generator of chunks: those
that stand in the source are encoded when the edition is loaded, and found again in a table; what an
expression printed is encoded as it comes. Quoted-printable pieces are made so that they can follow
each other in any order (mime.py), so the result is what a plain rendering through Python's email
package says, for a small part of its cost (benchmarks/composing.py).

Links, pixel and the two addresses of the footer are slots inside the static chunks: the tokens that
fill them are made of letters, digits, "-" and "_", and need no encoding at all.
"""

import time
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings

from newsletter.composing import headers
from newsletter.composing.bodies import Bodies, Line
from newsletter.composing.people import Person, shared_values
from newsletter.composing.slots import Tokens
from newsletter.composing.verp import Senders
from newsletter.models import Edition
from newsletter.templating import explain
from subscribers.models import TrackingChoice
from subscribers.signing import Signer, varint

_SOFT_BREAK = "=\r\n"
_PART = (
    'Content-Type: text/{}; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
)


class RenderError(Exception):
    """One person's mail can't be made. The message says why, for the marketer."""


class RenderedMail(NamedTuple):
    """A mail ready to be handed over.

    `data` has CRLF line ends, ends with one, and no line of it begins with a dot: it is the same
    with and without dot-stuffing, and lacks only the final dot.
    """

    envelope_from: str
    recipient: str
    message_id: str  # with its angle brackets
    data: bytes
    needs_smtputf8: bool  # RFC 6531


class CompiledMessage:
    """An edition, ready to be rendered for any number of people. Not for use by two threads."""

    def __init__(self, edition: Edition) -> None:
        sender = headers.mailbox(edition.from_email)
        campaign_id = edition.campaign_id
        self._edition = edition
        self._values = shared_values(edition)
        self._tokens = Tokens(campaign_id, edition.link_ids)
        self._message_ids = Signer("message-id", campaign_id)
        self._senders = Senders(campaign_id, settings.BOUNCE_DOMAIN or sender.domain)
        self._id_start, self._id_end = f"<c{campaign_id}.", f"@{sender.domain}>"
        self._unsubscribe = f"List-Unsubscribe: <{settings.PUBLIC_URL}/u/"
        self._ascii = sender.address.isascii()
        self._subject = Line(edition.subject)
        self._subject_line = self._subject.fixed and headers.unstructured(
            "Subject", self._subject.fixed
        )
        self._preheader = Line(edition.preheader)
        self._before_to = headers.address("From", sender)
        self._after_id = self._fixed_headers()
        boundary = f"=_c{campaign_id}"  # "=_" can't occur in quoted-printable
        self._opening = (
            "MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
            f"\r\n--{boundary}\r\n{_PART.format('plain')}"
        )
        self._middle = f"\r\n--{boundary}\r\n{_PART.format('html')}"
        self._end = f"\r\n--{boundary}--\r\n"
        self._second, self._date = 0, ""

    def render(self, person: Person) -> RenderedMail:
        """Make one person's mail. Raises RenderError."""
        return self.render_for(person, person.email, person.subscriber_id)

    def render_for(self, person: Person, to: str, number: int) -> RenderedMail:
        """Make a person's mail for the inbox `to`, its tokens in the name of subscriber `number`.

        Raises RenderError.
        """
        try:
            return self._render(person, to, number)
        except Exception as error:  # one person's data must not stop the others
            raise RenderError(str(explain(error))) from error

    def _render(self, person: Person, to: str, number: int) -> RenderedMail:
        recipient = headers.wire_address(to)
        reader = varint(number)
        choice = person.choice
        bodies = self._without_tracking if choice == TrackingChoice.OFF else self._with_tracking
        tokens = self._tokens.of(reader, choice)
        values = self._values.copy()
        values["subscriber"] = person.values()
        subject = self._subject_header(values)
        if bodies.needs:
            self._add_values(values, bodies, tokens)
        message_id = f"{self._id_start}{self._message_ids.sign_packed(reader)}{self._id_end}"
        out = [
            self._before_to,
            headers.address("To", headers.Mailbox(person.name, recipient)),
            subject,
            self._date_header(),
            f"Message-ID: {message_id}\r\n",
            f"{self._unsubscribe}{tokens[0]}>\r\n",
            self._after_id,
            self._opening,
        ]
        lines = [token + _SOFT_BREAK for token in tokens]
        bodies.text.write(values, lines, out)
        out.append(self._middle)
        bodies.html.write(values, lines, out)
        out.append(self._end)
        return RenderedMail(
            self._senders.address_packed(reader),
            recipient,
            message_id,
            "".join(out).encode(),
            not (self._ascii and recipient.isascii()),
        )

    @cached_property
    def _with_tracking(self) -> "Bodies":
        return Bodies(self._edition, tracked=True)

    @cached_property
    def _without_tracking(self) -> "Bodies":
        return Bodies(self._edition, tracked=False)

    def _fixed_headers(self) -> str:
        edition = self._edition
        lines = []
        if edition.reply_to:
            lines.append(headers.address("Reply-To", headers.mailbox(edition.reply_to)))
        lines += [
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            headers.list_id(edition.list_name, edition.list_id),
            f"Feedback-ID: {edition.feedback_id}\r\n",
            "Precedence: bulk\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ]
        return "".join(lines)

    def _subject_header(self, values: dict[str, Any]) -> str:
        return self._subject_line or headers.unstructured("Subject", self._subject.text(values))

    def _date_header(self) -> str:
        second = int(time.time())
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second, self._date = second, f"Date: {format_datetime(moment)}\r\n"
        return self._date

    def _add_values(self, values: dict[str, Any], bodies: "Bodies", tokens: list[str]) -> None:
        """Add what only templates with unusual wishes ask for: addresses and texts as values."""
        if bodies.needs & {"campaign", "subject", "preheader"}:
            values["subject"] = self._subject.text(values)
            values["preheader"] = self._preheader.text(values)
            values["campaign"] = {
                "subject": values["subject"],
                "preheader": values["preheader"],
            }
        for name in bodies.needs & bodies.addresses.keys():
            before, token, after = bodies.addresses[name]
            values[name] = before + (tokens[token] if token is not None else "") + after
