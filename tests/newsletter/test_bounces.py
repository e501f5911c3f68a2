"""Reports of mail servers: what was in doubt is settled, and nothing else changes."""

import io
import random

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from newsletter import bounces
from newsletter.bounces import Effect
from newsletter.composing.verp import Senders
from newsletter.models import Batch, Delivery
from newsletter.progress import progress
from subscribers.models import ConsentRecord, Departure, Suppression
from tests.factories import make_campaign, make_subscriber

pytestmark = pytest.mark.django_db

REPORT = """\
Return-Path: <>
Delivered-To: {to}
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
To: {to}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
Arrival-Date: Mon, 23 Nov 2026 10:00:00 +0000

Final-Recipient: rfc822; ann@example.net
Original-Recipient: rfc822;ann@example.net
Action: {action}
Status: {status}
Remote-MTA: dns; in.example.net
Diagnostic-Code: smtp; {said}

--b1
Content-Type: message/rfc822

Subject: June issue

Hello
--b1--
"""
GONE = "550 5.1.1 <ann@example.net>: Recipient address rejected: User unknown"


@pytest.fixture
def doubtful():
    """A campaign, and the person whose mail was in doubt."""
    campaign, person = make_campaign(), make_subscriber(email="ann@example.net")
    Batch.objects.create(
        campaign=campaign, subscriber_ids=[], size=1, state=Batch.State.DONE, in_doubt=1
    )
    Delivery.objects.create(
        campaign_id=campaign.pk,
        subscriber_id=person.pk,
        status=Delivery.Status.IN_DOUBT,
        at=timezone.now(),
    )
    return campaign, person


def report(campaign, person, *, action="failed", status="5.1.1", said=GONE, to=None) -> bytes:
    to = to or Senders(campaign.pk, "news.example.org").address(person.pk)
    return REPORT.format(to=to, action=action, status=status, said=said).encode()


def outcome(campaign) -> tuple[str, str]:
    return Delivery.objects.values_list("status", "cause").get(campaign_id=campaign.pk)


def test_a_wrong_address_settles_the_doubt_and_is_suppressed(doubtful):
    campaign, person = doubtful

    effect = bounces.take(report(campaign, person))

    found = progress(campaign.pk)
    assert effect is Effect.SETTLED
    assert outcome(campaign) == ("failed", "address")
    assert (found.failed, found.in_doubt) == (1, 0)
    assert Suppression.objects.get().reason == Suppression.Reason.BOUNCE
    assert Departure.objects.filter(subscriber_id=person.pk).exists()
    assert ConsentRecord.objects.filter(subscriber_id=person.pk, method="bounce").count() == 1


def test_the_same_report_again_changes_nothing(doubtful):
    bounces.take(report(*doubtful))

    effect = bounces.take(report(*doubtful))

    assert effect is Effect.NOTED
    assert Suppression.objects.count() == 1
    assert progress(doubtful[0].pk).failed == 1


def test_a_full_mailbox_settles_and_suppresses_nobody(doubtful):
    said = "552 5.2.2 The email account that you tried to reach is over quota."

    effect = bounces.take(report(*doubtful, status="5.2.2", said=said))

    assert effect is Effect.SETTLED
    assert outcome(doubtful[0]) == ("failed", "mailbox")
    assert not Suppression.objects.exists()


def test_what_a_server_delivered_is_sent(doubtful):
    effect = bounces.take(report(*doubtful, action="delivered", status="2.0.0", said="250 Ok"))

    assert effect is Effect.SETTLED
    assert outcome(doubtful[0])[0] == "sent"


def test_a_delay_says_nothing_yet(doubtful):
    effect = bounces.take(report(*doubtful, action="delayed", status="4.4.1", said="timed out"))

    assert effect is Effect.NOTED
    assert outcome(doubtful[0])[0] == "in_doubt"


def test_what_was_accepted_stays_sent(doubtful):
    Delivery.objects.update(status=Delivery.Status.SENT)

    assert bounces.take(report(*doubtful)) is Effect.NOTED
    assert outcome(doubtful[0])[0] == "sent"


def test_a_forged_address_is_not_ours(doubtful):
    genuine = Senders(doubtful[0].pk, "news.example.org").address(doubtful[1].pk)
    forged = genuine[:4] + ("0" if genuine[4] != "0" else "1") + genuine[5:]

    assert bounces.take(report(*doubtful, to=forged)) is Effect.FOREIGN
    assert outcome(doubtful[0])[0] == "in_doubt"


@pytest.mark.parametrize("mail", [b"", b"\xff\x00", b"Subject: Away\n\nI am on holiday."])
def test_what_is_no_report_changes_nothing(mail):
    assert bounces.take(mail) is Effect.NO_REPORT


def test_parts_within_parts_without_end_are_no_report():
    deep = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(20_000)
    )

    assert bounces.take(deep) is Effect.NO_REPORT


@pytest.mark.parametrize(
    "parameter",
    [
        "boundary*=a''b; boundary*0=c",
        "boundary*=undefined''x",
        "boundary*=idna''x",
        "boundary*=a\0b''x",
        f"boundary*{'1' * 5000}*=x",
    ],
)
def test_parameters_as_nobody_writes_them_are_no_report(parameter):
    mail = f"Content-Type: multipart/report; {parameter}\n\n--x\n\nHello\n--x--\n"

    assert bounces.take(mail.encode()) is Effect.NO_REPORT


def test_a_report_with_any_bytes_out_of_place_is_read_or_passed_over(doubtful):
    chance = random.Random(3)
    whole = report(*doubtful)
    pieces = [b"\0", b"\xff", b"\n", b"\r", b":", b";", b'"', b"=?x?q?=ff?=", b"@", b"<", b"--b1"]
    effects = set()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            place = chance.randrange(len(data))
            data[place : place + chance.randrange(3)] = chance.choice(pieces)
        effects.add(bounces.take(bytes(data)))

    assert Effect.NOTED in effects


def test_reports_are_read_from_files_and_from_the_input(doubtful, tmp_path, monkeypatch, capsys):
    file = tmp_path / "report.eml"
    file.write_bytes(report(*doubtful))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(report(*doubtful))))

    call_command("read_bounces", str(file), "-")

    assert capsys.readouterr().out.splitlines() == [
        f"1 {Effect.SETTLED.value}",
        f"1 {Effect.NOTED.value}",
    ]


def test_the_address_may_be_given(doubtful):
    to = Senders(doubtful[0].pk, "news.example.org").address(doubtful[1].pk)

    effect = bounces.take(report(*doubtful, to="postmaster@news.example.org"), recipient=to.upper())

    assert effect is Effect.SETTLED


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match="1 files could not be read"):
        call_command("read_bounces", str(tmp_path / "nothing.eml"))
