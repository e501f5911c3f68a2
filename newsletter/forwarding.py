"""Makes and sends the copies that readers forward to friends, and the pages that they share.

What may be sent to whom, and that nothing is sent twice, is decided in tracking/forwards.py and
forward_queue.py; here is what a copy says, and who takes it to the mail server. Like confirmations,
copies take a connection of their own and do not wait behind a campaign.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime

from django.conf import settings
from django.utils.timezone import now

from newsletter.composing import forwarded, headers
from newsletter.composing.forwarded import Addresses, Around
from newsletter.composing.previewing import Preview
from newsletter.composing.verp import Senders
from newsletter.models import Delivery, Edition
from newsletter.sending import connection, run
from newsletter.sending.envelope import wire
from newsletter.sending.replies import Verdict
from subscribers import addresses, consent, signing
from subscribers.addresses import Address
from subscribers.models import MailingList, Organisation, Subscriber, Subscription
from tracking import forward_queue, forwards
from tracking.forward_queue import State
from tracking.models import Forward

logger = logging.getLogger(__name__)

AT_ONCE = 60  # copies in one call
LONGEST = 100  # seconds after which a call takes no more
NOBODY = 0  # in envelope senders: a bounce of a copy says nothing about its owner
A_READER = "A reader"

_ENDS = {
    Verdict.SENT: State.SENT,
    Verdict.REFUSED: State.FAILED,
    Verdict.IN_DOUBT: State.IN_DOUBT,
}


@dataclass(frozen=True, slots=True)
class ForwardedMail:
    """A copy ready to be handed over."""

    envelope_from: str
    recipient: str
    message_id: str
    data: bytes
    needs_smtputf8: bool


def unwelcome(campaign_id: int, friends: Sequence[Address]) -> frozenset[str]:
    """Return the keys of friends who got this mail themselves, or have left a list of it."""
    keys = [friend.key for friend in friends]
    known = Subscriber.objects.filter(email_key__in=keys)
    left = known.filter(
        subscriptions__mailing_list_id__in=consent.campaign_list_ids(campaign_id),
        subscriptions__status=Subscription.Status.UNSUBSCRIBED,
    )
    people = dict(known.values_list("pk", "email_key"))
    got = Delivery.objects.filter(campaign_id=campaign_id, subscriber_id__in=people).values_list(
        "subscriber_id", flat=True
    )
    return frozenset({*left.values_list("email_key", flat=True), *(people[each] for each in got)})


def send_due() -> int:
    """Send the copies that are due. Returns how many the mail server accepted.

    What did not leave is tried again; while the server is away nobody's attempts are used up.
    """
    sent, end = 0, time.monotonic() + LONGEST
    forward_queue.settle_abandoned()
    due = forward_queue.due(AT_ONCE)
    if due:
        forward_queue.check_key()
    for forward_id in due:
        if time.monotonic() > end:
            break
        try:
            sent += _send(forward_id)
        except connection.Unreachable as error:
            logger.warning("forwards wait: %s", error)
            break
    return sent


def _send(forward_id: int) -> bool:
    forward = forward_queue.find(forward_id)
    made = _try_to_make(forward) if forward else None
    # Written down before the first byte leaves, so that nobody ever sends it again.
    if made is None or not forward_queue.begin(forward_id):
        return False
    mail, sender = made
    try:
        [(_, verdict, reply)] = run.send_mails([mail], sender)
    except connection.Unreachable:
        forward_queue.put_back(forward_id, is_attempt=False)
        raise
    if verdict in _ENDS:
        forward_queue.end(forward_id, _ENDS[verdict])
    else:
        forward_queue.put_back(forward_id)
    if verdict is not Verdict.SENT:
        logger.warning("forward %s was not accepted: %s", forward_id, reply.without_addresses)
    return verdict is Verdict.SENT


def _try_to_make(forward: Forward) -> tuple[ForwardedMail, str] | None:
    """Make a copy; one that can't be made is given up, and does not hold up the others."""
    try:
        edition = Edition.objects.get(pk=forward.campaign_id)
        return make_mail(forward, edition), edition.from_email
    except Exception as error:  # noqa: BLE001  (named in the log)
        # Without the message and the trace, in which the address may stand.
        logger.error("forward %s can't be made: %s", forward.pk, type(error).__name__)
        forward_queue.give_up(forward.pk)
        return None


def make_mail(forward: Forward, edition: Edition) -> ForwardedMail:
    """Make the copy for one friend. Raises TemplateProblem."""
    refuse_url = f"{settings.PUBLIC_URL}/n/{sign_refuse(forward.pk)}"
    made = _copy_for(forward, edition, refuse_url)
    sender = headers.mailbox(edition.from_email)
    recipient = headers.wire_address(forward.address)
    is_utf8 = not (recipient + sender.address).isascii()
    mail = EmailMessage(SMTPUTF8 if is_utf8 else SMTP)
    mail["From"] = _mailbox(sender.name, sender.address)
    mail["To"] = _mailbox("", recipient)
    mail["Subject"] = headers.one_line(made.subject)
    mail["Date"] = format_datetime(now())
    token = signing.sign("forward-id", forward.pk)
    mail["Message-ID"] = f"<f{forward.pk}.{token}@{sender.domain}>"
    if edition.reply_to:
        reply_to = headers.mailbox(edition.reply_to)
        mail["Reply-To"] = _mailbox(reply_to.name, reply_to.address)
    # Not the list's, which a friend is not on: it ends forwards to this address (RFC 8058).
    mail["List-Unsubscribe"] = f"<{refuse_url}>"
    mail["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(made.text, cte="quoted-printable")
    mail.add_alternative(made.html, subtype="html", cte="quoted-printable")
    # Folded at 78, Python would encode the address in List-Unsubscribe, which nobody decodes.
    data = mail.as_bytes(policy=mail.policy.clone(max_line_length=998))
    domain = settings.BOUNCE_DOMAIN or sender.domain
    return ForwardedMail(
        Senders(NOBODY, domain).address(NOBODY),
        recipient,
        str(mail["Message-ID"]),
        wire(data),
        is_utf8,
    )


def shared_page(edition: Edition, child_id: int) -> Preview:
    """Make the page of a mail that a reader shared. Raises TemplateProblem."""
    name = edition.organisation["name"]
    join_url = _join_url(edition.campaign_id, child_id)
    around = Around(
        above=f"A reader of {name} shared this mail with you.",
        below=f"{name} sent this mail to the readers of its newsletter.",
        links=(*_subscribe(join_url), *_privacy()),
        invitation=("Subscribe", join_url),
    )
    return forwarded.render(edition, around, Addresses(child_id, join_url, join_url))


def sign_refuse(forward_id: int) -> str:
    """Return the token with which the friend of a copy ends forwards to them."""
    return signing.sign("forward-never", forward_id)


def read_refuse(token: str) -> int:
    """Return the forward's id. Raises BadToken."""
    return signing.read("forward-never", token, 1)[0]


def _copy_for(forward: Forward, edition: Edition, refuse_url: str) -> Preview:
    friend = Subscriber.objects.filter(email_key=addresses.parse(forward.address).key).first()
    child_id = forwards.child(forward, friend.tracking if friend else "")
    join_url = _join_url(edition.campaign_id, child_id)
    name = edition.organisation["name"]
    who = forward.sender_name or A_READER
    around = Around(
        above=f"{who} thought you might like this mail from {name}.",
        below=(
            f"You get this mail once, because {who} had us send it to you. We have not kept your "
            "address, and you are on no list for it."
        ),
        links=(
            *_subscribe(join_url),
            ("Never forward me anything again", refuse_url),
            *_privacy(),
        ),
        note=forward.note,
    )
    return forwarded.render(edition, around, Addresses(child_id, refuse_url, join_url))


def _join_url(campaign_id: int, child_id: int) -> str:
    """Return where somebody can join: the first public list of the campaign, else all of them."""
    lists = MailingList.objects.public().filter(pk__in=consent.campaign_list_ids(campaign_id))
    first = lists.order_by("id").first()
    if first is None:
        return f"{settings.PUBLIC_URL}/join"
    source = f"?from={forwards.sign_source(campaign_id, child_id)}" if child_id else ""
    return f"{settings.PUBLIC_URL}/join/{first.slug}{source}"


def _subscribe(join_url: str) -> tuple[tuple[str, str], ...]:
    return (("Subscribe", join_url),)


def _privacy() -> tuple[tuple[str, str], ...]:
    url = Organisation.current().privacy_url
    return (("Privacy", url),) if url else ()


def _mailbox(name: str, email: str) -> Mailbox:
    local, _, domain = email.rpartition("@")
    return Mailbox(name, local, domain)
