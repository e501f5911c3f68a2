"""Sends the mails that ask people to confirm, which subscribers/confirmation.py has due.

They stand in a queue of their own and take a connection of their own: whoever has just signed up
does not wait behind a campaign.
"""

import logging
import time
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from django.conf import settings
from django.utils.timezone import now

from newsletter.composing import headers
from newsletter.composing.verp import Senders
from newsletter.sending import connection, run
from newsletter.sending.envelope import wire
from newsletter.sending.replies import Verdict
from subscribers import confirmation, signing
from subscribers.confirmation import DueConfirmation
from subscribers.models import Confirmation

logger = logging.getLogger(__name__)

AT_ONCE = 3  # mails taken together: what a worker that dies here may send twice
ROUNDS = 17  # of these in one call
LONGEST = 100  # seconds after which a call takes no more
NO_CAMPAIGN = 0  # in envelope senders


@dataclass(frozen=True, slots=True)
class ConfirmationMail:
    """A mail ready to be handed over, and the confirmation that it is about."""

    confirmation_id: int
    envelope_from: str
    recipient: str
    message_id: str
    data: bytes
    needs_smtputf8: bool


def send_due() -> int:
    """Send the confirmation mails that are due. Returns how many the mail server accepted.

    What it does not accept is tried again later, and given up only for a final refusal. While the
    server is away nothing is taken, so that nobody's attempts are used up.
    """
    if not Confirmation.objects.filter(mail_due_at__lte=now(), expires_at__gt=now()).exists():
        return 0
    sent = 0
    end = time.monotonic() + LONGEST
    try:
        run.check_server()
        for _ in range(ROUNDS):
            due = confirmation.claim_due(AT_ONCE) if time.monotonic() < end else []
            if not due:
                break
            sent += _send([mail for mail in map(_try_to_make, due) if mail is not None])
    except connection.Unreachable as error:
        logger.warning("confirmations wait: %s", error)
    return sent


def _send(mails: list[ConfirmationMail]) -> int:
    sent = 0
    for mail, verdict, reply in run.send_mails(mails):
        if verdict is Verdict.SENT:
            confirmation.mark_sent(mail.confirmation_id)
            sent += 1
        else:
            logger.warning("a confirmation was not accepted: %s", reply.without_addresses)
            permanent = verdict is Verdict.REFUSED
            confirmation.mark_failed(mail.confirmation_id, permanent=permanent)
    return sent


def _try_to_make(due: DueConfirmation) -> ConfirmationMail | None:
    """Make a mail; one that can't be made is given up, and does not hold up the others."""
    try:
        return make_mail(due)
    except Exception as error:  # noqa: BLE001  (named in the log)
        # Without the message and the trace, in which the address may stand.
        logger.error("confirmation %s can't be made: %s", due.id, type(error).__name__)
        confirmation.mark_failed(due.id, permanent=True)
        return None


def make_mail(due: DueConfirmation) -> ConfirmationMail:
    """Make the mail that asks one person to confirm."""
    subject, text, html = confirmation.render_mail(due)
    sender = headers.mailbox(settings.DEFAULT_FROM_EMAIL)
    recipient = headers.wire_address(due.email)
    is_utf8 = not recipient.isascii()
    mail = EmailMessage(SMTPUTF8 if is_utf8 else SMTP)
    mail["From"] = _address(sender.name, sender.address)
    mail["To"] = _address(headers.one_line(due.name), recipient)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = f"<r{due.id}.{signing.sign('message-id', due.id)}@{sender.domain}>"
    mail["List-Unsubscribe"] = f"<{due.unsubscribe_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    senders = Senders(NO_CAMPAIGN, settings.BOUNCE_DOMAIN or sender.domain)
    # Folded at 78, Python would encode the address in List-Unsubscribe, which nobody decodes.
    data = mail.as_bytes(policy=mail.policy.clone(max_line_length=998))
    sent_by = senders.address(due.subscriber_id)
    message_id = str(mail["Message-ID"])
    return ConfirmationMail(due.id, sent_by, recipient, message_id, wire(data), is_utf8)


def _address(name: str, email: str) -> Address:
    local, _, domain = email.rpartition("@")
    return Address(name, local, domain)
