"""Tells the people who run Broadsheet what stops mail and needs them.

An alert is logged as an error, shown in the admin for as long as it holds (`current`), and mailed
to ALERTS_TO: once an hour for each thing that it is about, however often it happens. Nothing in an
alert names a subscriber. `raise_alert` never raises: whoever has something to tell is in the middle
of something more important. It may wait for a mail server, so it is called outside of a run.
"""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, make_msgid
from typing import Final

import redis
from django.conf import settings
from django.utils import timezone
from redis.backoff import NoBackoff
from redis.retry import Retry

from newsletter.composing import headers
from newsletter.models import Campaign
from newsletter.sending import connection, pauses, run
from newsletter.sending.envelope import wire
from newsletter.sending.replies import Reply, Verdict
from subscribers import addresses

logger = logging.getLogger(__name__)

AGAIN_AFTER: Final = 3_600  # seconds between mails about the same thing
PATIENCE: Final = 2.0  # seconds for Redis
LONG: Final = timedelta(minutes=15)  # that a campaign may wait before it is worth an alert

REFUSED, TROUBLE, CAMPAIGN = "refused", "trouble", "campaign"  # kinds


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that stops mail now. `kind` and `key` name the thing."""

    kind: str
    key: str
    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AlertMail:
    """A mail to one of the people who run Broadsheet."""

    envelope_from: str
    recipient: str
    message_id: str
    data: bytes
    needs_smtputf8: bool


def raise_alert(kind: str, key: str, text: str) -> bool:
    """Tell those who run Broadsheet. Returns whether a mail went out.

    `kind` and `key` name the thing that it is about, as in Alert.
    """
    said = Reply(0, text).without_addresses
    logger.error("%s: %s", kind, said)
    if not settings.ALERTS_TO or not _is_due(kind, key):
        return False
    is_sent = _send(said)
    if not is_sent:
        _forget(kind, key)
    return is_sent


def raise_current() -> int:
    """Raise every alert that holds now. Returns for how many a mail went out."""
    return sum(raise_alert(alert.kind, alert.key, alert.text) for alert in current())


def current() -> list[Alert]:
    """Return what stops mail now, the oldest first. Reads the database."""
    alerts = [
        Alert(
            REFUSED if pause.cause == "policy" else TROUBLE,
            f"{pause.server_id}:{pause.provider}",
            *(pause.text, pause.since),
        )
        for pause in pauses.current()
        if pause.cause != "deferrals"  # asked to come later, we do: nobody is needed
    ]
    return sorted([*alerts, *_campaigns()], key=lambda alert: alert.since)


def _campaigns() -> list[Alert]:
    """Return the campaigns that we paused ourselves, and those that have waited for long."""
    now, status = timezone.now(), Campaign.Status
    stuck = Campaign.objects.filter(status__in=[status.PAUSED, status.RUNNING])
    rows = stuck.exclude(waiting_reason="").values_list(
        "pk", "subject", "status", "waiting_reason", "waiting_since", "changed_at"
    )
    alerts = []
    for pk, subject, is_in, reason, waiting_since, changed_at in rows:
        since = waiting_since or changed_at
        if is_in == status.PAUSED or now - since >= LONG:
            does = "is paused" if is_in == status.PAUSED else "waits"
            said = Reply(0, reason).without_addresses
            alerts.append(Alert(CAMPAIGN, str(pk), f"“{subject}” {does}: {said}", since))
    return alerts


# --- once an hour ---------------------------------------------------------------------------


def _redis() -> redis.Redis:
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=PATIENCE,
        socket_connect_timeout=PATIENCE,
        retry=Retry(NoBackoff(), 0),
    )


def _name(kind: str, key: str) -> str:
    digest = hashlib.sha256(f"{kind} {key}".encode()).hexdigest()
    return f"alert:{digest[:32]}"


def _is_due(kind: str, key: str) -> bool:
    """Whether no mail told of this within the hour. No, when Redis can't say: the log has it."""
    try:
        with _redis() as client:
            return bool(client.set(_name(kind, key), 1, nx=True, ex=AGAIN_AFTER))
    except redis.RedisError as error:
        logger.warning("no mail about this: Redis does not say when the last one went: %s", error)
        return False


def _forget(kind: str, key: str) -> None:
    """Let the next alert of this be mailed: this one was not."""
    try:
        with _redis() as client:
            client.delete(_name(kind, key))
    except redis.RedisError:
        logger.warning("the next mail about this goes out in an hour at the earliest")


# --- mail -----------------------------------------------------------------------------------


def _send(text: str) -> bool:
    """Mail `text` to everybody in ALERTS_TO. Returns whether any mail was taken."""
    try:
        outcomes = run.send_mails(list(_mails(text)))
    except connection.Unreachable as error:
        logger.warning("an alert was not mailed: %s", error)
        return False
    for _, verdict, reply in outcomes:
        if verdict is not Verdict.SENT:
            logger.warning("an alert was not accepted: %s", reply.without_addresses)
    return any(verdict is Verdict.SENT for _, verdict, _ in outcomes)


def _mails(text: str) -> Iterator[AlertMail]:
    for address in settings.ALERTS_TO:
        try:
            yield _make(headers.wire_address(address), text)
        except addresses.BadAddress as error:
            logger.warning("ALERTS_TO holds what is no address: %s", error)


def _make(recipient: str, text: str) -> AlertMail:
    sender = headers.mailbox(settings.DEFAULT_FROM_EMAIL)
    is_utf8 = not recipient.isascii()
    mail = EmailMessage(SMTPUTF8 if is_utf8 else SMTP)
    mail["From"] = sender.address
    mail["To"] = recipient
    mail["Subject"] = f"Broadsheet: {headers.one_line(text)[:100]}"
    mail["Date"] = format_datetime(timezone.now())
    mail["Message-ID"] = make_msgid(domain=sender.domain)
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(f"{text}\n\n{settings.PUBLIC_URL}/admin/\n", cte="quoted-printable")
    data = wire(mail.as_bytes())
    return AlertMail(sender.address, recipient, mail["Message-ID"], data, is_utf8)
