"""The page for forwarding a mail: what it takes and says, and how often."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter import forwarding
from subscribers import consent, suppression
from subscribers.models import ConsentRecord, Suppression
from tests.factories import make_subscriber
from tests.newsletter.forwards.readers import FRIEND, everything, page, post, stamp, the_copy
from tracking import forwards, tokens
from tracking.models import Forward

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(browser, campaign, ada, method):
    forward = Forward.objects.create(
        campaign_id=campaign.pk, subscriber_id=ada.pk, kind=1, state="sent", email_hash=b"x" * 16
    )
    shared = forwards.share(campaign.pk, ada.pk)
    before = everything()

    answers = [
        getattr(browser, method)(path)
        for path in (
            page(campaign, ada),
            f"/v/{tokens.sign_share(campaign.pk, 0)}",
            f"/v/{tokens.sign_share(campaign.pk, forwards.child(shared))}",
            f"/n/{forwarding.sign_refuse(forward.pk)}",
        )
    ]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert not any(answer.cookies for answer in answers)
    assert {answer["X-Robots-Tag"] for answer in answers} == {"noindex, nofollow"}
    assert {answer["Referrer-Policy"] for answer in answers} == {"no-referrer"}
    assert {answer["Cache-Control"] for answer in answers} == {"no-store, private"}
    assert everything() == before


@pytest.mark.parametrize("path", ["/f/", "/v/", "/n/"])
def test_a_forged_token_opens_no_page(browser, campaign, ada, path):
    good = tokens.sign_forward(campaign.pk, ada.pk)

    for token in (good[:-1], good[:-2] + "zz", tokens.sign_open(campaign.pk, ada.pk), "x"):
        assert browser.get(path + token).status_code == 404
        assert browser.post(path + token, {"friend": FRIEND}).status_code == 404

    assert not Forward.objects.exists()


def test_a_token_of_somebody_erased_opens_no_page(browser, campaign, ada):
    path = page(campaign, ada)
    ada.delete()

    assert browser.get(path).status_code == 404


def test_the_form_knows_the_name_and_the_subject(browser, campaign, ada):
    html = browser.get(page(campaign, ada)).content.decode()

    assert 'value="Ada Lovelace"' in html
    assert "“June”" in html
    assert "ada@example.org" not in html


def test_a_form_sends_each_friend_one_copy(browser, sink, campaign, ada):
    answer = post(browser, campaign, ada, "one@example.com", "two@example.com, One@Example.com")

    forwarding.send_due()

    assert answer.status_code == 303
    assert sorted(sink.recipients) == ["one@example.com", "two@example.com"]
    assert forwarding.send_due() == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"friend": ""}, "Please give the address of a friend"),
        ({"friend": "nobody"}, "an address has the form"),
        ({"friend": "a@example.com\r\nBcc: b@example.com"}, "an address has the form"),
        ({"friend": [f"f{n}@example.com" for n in range(6)]}, "at most 5 addresses"),
        ({"note": "see https://evil.example/x"}, "leave out web and mail addresses"),
        ({"note": "see evil.example"}, "leave out web and mail addresses"),
        ({"note": "see www evil"}, "leave out web and mail addresses"),
        ({"note": "see evil\uff0eexample"}, "leave out web and mail addresses"),
        ({"note": "see evil\u200b.example"}, "leave out web and mail addresses"),
        ({"note": "see 192.0.2.7"}, "leave out web and mail addresses"),
        ({"note": "mail me@example"}, "leave out web and mail addresses"),
        ({"note": "x" * 301}, "at most 300 characters"),
        ({"sender": "Bank www.example.com"}, "leave out web and mail addresses"),
        ({"sender": "x" * 81}, "at most 80 characters"),
        ({"stamp": ""}, "press the button once more"),
    ],
)
def test_what_is_refused_is_said_and_nothing_is_stored(browser, campaign, ada, fields, message):
    answer = post(browser, campaign, ada, **fields)

    assert answer.status_code == 400
    assert message in answer.content.decode()
    assert not Forward.objects.exists()


@pytest.mark.parametrize(
    "note", ["At 10.30, e.g. in the U.K.: 3.50 each!", "Lovely… see page 4.\r\nYours"]
)
def test_ordinary_words_are_no_address(browser, campaign, ada, note):
    assert post(browser, campaign, ada, note=note).status_code == 303


def test_a_form_answered_at_once_or_by_another_s_stamp_is_asked_again(browser, campaign, ada):
    joe = make_subscriber()

    for wrong in (stamp(campaign, ada, age=0), stamp(campaign, joe), stamp(campaign, ada, 90_000)):
        assert post(browser, campaign, ada, stamp=wrong).status_code == 400

    assert not Forward.objects.exists()


def test_a_robot_gets_the_same_answer_and_nothing_happens(browser, campaign, ada):
    person = post(browser, campaign, ada)

    robot = post(browser, campaign, ada, "other@example.com", website="https://spam.example")

    assert (robot.status_code, robot["Location"]) == (person.status_code, person["Location"])
    assert the_copy().address == FRIEND


def test_the_answer_is_the_same_whoever_the_friends_are(browser, campaign, ada, settings):
    settings.FORWARD_LIMIT_PERSON = settings.FORWARD_LIMIT_NETWORK = 100
    suppressed = make_subscriber(email="gone@example.com")
    origin = consent.Origin(method=ConsentRecord.Method.ADMIN)
    consent.suppress(suppressed.email_key, Suppression.Reason.OBJECTION, origin=origin)

    answers = [
        post(browser, campaign, ada, friend)
        for friend in ("new@example.com", "gone@example.com", "new@example.com")
    ]

    assert len({(each.status_code, each["Location"], each.content) for each in answers}) == 1
    copies = Forward.objects.filter(kind=Forward.Kind.FRIEND).order_by("id")
    assert [row.state for row in copies] == ["asked", "skipped", "skipped"]


def test_a_thousand_posts_of_one_person_send_ten_mails(browser, sink, campaign, ada, settings):
    settings.FORWARD_LIMIT = settings.FORWARD_LIMIT_NETWORK = 10_000
    codes = [
        post(browser, campaign, ada, f"victim{number}@example.com").status_code
        for number in range(1_000)
    ]

    while forwarding.send_due():
        pass

    assert codes == [303] * 10 + [429] * 990
    assert len(sink.mails) == 10
    assert Forward.objects.filter(kind=Forward.Kind.FRIEND).count() == 10


def test_many_posts_at_one_friend_send_one_mail(browser, sink, campaign, settings):
    settings.FORWARD_LIMIT = settings.FORWARD_LIMIT_NETWORK = settings.FORWARD_LIMIT_PERSON = 10_000
    people = [make_subscriber() for _ in range(10)]

    for number in range(100):
        post(browser, campaign, people[number % 10])
    while forwarding.send_due():
        pass

    assert sink.recipients == [FRIEND]


def test_one_network_has_twenty_a_day(browser, campaign, settings):
    codes = [
        post(browser, campaign, make_subscriber(), f"f{number}@example.com").status_code
        for number in range(22)
    ]

    assert codes == [303] * 20 + [429] * 2


def test_everybody_together_has_so_many_a_minute(browser, campaign, settings):
    settings.FORWARD_LIMIT = 3
    codes = [
        post(browser, campaign, make_subscriber(), f"f{number}@example.com").status_code
        for number in range(5)
    ]
    Forward.objects.update(asked_at=now() - timedelta(seconds=61))

    later = post(browser, campaign, make_subscriber(), "late@example.com").status_code

    assert codes == [303] * 3 + [429] * 2
    assert later == 303


def test_limits_hold_without_redis(browser, campaign, ada, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    codes = [
        post(browser, campaign, ada, f"f{number}@example.com").status_code for number in range(12)
    ]

    assert codes == [303] * 10 + [429] * 2


def test_who_is_skipped_counts_as_well(browser, campaign, ada):
    """Otherwise the eleventh answer would tell how many of ten are on the suppression list."""
    for number in range(10):
        Suppression.objects.create(
            email_hash=suppression.email_hash(f"f{number}@example.com"),
            key_id=suppression.key_id(),
            reason=Suppression.Reason.MANUAL,
        )
        post(browser, campaign, ada, f"f{number}@example.com")

    assert post(browser, campaign, ada, "f10@example.com").status_code == 429
