"""Reports of mail servers about mails that they had accepted, or may have (RFC 3464).

A report comes to the envelope sender, which names campaign and person (composing/verp.py). It
settles a mail that was in doubt; an address that is called wrong is never written to again, as when
a server says so while we send. A mail that a server had accepted stays sent, whatever is reported.
What is no report (somebody's answer, a note of absence) changes nothing.
"""

import email
from collections.abc import Iterator
from email.message import Message
from enum import StrEnum
from typing import NamedTuple

from django.db import connection, transaction

from newsletter import outcomes
from newsletter.composing import verp
from newsletter.models import Batch, Delivery
from newsletter.sending import recording, refusals
from newsletter.sending.refusals import Cause, Stage
from subscribers import suppression
from subscribers.signing import BadToken

LARGEST = 1_000_000  # bytes that are read of one mail; what is behind is the mail that came back
LONGEST_REASON = 500  # characters
ARRIVED = "It was in doubt; the mail server reports that it arrived."
# Where servers write to whom a mail came: the envelope's recipient, or else the header's.
_TO = ("Delivered-To", "X-Original-To", "Envelope-To", "To")
_ARRIVED = ("delivered", "relayed", "expanded")  # RFC 3464, 2.3.3


class Effect(StrEnum):
    """What came of one mail."""

    SETTLED = "settled: it was in doubt"
    NOTED = "nothing to change"
    FOREIGN = "not about a mail of ours"
    NO_REPORT = "no report of a mail server"


class Report(NamedTuple):
    """What a server reports of one mail."""

    campaign_id: int
    subscriber_id: int
    action: str  # failed, delayed, delivered, relayed or expanded
    text: str  # what the server said


def take(data: bytes, recipient: str = "") -> Effect:
    """Act on one mail that came to an envelope sender of ours, any number of times.

    `recipient` is to whom it came, where that is known better than its headers know it.
    """
    try:
        # By the older policy, which takes what servers write: the newer parses each header, and
        # some bytes in one raise errors of many kinds.
        message = email.message_from_bytes(data[:LARGEST])
        fields = _status(message)
    # Parts in parts in parts, and parameters, as no server writes them.
    except (RecursionError, ValueError, TypeError):
        return Effect.NO_REPORT
    if fields is None:
        return Effect.NO_REPORT
    named = _named(message, recipient)
    if named is None:
        return Effect.FOREIGN
    action = str(fields.get("Action", "")).strip().lower()
    return _act(Report(*named, action, _said(fields)))


def _act(report: Report) -> Effect:
    people = [report.subscriber_id]
    if report.action in _ARRIVED:
        settled = outcomes.settle(report.campaign_id, people, Delivery.Status.SENT, reason=ARRIVED)
        return Effect.SETTLED if settled else Effect.NOTED
    if report.action != "failed":
        return Effect.NOTED  # the server goes on trying
    cause = refusals.classify(0, report.text, Stage.BOUNCE).cause
    with transaction.atomic():
        settled = outcomes.settle(
            report.campaign_id,
            people,
            Delivery.Status.FAILED,
            cause=cause.value,
            reason=report.text[:LONGEST_REASON],
        )
        if settled and cause is Cause.ADDRESS:
            _suppress(report)
    return Effect.SETTLED if settled else Effect.NOTED


def _suppress(report: Report) -> None:
    batch = Batch.objects.filter(campaign_id=report.campaign_id).values_list("pk", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(
            recording.SUPPRESS,
            {"batch": batch[0], "ids": [report.subscriber_id], "key": suppression.key_id()},
        )


def _named(message: Message, recipient: str) -> tuple[int, int] | None:
    """Return the campaign and the person that the address names to which a mail came."""
    for text in (recipient, *(str(value) for name in _TO for value in message.get_all(name, []))):
        for word in text.replace(",", " ").split():
            try:
                return verp.read(word.strip("<>;\"'"))
            except BadToken:
                continue
    return None


def _status(message: Message) -> Message | None:
    """Return the fields about the first recipient; None: it is no report."""
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            return next((block for block in _blocks(part) if block["Action"]), None)
    return None


def _blocks(part: Message) -> Iterator[Message]:
    content = part.get_payload()
    if isinstance(content, list):
        yield from (block for block in content if isinstance(block, Message))


def _said(fields: Message) -> str:
    """Return what the server said, behind the enhanced code of it."""
    said = str(fields.get("Diagnostic-Code", "")).partition(";")[2].strip()
    status = str(fields.get("Status", "")).strip()
    text = said if status in said else f"{status} {said}"
    # What a server says is shown to people, and PostgreSQL takes no NUL.
    return "".join(char if char.isprintable() else " " for char in " ".join(text.split()))
