"""An edition compiled for sending: what everybody gets is MIME-encoded once, and each mail costs
only what is its reader's own.

Jinja2 turns a source into a generator of chunks. The chunks that stand in the source are encoded
when the edition is loaded, and found again in a table; what an expression printed is encoded as it
comes. Quoted-printable pieces are made so that they can follow each other in any order (mime.py),
so the result is what a plain rendering through Python's email package says, for a hundredth of the
cost.

Links, pixel and the two addresses of the footer are slots inside the static chunks: the tokens that
fill them are made of letters, digits, "-" and "_", and need no encoding at all.
"""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from operator import itemgetter
from types import CodeType
from typing import Any, NamedTuple

from django.conf import settings
from jinja2 import nodes
from markupsafe import escape

from newsletter.composing import headers, mime
from newsletter.composing.people import Person, shared_values
from newsletter.composing.slots import MARK, SlotEnvironment, Tokens, slots
from newsletter.composing.verp import Senders
from newsletter.models import Edition
from newsletter.templating import CampaignContext, explain
from newsletter.templating.limits import CHARACTERS
from newsletter.templating.problems import LimitReached
from subscribers.models import TrackingChoice
from subscribers.signing import Signer

_HTML = SlotEnvironment(html=True)
_TEXT = SlotEnvironment(html=False)
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
        self._ascii = sender.address.isascii()
        self._subject = _Subject(edition.subject)
        self._preheader = _Subject(edition.preheader)
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
        except Exception as error:  # noqa: BLE001  (one person's data must not stop the others)
            raise RenderError(str(explain(error))) from error

    def _render(self, person: Person, to: str, number: int) -> RenderedMail:
        recipient = headers.wire_address(to)
        choice = person.choice
        bodies = self._without_tracking if choice == TrackingChoice.OFF else self._with_tracking
        tokens = self._tokens.of(number, choice)
        values = self._values.copy()
        values["subscriber"] = person.values()
        subject = self._subject.header(values)
        if bodies.needs:
            self._add_values(values, bodies, tokens)
        message_id = f"{self._id_start}{self._message_ids.sign(number)}{self._id_end}"
        out = [
            self._before_to,
            headers.address("To", headers.Mailbox(person.name, recipient)),
            subject,
            self._date_header(),
            f"Message-ID: {message_id}\r\n",
            f"List-Unsubscribe: <{settings.PUBLIC_URL}/u/{tokens[0]}>\r\n",
            self._after_id,
            self._opening,
        ]
        lines = [token + _SOFT_BREAK for token in tokens]
        bodies.text.write(values, lines, out)
        out.append(self._middle)
        bodies.html.write(values, lines, out)
        out.append(self._end)
        return RenderedMail(
            self._senders.address(number),
            recipient,
            message_id,
            "".join(out).encode(),
            not (self._ascii and recipient.isascii()),
        )

    @cached_property
    def _with_tracking(self) -> "_Bodies":
        return _Bodies(self._edition, tracked=True)

    @cached_property
    def _without_tracking(self) -> "_Bodies":
        return _Bodies(self._edition, tracked=False)

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

    def _date_header(self) -> str:
        second = int(time.time())
        if second != self._second:
            moment = datetime.fromtimestamp(second, UTC)
            self._second, self._date = second, f"Date: {format_datetime(moment)}\r\n"
        return self._date

    def _add_values(self, values: dict[str, Any], bodies: "_Bodies", tokens: list[str]) -> None:
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


class _Bodies:
    """Both parts of a mail, for one way of tracking."""

    def __init__(self, edition: Edition, *, tracked: bool) -> None:
        self.addresses = slots(edition.link_urls, tracked=tracked, escape=str)
        self.text = _Body(_TEXT, edition.text, self.addresses)
        in_html = slots(edition.link_urls, tracked=tracked, escape=lambda url: str(escape(url)))
        self.html = _Body(_HTML, edition.html, in_html)
        # What has to be in the context besides the subscriber.
        self.needs = self.text.names | self.html.names


class _Body:
    """One part: a compiled template, and its static chunks encoded."""

    def __init__(self, environment: SlotEnvironment, source: str, filled: dict[str, Any]) -> None:
        tree = environment.parse(source)
        self.names = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        self.names -= {"subscriber", "organisation"}
        self._environment = environment
        self._root = environment.from_string(tree).root_render_func
        self._slots = filled
        # Short strings of the code that are not chunks get in too, which does no harm: wherever a
        # text comes from, it is encoded in one way.
        self._ready = {chunk: self._prepare(chunk) for chunk in _strings(self._root.__code__)}

    def write(self, values: dict[str, Any], tokens: list[str], out: list[str]) -> None:
        """Append the encoded part. `tokens` each end with a soft line break."""
        ready, printed = self._ready, 0
        for chunk in self._root(CampaignContext(self._environment, values)):
            known = ready.get(chunk)
            if known is None:
                printed += len(chunk)
                if printed > CHARACTERS:
                    raise LimitReached(f"The mail is longer than {CHARACTERS:,} characters.")
                out.append(mime.encode(str(chunk)))
            elif known.__class__ is str:
                out.append(known)
            else:
                pieces, pick = known
                row = pieces.copy()
                row[1::2] = pick(tokens)
                out += row

    def _prepare(self, chunk: str) -> Any:
        """Encode a static chunk: a string, or pieces with a place for a token between each two."""
        pieces: list[str] = []
        order: list[int] = []
        gathered = ""
        for number, bit in enumerate(chunk.split(MARK)):
            if number % 2 == 0:
                gathered += bit
                continue
            before, token, after = self._slots[bit]
            gathered += before
            if token is None:
                gathered += after
            else:
                pieces += [mime.encode(gathered), ""]
                order.append(token)
                gathered = after
        pieces.append(mime.encode(gathered))
        if not order:
            return pieces[0]
        # itemgetter gives a bare item for one place, a tuple for several.
        pick = itemgetter(*order) if len(order) > 1 else itemgetter(slice(order[0], order[0] + 1))
        return pieces, pick


class _Subject:
    """A line of text that may be personal: rendered once when it is not."""

    def __init__(self, source: str) -> None:
        self._template = _TEXT.from_string(source)
        strings = (
            list(self._template.root_render_func(CampaignContext(_TEXT, {})))
            if "{" not in source
            else None
        )
        self._fixed = None if strings is None else "".join(strings)
        self._header = None if self._fixed is None else headers.unstructured("Subject", self._fixed)

    def text(self, values: dict[str, Any]) -> str:
        """Return the text for one person."""
        if self._fixed is not None:
            return self._fixed
        return "".join(self._template.root_render_func(CampaignContext(_TEXT, values)))

    def header(self, values: dict[str, Any]) -> str:
        """Return the Subject header for one person."""
        if self._header is not None:
            return self._header
        return headers.unstructured("Subject", self.text(values))


def _strings(code: CodeType) -> Iterator[str]:
    """Yield the strings in compiled code, those of its inner functions included."""
    waiting: list[Any] = [code]
    while waiting:
        constant = waiting.pop()
        if isinstance(constant, CodeType):
            waiting += constant.co_consts
        elif isinstance(constant, tuple):
            waiting += constant
        elif isinstance(constant, str):
            yield constant
