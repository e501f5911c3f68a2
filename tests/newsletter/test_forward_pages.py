"""Forwarding a mail: what the pages take and say, who gets a copy, and what the copy holds."""

import re
from datetime import timedelta
from email import message_from_bytes, policy

import pytest
from django.core import signing
from django.test import Client
from django.utils.timezone import now

from newsletter import campaigns, forward_form, forwarding
from newsletter.models import Delivery, Template
from subscribers import addresses, consent, forms, suppression
from subscribers.erase import erase
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Organisation,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription
from tests.sending.sink import Sink
from tracking import forward_queue, forwards, tokens
from tracking.models import Forward, ForwardRefusal

pytestmark = pytest.mark.django_db

State = Forward.State
FRIEND = "friend@example.com"


@pytest.fixture
def sink(settings):
    """A mail server on this machine, to which SMTP_URL points."""
    server = Sink().start()
    settings.SMTP_URL = server.url
    settings.JOIN_SECONDS = 0
    yield server
    server.stop()


@pytest.fixture
def browser() -> Client:
    """A browser that shows when a page would need a CSRF cookie."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def news():
    """A public list, and an organisation to name."""
    organisation = Organisation.current()
    organisation.name, organisation.postal_address = "Harbour Weekly", "12 Quay Street\nLeith"
    organisation.save()
    return make_list(name="Harbour News", slug="harbour", visibility="public")


@pytest.fixture
def campaign(news):
    """A campaign that was started, in which much is personal."""
    made = make_campaign(
        lists=[news],
        subject="June{{ ' for ' ~ subscriber.name if subscriber.name }}",
        body="Dear {{ subscriber.name | default('reader') }} in {{ subscriber.attributes.city }} "
        "<{{ subscriber.email }}>, [read](https://example.org/story) or "
        "[yours](https://example.org/you?m={{ subscriber.email }}), "
        "[leave]({{ unsubscribe_url }}).",
        template=Template.objects.get(name="Broadsheet"),
        from_email="The Harbour <harbour@example.org>",
        reply_to="desk@example.org",
    )
    make_subscriber(lists=[news])
    campaigns.start(made.pk)
    return made


@pytest.fixture
def ada(news):
    """A reader who forwards."""
    return make_subscriber(
        email="ada@example.org",
        name="Ada Lovelace",
        attributes={"city": "Marylebone"},
        lists=[news],
    )


def page(campaign, person) -> str:
    return f"/f/{tokens.sign_forward(campaign.pk, person.pk)}"


def stamp(campaign, person, age: float = 5) -> str:
    """Return the stamp of a form that was shown `age` seconds ago."""
    shown = [campaign.pk, person.pk, now().timestamp() - age]
    return signing.dumps(shown, salt=forward_form.STAMP_SALT)


def post(browser, campaign, person, *friends: str, **fields):
    data = {"friend": friends or [FRIEND], "sender": "Ada", "stamp": stamp(campaign, person)}
    return browser.post(page(campaign, person), {**data, **fields})


def read(mail) -> tuple[object, str, str]:
    """Return a mail, its text and its HTML."""
    message = message_from_bytes(mail.data, policy=policy.default)
    assert message.defects == []
    text, html = (message.get_body([kind]).get_content() for kind in ("plain", "html"))
    return message, text.replace("\r\n", "\n"), html.replace("\r\n", "\n")


def the_copy() -> Forward:
    return Forward.objects.get(kind=Forward.Kind.FRIEND)


def everything() -> list[object]:
    tables = (Forward, ForwardRefusal, Suppression, Subscriber, ConsentRecord)
    return [list(table.objects.order_by("pk").values()) for table in tables]


# --- the pages --------------------------------------------------------------------------


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


# --- who gets a copy --------------------------------------------------------------------


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


# --- limits -----------------------------------------------------------------------------


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


# --- the copy ---------------------------------------------------------------------------


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


# --- sending ----------------------------------------------------------------------------


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


# --- shared pages -----------------------------------------------------------------------


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


# --- what comes of it -------------------------------------------------------------------


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


# --- forgetting -------------------------------------------------------------------------


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
