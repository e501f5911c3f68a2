"""The copies of a forwarded mail: who gets one, what it holds, and that it leaves once."""

import re
from datetime import timedelta

import pytest
from django.utils.timezone import now

from newsletter import campaigns, forwarding
from newsletter.models import Delivery, Template
from subscribers import addresses, suppression
from subscribers.models import Subscriber, Subscription, Suppression, TrackingChoice
from tests.factories import make_campaign, make_subscriber, make_subscription
from tests.newsletter.forwards.readers import FRIEND, State, post, read, the_copy
from tracking import forward_queue, tokens
from tracking.models import Forward, ForwardRefusal

pytestmark = pytest.mark.django_db


def test_a_suppressed_friend_gets_nothing(browser, sink, campaign, ada):
    digest = suppression.email_hash(FRIEND)
    Suppression.objects.create(
        email_hash=digest, key_id=suppression.key_id(), reason=Suppression.Reason.MANUAL
    )

    post(browser, campaign, ada, FRIEND, "other@example.com")
    forwarding.send_due()

    assert sink.recipients == ["other@example.com"]


def test_who_is_suppressed_after_the_form_gets_nothing(browser, sink, campaign, ada):
    post(browser, campaign, ada)
    Suppression.objects.create(
        email_hash=suppression.email_hash(FRIEND),
        key_id=suppression.key_id(),
        reason=Suppression.Reason.MANUAL,
    )

    forwarding.send_due()

    assert sink.mails == []
    assert the_copy().state == State.SKIPPED


def test_a_friend_gets_a_campaign_once_whoever_asks(browser, sink, campaign, ada):
    joe = make_subscriber()

    post(browser, campaign, ada, "Friend@Example.com")
    forwarding.send_due()
    Forward.objects.update(asked_at=now() - timedelta(days=30))
    post(browser, campaign, joe, FRIEND)
    forwarding.send_due()

    assert sink.recipients == ["Friend@example.com"]


def test_a_friend_gets_one_forward_a_week(browser, sink, campaign, ada, news):
    other = make_campaign(lists=[news], people=1)
    campaigns.start(other.pk)
    post(browser, campaign, ada)
    forwarding.send_due()

    post(browser, other, ada)
    forwarding.send_due()
    early = len(sink.mails)
    Forward.objects.update(asked_at=now() - timedelta(days=8))
    post(browser, other, ada)
    forwarding.send_due()

    assert (early, len(sink.mails)) == (1, 2)


def test_who_got_the_mail_or_left_its_list_gets_no_copy(browser, sink, campaign, ada, news):
    got = make_subscriber(email="got@example.com", lists=[news])
    Delivery.objects.create(
        campaign_id=campaign.pk, subscriber_id=got.pk, status=Delivery.Status.SENT, at=now()
    )
    left = make_subscriber(email="left@example.com")
    make_subscription(left, news, status=Subscription.Status.UNSUBSCRIBED)

    post(browser, campaign, ada, "got@example.com", "left@example.com")
    forwarding.send_due()

    assert sink.mails == []


def test_a_friend_can_end_it_for_good(browser, sink, campaign, ada, news):
    post(browser, campaign, ada)
    forwarding.send_due()
    message, text, html = read(sink.mails[0])
    [path] = set(re.findall(r"https://news\.example\.org(/n/[\w-]+)", text))

    answer = browser.post(path, {"List-Unsubscribe": "One-Click"})
    Forward.objects.update(asked_at=now() - timedelta(days=30))
    other = make_campaign(lists=[news], people=1)
    campaigns.start(other.pk)
    post(browser, other, ada)
    forwarding.send_due()

    assert answer.status_code == 200
    assert path in html
    assert message["List-Unsubscribe"] == f"<https://news.example.org{path}>"
    assert len(sink.mails) == 1
    assert not Suppression.objects.exists()  # the friend may still join a list


def test_a_post_without_the_words_ends_nothing(browser, campaign, ada):
    forward = Forward.objects.create(
        campaign_id=campaign.pk, subscriber_id=ada.pk, kind=1, state="sent", email_hash=b"x" * 16
    )

    answer = browser.post(f"/n/{forwarding.sign_refuse(forward.pk)}", {"x": "y"})

    assert answer.status_code == 400
    assert not ForwardRefusal.objects.exists()


@pytest.mark.parametrize("choice", ["individual", "aggregate", "off"])
@pytest.mark.parametrize("frame", ["Broadsheet", "Announcement", "Plain letter"])
def test_a_copy_holds_nothing_of_its_owner(browser, sink, news, ada, settings, frame, choice):
    settings.TRACKING_DEFAULT = choice
    made = make_campaign(
        lists=[news],
        body="Dear {{ subscriber.name }} {{ subscriber.email }} {{ subscriber.id }}, "
        "[a](https://example.org/a) [b](https://example.org/b?m={{ subscriber.email }}) "
        "[leave]({{ unsubscribe_url }}) [me]({{ preferences_url }})",
        template=Template.objects.get(name=frame),
    )
    campaigns.start(made.pk)

    post(browser, made, ada, sender="A. L.")
    forwarding.send_due()

    _, text, html = read(sink.mails[0])
    whole = sink.mails[0].data.decode() + text + html
    found = re.findall(r"/([a-z])/([\w-]+)", text + html)
    assert {kind for kind, _ in found} <= {"c", "o", "n"}
    for kind, token in found:
        if kind == "c":
            assert tokens.read_click(token).subscriber_id == 0
            assert tokens.read_click(token).forward_id > 0
        if kind == "o":
            assert tokens.read_open(token).subscriber_id == 0
            assert tokens.read_open(token).forward_id > 0
    assert ("c" in dict(found)) == ("o" in dict(found)) == (choice != "off")
    for word in ("Lovelace", "ada@example.org", "Marylebone"):
        assert word not in whole
    for words in ("You get this mail because you are on", "Unsubscribe:", "Your preferences"):
        assert words not in text + html
    assert "Never forward me anything again" in text and "Never forward me" in html
    assert "Quay Street" in text and "Quay Street" in html


def test_a_copy_says_who_and_why(browser, sink, campaign, ada):
    post(browser, campaign, ada, sender="Ada <Lovelace>", note="Look at this & smile\r\nyour Ada")

    forwarding.send_due()

    message, text, html = read(sink.mails[0])
    assert message["From"] == "The Harbour <harbour@example.org>"
    assert message["Reply-To"] == "desk@example.org"
    assert message["To"] == FRIEND
    assert message["Subject"] == "June"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Precedence"] is None and message["List-ID"] is None
    assert text.startswith(
        "Ada <Lovelace> thought you might like this mail from Harbour Weekly.\n\n"
        "> Look at this & smile\n> your Ada\n"
    )
    assert "Ada &lt;Lovelace&gt; thought" in html
    assert "Look at this &amp; smile<br>" in html
    assert "We have not kept your address" in text and "We have not kept" in html
    assert "https://news.example.org/join/harbour" in text
    assert "write to news@example.org" in text and "mailto:news@example.org" in html
    assert max(map(len, sink.mails[0].data.split(b"\r\n"))) <= 998
    assert sink.mails[0].sender != ""


def test_without_a_name_it_was_a_reader(browser, sink, campaign, ada):
    post(browser, campaign, ada, sender="")

    forwarding.send_due()

    assert "A reader thought you might like this" in read(sink.mails[0])[1]


def test_jinja_in_what_people_write_stays_as_it_is(browser, sink, campaign, ada):
    post(browser, campaign, ada, sender="{{ 7*7 }}", note="{% raw %}{{ subscriber }}")

    forwarding.send_due()

    _, text, html = read(sink.mails[0])
    assert "{{ 7*7 }} thought" in text and "{{ 7*7 }} thought" in html
    assert "49 thought" not in text + html


@pytest.mark.parametrize(
    ("default", "owner", "friend", "counted"),
    [
        ("individual", "", None, "copy"),
        ("individual", "individual", "individual", "copy"),
        ("individual", "aggregate", None, "common"),
        ("individual", "", "aggregate", "common"),
        ("aggregate", "individual", None, "common"),
        ("aggregate", "individual", "individual", "copy"),
        ("individual", "off", None, "nothing"),
        ("individual", "", "off", "nothing"),
        ("off", "individual", None, "nothing"),
    ],
)
def test_the_least_that_both_allow_is_counted(
    browser, sink, campaign, ada, settings, default, owner, friend, counted
):
    settings.TRACKING_DEFAULT = default
    Subscriber.objects.filter(pk=ada.pk).update(tracking=owner)
    if friend is not None:
        make_subscriber(email=FRIEND, tracking=friend)

    post(browser, campaign, ada)
    forwarding.send_due()

    _, _, html = read(sink.mails[0])
    kinds = {row.pk: row.kind for row in Forward.objects.all()}
    found = [tokens.read_open(token).forward_id for token in re.findall(r"/o/([\w-]+)", html)]
    expected = {"copy": [Forward.Kind.FRIEND], "common": [Forward.Kind.COMMON], "nothing": []}
    assert [kinds[each] for each in found] == expected[counted]
    assert ("?from=" in html) == (counted != "nothing")


def test_two_copies_that_may_not_be_told_apart_differ_in_nothing_else(
    browser, sink, campaign, ada, settings
):
    settings.TRACKING_DEFAULT = TrackingChoice.AGGREGATE

    post(browser, campaign, ada, "one@example.com", "two@example.com")
    forwarding.send_due()

    bodies = [re.sub(r"/n/[\w-]+", "/n/…", text + html) for _, text, html in map(read, sink.mails)]
    assert bodies[0] == bodies[1]


def test_an_address_is_gone_when_its_copy_has_left(browser, sink, campaign, ada):
    post(browser, campaign, ada, note="Hello")
    waiting = the_copy()

    forwarding.send_due()

    sent = the_copy()
    assert (waiting.address, waiting.note) == (FRIEND, "Hello")
    assert (sent.state, sent.address, sent.note, sent.sender_name) == (State.SENT, "", "", "")
    assert bytes(sent.email_hash) == suppression.email_hash(addresses.parse(FRIEND).key)


def test_a_sender_that_dies_before_it_begins_is_followed_by_another(
    browser, sink, campaign, ada, monkeypatch
):
    post(browser, campaign, ada)
    with monkeypatch.context() as crash:
        crash.setattr(forward_queue, "begin", lambda forward_id: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            forwarding.send_due()

    assert forwarding.send_due() == 1

    assert sink.recipients == [FRIEND]


def test_a_sender_that_dies_while_it_hands_over_leaves_a_copy_in_doubt(
    browser, sink, campaign, ada, monkeypatch
):
    """The worst moment: the server has it, and nobody wrote that down."""
    post(browser, campaign, ada)
    with monkeypatch.context() as crash:
        crash.setattr(forward_queue, "end", lambda *what: (_ for _ in ()).throw(SystemExit))
        with pytest.raises(SystemExit):
            forwarding.send_due()
    again = forwarding.send_due()
    Forward.objects.update(due_at=now() - timedelta(seconds=1))

    forwarding.send_due()

    assert again == 0
    assert len(sink.mails) == 1
    assert the_copy().state == State.IN_DOUBT
    assert the_copy().address == ""


def test_a_server_that_says_later_is_asked_again(browser, sink, campaign, ada):
    sink.on_rcpt = lambda who, count: "450 later" if count == 1 else None
    post(browser, campaign, ada)

    first = forwarding.send_due()
    early = forwarding.send_due()
    Forward.objects.update(due_at=now())
    second = forwarding.send_due()

    assert (first, early, second) == (0, 0, 1)


def test_a_final_no_ends_it_and_names_nobody(browser, sink, campaign, ada, caplog):
    sink.on_rcpt = lambda who, count: f"550 5.1.1 <{who}> unknown"
    post(browser, campaign, ada)

    forwarding.send_due()

    assert the_copy().state == State.FAILED
    assert "unknown" in caplog.text
    assert FRIEND not in caplog.text


def test_a_server_that_is_away_uses_up_no_attempts(browser, sink, campaign, ada):
    sink.stop()
    post(browser, campaign, ada)

    forwarding.send_due()

    waiting = the_copy()
    assert (waiting.state, waiting.attempts) == (State.ASKED, 0)
    assert waiting.due_at <= now()
