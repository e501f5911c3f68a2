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
from typing import Any, NamedTuple

from django.conf import settings

from newsletter.composing import headers
from newsletter.composing.bodies import Bodies, Line
from newsletter.composing.layout import DATE, SUBJECT, TO, Head, Layout
from newsletter.composing.people import Person, shared_values
from newsletter.composing.segments import Place, Running
from newsletter.composing.slots import FIRST_LINK, MESSAGE_ID, OPEN, UNSUBSCRIBE, Tokens
from newsletter.composing.verp import Senders
from newsletter.models import Edition
from newsletter.templating import explain
from subscribers.models import TrackingChoice
from subscribers.signing import varint

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

    def __init__(self, edition: Edition, usual_choice: str = "") -> None:
        """Compile. Who chose nothing gets `usual_choice`, or TRACKING_DEFAULT if it is empty."""
        sender = headers.mailbox(edition.from_email)
        campaign_id = edition.campaign_id
        self._edition = edition
        self._sender = sender
        self._values = shared_values(edition)
        self._tokens = Tokens(campaign_id, edition.link_ids)
        self._senders = Senders(campaign_id, settings.BOUNCE_DOMAIN or sender.domain)
        self._id_start, self._id_end = f"<c{campaign_id}.", f"@{sender.domain}>"
        # Read once: each look into Django's settings costs a microsecond.
        self._usual_choice = usual_choice or settings.TRACKING_DEFAULT
        self._is_ascii = sender.address.isascii()
        self._subject = Line(edition.subject, edition.organisation)
        self._preheader = Line(edition.preheader, edition.organisation)
        fixed = self._subject.fixed
        # Empty where it differs from mail to mail.
        self._subject_line = (
            b"" if fixed is None else headers.unstructured("Subject", fixed).encode()
        )
        self._after_id = self._fixed_headers()
        self._layouts: dict[str, tuple[Layout, Bodies]] = {}  # by what may be recorded
        self._second, self._date = 0, b""

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
        choice = person.tracking or self._usual_choice
        layout, bodies = self._layouts.get(choice) or self._layout(choice)
        tokens, bounce = self._tokens.of(reader, choice)
        heads = (
            headers.address("To", (person.name, recipient)).encode(),
            self._subject_line or self._subject_header(person),
            self._date_header(),
        )
        data = layout.render(
            person,
            heads,
            tokens,
            lambda tokens: Running(self._all_values(person, bodies, tokens), tokens),
        )
        return RenderedMail(
            self._senders.address_of(bounce),
            recipient,
            f"{self._id_start}{tokens[MESSAGE_ID].decode()}{self._id_end}",
            data,
            not (self._is_ascii and recipient.isascii()),
        )

    def _layout(self, choice: str) -> tuple[Layout, Bodies]:
        bodies = Bodies(self._edition, choice)
        tracked = FIRST_LINK + len(self._edition.link_ids)
        tokens = OPEN if choice == TrackingChoice.OFF else tracked
        made = self._layouts[choice] = Layout(self._items(bodies), tokens), bodies
        return made

    def _items(self, bodies: Bodies) -> list[Any]:
        boundary = f"=_c{self._edition.campaign_id}"  # "=_" can't occur in quoted-printable
        opening = (
            "MIME-Version: 1.0\r\n"
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n'
            f"\r\n--{boundary}\r\n{_PART.format('plain')}"
        )
        return [
            headers.address("From", self._sender).encode(),
            *(Head(TO), Head(SUBJECT), Head(DATE)),
            f"Message-ID: {self._id_start}".encode(),
            Place(MESSAGE_ID),
            f"{self._id_end}\r\nList-Unsubscribe: <{settings.PUBLIC_URL}/u/".encode(),
            Place(UNSUBSCRIBE),
            f">\r\n{self._after_id}{opening}".encode(),
            *bodies.text,
            f"\r\n--{boundary}\r\n{_PART.format('html')}".encode(),
            *bodies.html,
            f"\r\n--{boundary}--\r\n".encode(),
        ]

    def _fixed_headers(self) -> str:
        edition = self._edition
        lines = []
        if edition.reply_to:
            lines.append(headers.address("Reply-To", headers.mailbox(edition.reply_to)))
        lines += [
            "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
            headers.list_id(edition.list_name, edition.list_id),
            headers.unstructured("Feedback-ID", edition.feedback_id),
            "Precedence: bulk\r\n",
            "Auto-Submitted: auto-generated\r\n",
        ]
        return "".join(lines)

    def _subject_header(self, person: Person) -> bytes:
        return headers.unstructured("Subject", self._line(self._subject, person)).encode()

    def _line(self, line: Line, person: Person) -> str:
        return line.text(person, lambda: {**self._values, "subscriber": person.values()})

    def _date_header(self) -> bytes:
        second = int(time.time())
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second, self._date = second, f"Date: {format_datetime(moment)}\r\n".encode()
        return self._date

    def _all_values(self, person: Person, bodies: Bodies, tokens: list[bytes]) -> dict[str, Any]:
        """Return what Jinja2 needs, with the addresses and texts that are asked for as values."""
        values = {**self._values, "subscriber": person.values()}
        if bodies.needs & {"campaign", "subject", "preheader"}:
            values["subject"] = self._line(self._subject, person)
            values["preheader"] = self._line(self._preheader, person)
            values["campaign"] = {
                "subject": values["subject"],
                "preheader": values["preheader"],
            }
        for name in bodies.needs & bodies.addresses.keys():
            before, token, after = bodies.addresses[name]
            values[name] = before + (tokens[token].decode() if token is not None else "") + after
        return values
