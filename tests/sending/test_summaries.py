"""The report of a campaign goes by mail to who started it: once, complete, telling on nobody."""

import io
import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils.timezone import now
from PIL import Image

from newsletter import campaigns, due, summaries, summary_mail
from newsletter.models import Batch, Campaign, SummaryMail
from newsletter.sending import run
from tests.factories import make_campaign
from tests.sending.sink import DROP
from tests.tracking.makers import NOON
from tracking import countries
from tracking.models import Breakdown, CampaignHour, CampaignTotal, Dimension, Link, LinkTotal
from tracking.programs import APPLE, GMAIL

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


@pytest.fixture
def marta(db) -> User:
    return User.objects.create_user("marta", "marta@example.org")


@pytest.fixture(autouse=True)
def _nobody_is_alerted(settings):
    settings.ALERTS_TO = []


def finished(hours_ago: float = 25, **fields) -> Campaign:
    ended = now() - hours_ago * HOUR
    return make_campaign(
        **{
            "status": Campaign.Status.FINISHED,
            "started_at": ended - HOUR,
            "finished_at": ended,
            "audience_size": 1000,
            **fields,
        }
    )


def read(campaign: Campaign) -> None:
    """Have it sent and read."""
    Batch.objects.create(campaign=campaign, subscriber_ids=[], size=1000, sent=990, failed=10)
    CampaignTotal.objects.create(
        campaign_id=campaign.pk,
        opens=560,
        unique_opens=412,
        clicks=90,
        unique_clicks=61,
        machine_opens=233,
        machine_clicks=41,
    )
    for number, opens in enumerate([200, 300, 60]):
        CampaignHour.objects.create(
            campaign_id=campaign.pk, hour=NOON + number * HOUR, opens=opens, clicks=30
        )
    for number, url in enumerate(["https://example.org/story", "https://example.org/<b>?a=1&b=2"]):
        link = Link.objects.create(campaign_id=campaign.pk, url=url)
        LinkTotal.objects.create(
            link_id=link.pk, campaign_id=campaign.pk, clicks=60 - number, unique_clicks=50 - number
        )


def parsed(mail):
    return message_from_bytes(mail.data, policy=policy.strict)


# --- to whom, and when ----------------------------------------------------------------------


def test_it_goes_to_who_started_it(sink, marta):
    campaign = finished(started_by=marta)
    read(campaign)

    assert summaries.send_due() == 1

    assert sink.recipients == ["marta@example.org"]
    assert SummaryMail.objects.get(campaign=campaign).sent_at is not None


def test_not_before_its_time_nor_long_after(sink, marta, settings):
    finished(hours_ago=23, started_by=marta)
    finished(hours_ago=24 * 9, started_by=marta)
    finished(started_by=marta, status=Campaign.Status.CANCELLED)
    finished(started_by=marta, status=Campaign.Status.RUNNING)

    assert summaries.send_due() == 0
    settings.REPORT_AFTER = 22
    assert summaries.send_due() == 1


def test_never_when_nobody_wants_it(sink, marta, settings):
    settings.REPORT_AFTER = 0
    finished(started_by=marta)

    assert summaries.send_due() == 0


def test_who_wrote_it_stands_in_and_then_those_who_are_alerted(sink, marta, settings):
    settings.ALERTS_TO = ["ops@example.org", "no address", "boss@example.org"]
    gone = User.objects.create_user("gone", "gone@example.org", is_active=False)
    finished(started_by=gone, created_by=marta)
    finished(hours_ago=24.5, started_by=gone)

    assert summaries.send_due() == 2

    assert sink.recipients == ["marta@example.org", "ops@example.org", "boss@example.org"]


def test_without_anybody_nothing_is_taken(sink):
    finished()

    assert summaries.send_due() == 0

    assert not SummaryMail.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_start_remembers_who_pressed_the_button(marta):
    by_hand, scheduled = make_campaign(people=1), make_campaign(people=1)
    campaigns.start(by_hand.pk, marta.pk)
    campaigns.schedule(scheduled.pk, now() - HOUR, marta.pk)
    due.start_scheduled()

    started = Campaign.objects.filter(status=Campaign.Status.RUNNING, started_by=marta)
    assert started.count() == 2


# --- once -----------------------------------------------------------------------------------


def test_it_goes_once(sink, marta):
    campaign = finished(started_by=marta)

    assert [summaries.send_due(), summaries.send_due()] == [1, 0]
    Campaign.objects.filter(pk=campaign.pk).update(finished_at=now() - 26 * HOUR)
    assert summaries.send_due() == 0

    assert len(sink.mails) == 1


def test_a_worker_that_dies_after_the_mail_left_sends_no_second(sink, marta, monkeypatch):
    finished(started_by=marta)
    send = run.send_mails

    def die(mails):
        send(mails)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "send_mails", die)
    with pytest.raises(KeyboardInterrupt):
        summaries.send_due()
    monkeypatch.undo()

    assert summaries.send_due() == 0
    assert len(sink.mails) == 1


def test_a_reply_that_is_lost_is_no_reason_to_send_again(sink, marta):
    sink.loses_reply = lambda who, count: DROP
    finished(started_by=marta)

    assert [summaries.send_due(), summaries.send_due()] == [0, 0]

    assert len(sink.mails) == 1
    assert SummaryMail.objects.get().sent_at is None


def test_a_server_that_is_away_or_says_later_is_tried_again(sink, marta):
    sink.on_rcpt = lambda who, count: "450 later" if count == 1 else None
    finished(started_by=marta)

    assert [summaries.send_due(), summaries.send_due(), summaries.send_due()] == [0, 1, 0]

    sink.stop()
    finished(started_by=marta)
    assert summaries.send_due() == 0
    assert SummaryMail.objects.count() == 1


def test_a_refusal_is_final(sink, marta):
    sink.on_rcpt = lambda who, count: "550 5.1.1 nobody"
    finished(started_by=marta)

    assert [summaries.send_due(), summaries.send_due()] == [0, 0]

    assert len([line for line in sink.commands if line.startswith("RCPT")]) == 1


def test_one_that_can_not_be_made_holds_up_nobody(sink, marta, monkeypatch, caplog):
    bad, good = finished(hours_ago=30, started_by=marta), finished(started_by=marta)
    summarise = summary_mail.summarise

    def stumble(campaign):
        if campaign.pk == bad.pk:
            raise ValueError("no")
        return summarise(campaign)

    monkeypatch.setattr(summary_mail, "summarise", stumble)

    assert [summaries.send_due(), summaries.send_due()] == [1, 0]

    assert f"the report of campaign {bad.pk} was not mailed" in caplog.text
    assert SummaryMail.objects.get(sent_at__isnull=False).campaign_id == good.pk


# --- what it says ---------------------------------------------------------------------------


def sent(sink, marta, **fields):
    campaign = finished(started_by=marta, **fields)
    read(campaign)
    summaries.send_due()
    return parsed(sink.mails[0])


def test_the_text_has_the_figures(sink, marta):
    text = " ".join(sent(sink, marta).get_body(["plain"]).get_content().split())

    assert "sent 990" in text
    assert "opened 412 people (41.6% of sent), 560 times" in text
    assert "clicked 61 people (6.2% of sent), 90 times" in text
    assert "Machines, not counted above: 233 opens and 41 clicks." in text
    assert "50 / 60 / 0 https://example.org/story" in text
    assert "not sent 10" in text


def test_the_html_has_them_too_and_nothing_runs_in_it(sink, marta):
    mail = sent(sink, marta, subject="<script>alert(1)</script> & more")
    html = mail.get_body(["html"]).get_content()

    assert mail["Subject"].startswith("Report: <script>alert(1)</script> & more – 42% opened, 6.2%")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "https://example.org/&lt;b&gt;?a=1&amp;b=2" in html
    assert all(number in html for number in ("990", "412", "41.6%", "560"))


def test_pictures_travel_with_it_and_have_words(sink, marta):
    mail = sent(sink, marta)
    html = mail.get_body(["html"]).get_content()

    pictures = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    sources = re.findall(r'<img src="([^"]+)"', html)
    alts = re.findall(r'<img [^>]*alt="([^"]+)"', html)

    assert [f"cid:{part['Content-ID'][1:-1]}" for part in pictures] == sources
    assert len(sources) == 2
    assert "560 opens and 90 clicks; the most opens, 300, from 1 July, 13:00 UTC" in alts[0]
    assert "Opens: 560 by people, 233 by machines." in alts[1]
    for part in pictures:
        assert Image.open(io.BytesIO(part.get_content())).width == 1200
        assert part.get_content_disposition() == "inline"


def test_nothing_in_it_reports_back(sink, marta, settings):
    mail = sent(sink, marta)
    html = mail.get_body(["html"]).get_content()

    addresses = re.findall(r'(?:href|src|background)="([^"]+)"', html)
    assert addresses
    assert all(address.startswith(("cid:", settings.PUBLIC_URL)) for address in addresses)
    assert not re.search(r"/[oc]/|url\(|<link|@import", html)
    assert "List-Unsubscribe" not in mail


def test_its_bytes_are_as_the_standards_say(sink, marta):
    mail = sent(sink, marta, subject="Grüße aus dem Hafen 🚢 " * 8)

    assert mail.defects == []
    assert [part.get_content_type() for part in mail.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
        "image/png",
    ]
    assert mail["Auto-Submitted"] == "auto-generated"
    data = sink.mails[0].data
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 998
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert len(data) < 100_000


def test_where_nobody_may_be_named_the_subject_counts_opens(sink, marta):
    campaign = finished(started_by=marta)
    CampaignTotal.objects.create(campaign_id=campaign.pk, opens=560, clicks=90)

    summaries.send_due()

    assert parsed(sink.mails[0])["Subject"] == "Report: June issue – 560 opens, 90 clicks"


def test_a_campaign_that_nobody_read(sink, marta):
    finished(started_by=marta)

    assert summaries.send_due() == 1

    text = parsed(sink.mails[0]).get_body(["plain"]).get_content()
    assert "0 people (0.0% of sent)" in text


# --- by hand --------------------------------------------------------------------------------


def test_the_command_mails_it_as_often_as_it_is_asked(sink, capsys):
    campaign = finished(hours_ago=1)
    read(campaign)

    call_command("report", str(campaign.pk), "--mail", "me@example.org")
    call_command("report", str(campaign.pk), "--mail", "me@example.org")

    assert sink.recipients == ["me@example.org"] * 2
    assert "Mailed to me@example.org." in capsys.readouterr().out
    assert not SummaryMail.objects.exists()


def test_the_command_says_what_went_wrong(sink):
    campaign = finished()
    sink.on_rcpt = lambda who, count: "550 5.7.1 not here"

    with pytest.raises(CommandError, match=r"550 5\.7\.1 not here"):
        call_command("report", str(campaign.pk), "--mail", "me@example.org")
    with pytest.raises(CommandError):
        call_command("report", str(campaign.pk), "--mail", "nobody")
    sink.stop()
    with pytest.raises(CommandError, match="was not sent"):
        call_command("report", str(campaign.pk), "--mail", "me@example.org")


def test_it_says_by_what_and_where_it_was_opened_most(marta):
    campaign = finished(started_by=marta)
    read(campaign)
    sums = {
        Dimension.CLIENT: {GMAIL.number: 300, APPLE.number: 140, 0: 120},
        Dimension.COUNTRY: {countries.number("GB"): 200, countries.HIDDEN: 300, 0: 60},
    }
    for dimension, opens in sums.items():
        for value, count in opens.items():
            Breakdown.objects.create(
                campaign_id=campaign.pk, dimension=dimension, value=value, opens=count
            )

    mail = summary_mail.make(summary_mail.summarise(campaign), "marta@example.org")

    parsed = message_from_bytes(mail.data, policy=policy.default)
    for kind in ("plain", "html"):
        text = parsed.get_body([kind]).get_content()
        assert "Gmail 54%, Apple Mail 25%" in text
        assert "United Kingdom 36%" in text
        assert "Not known" not in text
