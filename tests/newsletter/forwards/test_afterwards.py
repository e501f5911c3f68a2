"""What comes of forwards: shared pages, sign-ups, and what is forgotten."""

import re
from datetime import timedelta

import pytest
from django.core import signing
from django.utils.timezone import now

from newsletter import forwarding
from subscribers import forms, suppression
from subscribers.erase import erase
from subscribers.models import ConsentRecord, MailingList, Subscriber, TrackingChoice
from tests.newsletter.forwards.readers import FRIEND, page, post, read, the_copy
from tracking import forwards, tokens
from tracking.models import Forward, ForwardRefusal

pytestmark = pytest.mark.django_db


def test_a_shared_page_is_made_once_and_shown_without_its_owner(browser, campaign, ada, settings):
    settings.TRACKING_DEFAULT = TrackingChoice.INDIVIDUAL

    browser.post(page(campaign, ada), {"share": "yes"})
    browser.post(page(campaign, ada), {"share": "yes"})
    html = browser.get(page(campaign, ada)).content.decode()

    [link] = set(re.findall(r"https://news\.example\.org/s/([\w-]+)", html))
    answer = browser.get(f"/v/{link}")
    shown = answer.content.decode()
    made = Forward.objects.get(kind=Forward.Kind.SHARE)
    assert answer.status_code == 200
    assert "sandbox" in answer["Content-Security-Policy"]
    assert "script" not in answer["Content-Security-Policy"]
    assert "A reader of Harbour Weekly shared this mail" in shown
    assert "https://news.example.org/join/harbour?from=" in shown
    for word in ("Ada", "Lovelace", "ada@example.org", "Marylebone", "/u/", "/p/"):
        assert word not in shown
    ids = {tokens.read_click(each).forward_id for each in re.findall(r"/c/([\w-]+)", shown)}
    assert ids == {made.pk}


def test_a_reader_who_wants_no_tracking_shares_a_plain_page(browser, campaign, ada):
    Subscriber.objects.filter(pk=ada.pk).update(tracking="off")

    browser.post(page(campaign, ada), {"share": "yes"})
    html = browser.get(page(campaign, ada)).content.decode()

    [link] = set(re.findall(r"https://news\.example\.org(/v/[\w-]+)", html))
    shown = browser.get(link).content.decode()
    assert "/s/" not in html
    assert 'href="https://example.org/story"' in shown
    assert "/o/" not in shown and "/c/" not in shown


def test_a_sign_up_is_the_campaign_s(browser, sink, campaign, ada, news, settings):
    settings.TRACKING_DEFAULT = TrackingChoice.INDIVIDUAL
    MailingList.objects.filter(pk=news.pk).update(opt_in="single")
    post(browser, campaign, ada)
    forwarding.send_due()
    [path] = set(re.findall(r"https://news\.example\.org(/join/\S+)", read(sink.mails[0])[1]))
    form = browser.get(path).content.decode()
    old = signing.dumps(["harbour", now().timestamp() - 5], salt=forms.STAMP_SALT)
    answer = browser.post(path, {"email": FRIEND, "stamp": old})

    line = ConsentRecord.objects.get(action="subscribed")
    forward = the_copy()
    assert 'method="post"' in form and "action=" not in form
    assert answer.status_code == 303
    assert (line.campaign_id, line.evidence["forward"]) == (campaign.pk, forward.pk)


def test_erasing_the_owner_takes_their_name_out(browser, sink, campaign, ada):
    post(browser, campaign, ada, "sent@example.com", sender="Ada Lovelace")
    forwarding.send_due()
    post(browser, campaign, ada, "waiting@example.com", sender="Ada Lovelace", note="Dear you")
    browser.post(page(campaign, ada), {"share": "yes"})

    erase(ada.pk)
    forwarding.send_due()

    rows = list(Forward.objects.exclude(kind=Forward.Kind.COMMON).order_by("id").values())
    assert [row["state"] for row in rows] == ["sent", "skipped", "made"]
    assert {row["subscriber_id"] for row in rows} == {0}
    assert not any("Ada" in str(row) or "example.com" in str(row) for row in rows)
    assert sink.recipients == ["sent@example.com"]


@pytest.mark.parametrize(("choice", "known"), [("individual", True), ("aggregate", False)])
def test_who_forwarded_is_forgotten_where_it_may_not_be_known(
    browser, sink, campaign, ada, choice, known
):
    Subscriber.objects.filter(pk=ada.pk).update(tracking=choice)
    post(browser, campaign, ada)
    forwarding.send_due()
    Forward.objects.update(asked_at=now() - timedelta(days=2))

    forwards.tidy()

    row = Forward.objects.get(kind=Forward.Kind.FRIEND)
    assert row.subscriber_id == (ada.pk if known else 0)
    assert row.network is None


def test_a_list_that_wants_less_recorded_decides_for_who_has_not_chosen(
    browser, sink, campaign, ada, news, settings
):
    settings.TRACKING_DEFAULT = TrackingChoice.INDIVIDUAL
    MailingList.objects.filter(pk=news.pk).update(tracking=TrackingChoice.OFF)

    post(browser, campaign, ada)
    forwarding.send_due()

    assert "/o/" not in read(sink.mails[0])[2]


def test_nothing_leaves_when_who_wants_none_would_not_be_recognised(
    browser, sink, campaign, ada, settings
):
    ForwardRefusal.objects.create(email_hash=b"x" * 16, key_id=suppression.key_id())
    post(browser, campaign, ada)
    settings.SUPPRESSION_KEY = "another"

    with pytest.raises(suppression.WrongKey):
        forwarding.send_due()

    assert sink.mails == []
