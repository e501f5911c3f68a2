"""The public pages: GET asks, POST acts, nobody gets a cookie and nobody learns who is known."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.core import signing
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from subscribers import confirmation, consent, forms, tokens, urls, visitors
from subscribers.models import (
    Confirmation,
    ConsentRecord,
    Organisation,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription

CLIENT = visitors._client.__wrapped__  # visitors' own, which conftest replaces

pytestmark = pytest.mark.django_db
ONE_CLICK = {"List-Unsubscribe": "One-Click"}


@pytest.fixture
def browser() -> Client:
    """A browser that shows when a page would need a CSRF cookie."""
    return Client(enforce_csrf_checks=True)


def stamp(slug: str, age: float = 5) -> str:
    """Return the stamp of a form that was shown `age` seconds ago."""
    shown = now().timestamp() - age
    return signing.dumps([slug, shown], salt=forms.STAMP_SALT)


def sign_up(browser, mailing_list, **fields):
    data = {"email": "ada@example.org", "stamp": stamp(mailing_list.slug), **fields}
    return browser.post(f"/join/{mailing_list.slug}", data)


def everything() -> list[object]:
    """Return what the public pages could change."""
    tables = (Subscriber, Subscription, ConsentRecord, Confirmation, Suppression)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def a_world():
    """Make one of everything, and the path of every page about it."""
    news = make_list(slug="news", visibility="public", opt_in="double")
    other = make_list(visibility="public")
    person = make_subscriber(lists=[news])
    make_subscription(person, other, status="pending")
    asked = Confirmation.objects.create(
        subscriber=person, mailing_list_ids=[other.pk], expires_at=now() + timedelta(days=7)
    )
    campaign = make_campaign(lists=[news])
    Organisation.current()
    return {
        "index": "/join",
        "join": "/join/news",
        "thanks": "/join/news/thanks",
        "confirm": f"/confirm/{tokens.sign_confirm(asked.pk)}",
        "preferences": f"/p/{tokens.sign_preferences(person.pk)}",
        "unsubscribe": f"/u/{tokens.sign_unsubscribe(person.pk, campaign.pk)}",
        "robots": "/robots.txt",
    }


PAGES = [pattern.name for pattern in urls.urlpatterns]
TOKEN_PAGES = ["confirm", "preferences", "unsubscribe"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("method", ["get", "head", "options"])
def test_looking_changes_nothing(browser, name, method):
    path = a_world()[name]
    before = everything()

    response = getattr(browser, method)(path)

    assert response.status_code == (405 if method == "options" else 200)
    assert everything() == before
    assert not response.cookies


@pytest.mark.parametrize("name", PAGES)
def test_no_page_sets_or_varies_by_a_cookie(browser, name):
    path = a_world()[name]

    for response in (browser.get(path), browser.post(path, {"email": "x", "list": "1"})):
        assert not response.cookies
        assert "Cookie" not in response.get("Vary", "")


@pytest.mark.parametrize("name", TOKEN_PAGES)
def test_pages_behind_a_token_are_private(browser, name):
    response = browser.get(a_world()[name])

    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "no-referrer"
    assert "noindex" in response["X-Robots-Tag"]
    policy = response["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


@pytest.mark.parametrize("name", TOKEN_PAGES)
@pytest.mark.parametrize("method", ["get", "head", "post"])
@pytest.mark.parametrize("damage", ["cut", "changed", "swapped", "longer", "garbage"])
def test_a_bad_token_is_a_page_that_helps_and_nothing_recorded(browser, name, method, damage):
    path = a_world()[name]
    place, token = path.rsplit("/", 1)
    token = {
        "cut": token[:-1],
        "changed": token[:-3] + ("aaa" if token[-3:] != "aaa" else "bbb"),
        "swapped": tokens.signing.sign("click", 1, 2, 3),
        "longer": token + "A",
        "garbage": "%00%ff..-_" * 20,
    }[damage]
    before = everything()

    response = getattr(browser, method)(f"{place}/{token}", {**ONE_CLICK, "answer": "yes"})

    assert response.status_code == 404
    assert not response.cookies
    assert everything() == before
    if method != "head":
        assert "This link does not work" in response.content.decode()


@pytest.mark.parametrize("name", TOKEN_PAGES)
def test_every_forgery_gets_the_same_answer(browser, name):
    place = a_world()[name].rsplit("/", 1)[0]

    bodies = {browser.get(f"{place}/{token}").content for token in ("x", "y" * 30, "z" * 300)}

    assert len(bodies) == 1


class Page(HTMLParser):
    """What matters of a page for people who can't see it, and for a strict policy."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in names]


@pytest.mark.parametrize("name", [name for name in PAGES if name != "robots"])
def test_pages_obey_their_policy_and_can_be_used_without_eyes(browser, name):
    page = Page(browser.get(a_world()[name]).content.decode())

    assert not page.all("script", "style", "iframe")
    assert not [attrs for _, attrs in page.tags if {"style", "onclick"} & set(attrs)]
    for attrs in page.all("link", "img"):
        assert (attrs.get("href") or attrs.get("src")).startswith("/")
    labelled = {attrs.get("for") for attrs in page.all("label")}
    for attrs in page.all("input", "select"):
        assert attrs.get("type") in ("hidden", "checkbox", "radio") or attrs["id"] in labelled
    assert len(page.all("h1")) == len(page.all("main")) == 1
    assert page.all("html")[0]["lang"] == "en"


# --- Joining --------------------------------------------------------------------------


def test_private_lists_have_no_page(browser):
    make_list(slug="staff", visibility="private", name="Staff only")

    assert browser.get("/join/staff").status_code == 404
    assert browser.post("/join/staff", {}).status_code == 404
    assert "Staff only" not in browser.get("/join").content.decode()


def test_joining_a_double_opt_in_list_asks_by_mail(browser):
    news = make_list(visibility="public", opt_in="double")

    response = sign_up(browser, news, email=" Ada@Example.org ", name="Ada Lovelace")

    assert (response.status_code, response["Location"]) == (303, f"/join/{news.slug}/thanks")
    person = Subscriber.objects.get()
    assert (person.email, person.email_key) == ("Ada@Example.org", "ada@example.org")
    assert person.name == "Ada Lovelace"
    assert Subscription.objects.get().status == "pending"
    assert [due.waiting for due in confirmation.claim_due(10)] == [(news.name,)]


def test_joining_a_single_opt_in_list_is_enough(browser):
    news = make_list(visibility="public", opt_in="single")

    sign_up(browser, news, tracking="yes")

    assert Subscription.objects.get().status == "active"
    assert Subscriber.objects.get().tracking == TrackingChoice.INDIVIDUAL
    assert confirmation.claim_due(10) == []


def test_the_ledger_has_the_place_but_no_token(browser):
    news = make_list(visibility="public")
    person = make_subscriber(lists=[news])
    sign_up(browser, news)

    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}"
    browser.post(path, ONE_CLICK)

    places = [line.evidence["url"] for line in ConsentRecord.objects.order_by("id")]
    assert places == [
        f"https://news.example.org/join/{news.slug}",
        "https://news.example.org/u/…",
    ]


def test_the_answer_is_the_same_for_known_and_unknown(browser):
    news = make_list(visibility="public", opt_in="double")
    make_subscriber(email="member@example.org", lists=[news])
    left = make_subscriber(email="left@example.org")
    make_subscription(left, news, status="unsubscribed")
    barred = make_subscriber(email="barred@example.org")
    origin = consent.Origin(method=ConsentRecord.Method.ADMIN)
    consent.suppress(barred.email_key, Suppression.Reason.MANUAL, origin=origin)

    answers = {
        (response.status_code, response["Location"], response.content)
        for name in ("member", "left", "barred", "stranger")
        for response in [sign_up(browser, news, email=f"{name}@example.org")]
    }

    assert len(answers) == 1


def test_a_stranger_cannot_change_what_we_know(browser):
    news = make_list(visibility="public", opt_in="single")
    person = make_subscriber(email="ada@example.org", name="Ada", lists=[make_list()])

    sign_up(browser, news, name="Mallory", tracking="yes")

    person.refresh_from_db()
    assert (person.name, person.tracking) == ("Ada", "")


def test_the_suppressed_leave_no_trace(browser):
    news = make_list(visibility="public", opt_in="single")
    origin = consent.Origin(method=ConsentRecord.Method.ADMIN)
    consent.suppress("ada@example.org", Suppression.Reason.OBJECTION, origin=origin)

    sign_up(browser, news)

    assert not Subscriber.objects.exists()
    assert not Confirmation.objects.exists()


@pytest.mark.parametrize("age", [0, 0.5, 60 * 60 * 24 + 5])
def test_a_form_too_quick_or_too_old_is_asked_again_and_then_taken(browser, age):
    news = make_list(visibility="public")

    response = sign_up(browser, news, stamp=stamp(news.slug, age))

    page = response.content.decode()
    assert response.status_code == 400
    assert "press the button once more" in page
    assert 'value="ada@example.org"' in page
    assert not Subscriber.objects.exists()
    assert re.search(r'name="stamp" value="(.+?)"', page)


@pytest.mark.parametrize("bad", ["", "nonsense", "other"])
def test_a_form_that_was_not_shown_is_not_taken(browser, bad):
    news = make_list(visibility="public")
    value = stamp("another-list") if bad == "other" else bad

    response = sign_up(browser, news, stamp=value)

    assert response.status_code == 400
    assert not Subscriber.objects.exists()


def test_what_robots_fill_in_is_taken_and_thrown_away(browser):
    news = make_list(visibility="public")

    response = sign_up(browser, news, website="https://spam.example")

    assert response.status_code == 303
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    "email",
    ["", "nobody", "a@b", "a b@example.org", "a@example.org\nBcc: b@example.org", "x" * 400],
)
def test_a_bad_address_is_explained(browser, email):
    news = make_list(visibility="public")

    response = sign_up(browser, news, email=email)

    assert response.status_code == 400
    assert 'aria-invalid="true"' in response.content.decode()
    assert not Subscriber.objects.exists()


def test_what_people_type_is_escaped(browser):
    news = make_list(visibility="public")

    response = sign_up(browser, news, email='"><script>alert(1)</script>', name="<b>")

    assert "<script" not in response.content.decode()


def test_a_name_is_one_line(browser):
    news = make_list(visibility="public")

    sign_up(browser, news, name="Ada\r\nBcc: x@example.org\u2028Lovelace")

    assert Subscriber.objects.get().name == "Ada Bcc: x@example.org Lovelace"


def test_no_consent_is_ticked_beforehand(browser):
    news = make_list(visibility="public")

    page = Page(browser.get(f"/join/{news.slug}").content.decode())

    assert not [attrs for attrs in page.all("input") if "checked" in attrs]


def test_too_many_from_one_network_are_asked_to_wait(browser, settings):
    settings.JOIN_LIMIT_NETWORK = 2
    news = make_list(visibility="public")

    statuses = [
        browser.post(
            f"/join/{news.slug}",
            {"email": f"reader{number}@example.org", "stamp": stamp(news.slug)},
            REMOTE_ADDR=f"203.0.113.{number}",
        ).status_code
        for number in range(4)
    ]

    assert statuses == [303, 303, 429, 429]
    assert Subscriber.objects.count() == 2
    other = browser.post(
        f"/join/{news.slug}",
        {"email": "far@example.org", "stamp": stamp(news.slug)},
        REMOTE_ADDR="198.51.100.1",
    )
    assert other.status_code == 303


def test_without_redis_people_can_join_at_once_and_mail_stays_limited(
    browser, monkeypatch, settings
):
    settings.REDIS_URL = "redis://127.0.0.1:9/0"
    monkeypatch.setattr(visitors, "_client", CLIENT)
    monkeypatch.setattr("redis.retry.sleep", lambda seconds: pytest.fail("a visitor waits"))
    settings.CONFIRMATION_LIMIT = 3
    news = make_list(visibility="public")

    for number in range(5):
        assert sign_up(browser, news, email=f"r{number}@example.org").status_code == 303

    claimed = confirmation.claim_due(100)
    for due in claimed:
        confirmation.mark_sent(due.id)
    assert len(claimed) == 3
    assert confirmation.claim_due(100) == []


# --- Confirming -----------------------------------------------------------------------


def ask(*, lists, email="ada@example.org", **fields) -> Confirmation:
    person = make_subscriber(email=email)
    for each in lists:
        make_subscription(person, each, status="pending")
    return Confirmation.objects.create(
        subscriber=person,
        mailing_list_ids=[each.pk for each in lists],
        **{"expires_at": now() + timedelta(days=7), "mail_due_at": now(), **fields},
    )


def confirm_path(asked) -> str:
    return f"/confirm/{tokens.sign_confirm(asked.pk)}"


def test_confirming_takes_a_press_and_shows_what_to(browser):
    news = make_list(name="Morning news", consent_wording="I agree to the morning.")
    asked = ask(lists=[news], tracking="individual")

    page = browser.get(confirm_path(asked)).content.decode()
    response = browser.post(confirm_path(asked), {"answer": "yes", "list": news.pk})

    assert "Morning news" in page
    assert "I agree to the morning." in page
    assert response.status_code == 200
    assert "Welcome" in response.content.decode()
    assert Subscription.objects.get().status == "active"
    assert Subscriber.objects.get().tracking == "individual"
    assert ConsentRecord.objects.filter(action="confirmed", method="confirmation").count() == 1


def test_confirming_twice_is_no_error(browser):
    news = make_list()
    asked = ask(lists=[news])

    for _ in range(2):
        response = browser.post(confirm_path(asked), {"answer": "yes", "list": news.pk})
        assert response.status_code == 200

    assert ConsentRecord.objects.count() == 1


@pytest.mark.parametrize("data", [{}, {"answer": "yes"}, {"answer": "yes", "list": "x"}, ONE_CLICK])
def test_a_post_without_the_page_s_answer_confirms_nothing(browser, data):
    """Mail scanners post, too; they don't know which list to name."""
    asked = ask(lists=[make_list()])

    response = browser.post(confirm_path(asked), data)

    assert response.status_code == 200
    assert Subscription.objects.get().status == "pending"


def test_only_lists_that_were_asked_for_are_confirmed(browser):
    news, other = make_list(), make_list()
    asked = ask(lists=[news])
    make_subscription(asked.subscriber, other, status="pending")

    browser.post(confirm_path(asked), {"answer": "yes", "list": [news.pk, other.pk]})

    states = dict(Subscription.objects.values_list("mailing_list_id", "status"))
    assert states == {news.pk: "active", other.pk: "pending"}


@pytest.mark.parametrize("method", ["get", "post"])
def test_too_late_says_what_to_do(browser, method):
    news = make_list(visibility="public")
    asked = ask(lists=[news], expires_at=now() - timedelta(minutes=1))

    response = getattr(browser, method)(confirm_path(asked), {"answer": "yes", "list": news.pk})

    assert response.status_code == 410
    assert f"/join/{news.slug}" in response.content.decode()
    assert Subscription.objects.get().status == "pending"


def test_a_second_press_that_comes_too_late_is_explained(browser):
    news = make_list(visibility="public")
    asked = ask(lists=[news], expires_at=now() - timedelta(minutes=1), confirmed_at=now())

    response = browser.post(confirm_path(asked), {"answer": "yes", "list": news.pk})

    assert response.status_code == 410
    assert Subscription.objects.get().status == "pending"


def test_the_choice_that_confirming_makes_is_shown(browser):
    asked = ask(lists=[make_list()], tracking="individual")

    undecided = browser.get(confirm_path(asked)).content.decode()
    Subscriber.objects.update(tracking="off")
    decided = browser.get(confirm_path(asked)).content.decode()

    assert "Recorded under my name" in undecided
    assert "Recorded under my name" not in decided


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 19, "\N{SUPERSCRIPT TWO}", "-1", ""])
def test_a_number_that_is_no_list_is_passed_over(browser, number):
    asked = ask(lists=[make_list()])

    confirming = browser.post(confirm_path(asked), {"answer": "yes", "list": number})
    choosing = browser.post(preferences_path(asked.subscriber), {"list": number})

    assert (confirming.status_code, choosing.status_code) == (200, 200)
    assert Subscription.objects.get().status == "pending"


def test_it_was_not_me(browser):
    asked = ask(lists=[make_list()])

    response = browser.post(confirm_path(asked), {"answer": "no"})

    assert response.status_code == 200
    assert Subscription.objects.get().status == "unsubscribed"
    assert confirmation.claim_due(10) == []


# --- Leaving --------------------------------------------------------------------------


def test_one_click_in_both_encodings_leaves_and_may_be_repeated(browser):
    """RFC 8058: no redirect, no cookie, nothing but the signed address and the one pair."""
    for multipart in (False, True):
        news, other = make_list(), make_list()
        person = make_subscriber(lists=[news, other])
        campaign = make_campaign(lists=[news])
        path = f"/u/{tokens.sign_unsubscribe(person.pk, campaign.pk)}"
        body = (
            {"data": ONE_CLICK}
            if multipart
            else {
                "data": "List-Unsubscribe=One-Click",
                "content_type": "application/x-www-form-urlencoded",
            }
        )

        for _ in range(3):
            response = browser.post(path, **body)
            assert response.status_code == 200
            assert not response.cookies

        states = dict(person.subscriptions.values_list("mailing_list_id", "status"))
        assert states == {news.pk: "unsubscribed", other.pk: "active"}
        lines = ConsentRecord.objects.filter(subscriber_id=person.pk)
        assert [(line.method, line.campaign_id) for line in lines] == [("one-click", campaign.pk)]


@pytest.mark.parametrize(
    "data", [{}, {"List-Unsubscribe": "no"}, {"list-unsubscribe": "One-Click"}]
)
def test_a_post_that_says_nothing_asks_again(browser, data):
    news = make_list()
    person = make_subscriber(lists=[news])

    response = browser.post(f"/u/{tokens.sign_unsubscribe(person.pk, 0)}", data)

    assert response.status_code == 400
    assert "Unsubscribe?" in response.content.decode()
    assert Subscription.objects.get().status == "active"


def test_the_button_leaves_and_there_is_a_way_back(browser):
    news = make_list(name="Morning news")
    person = make_subscriber(lists=[news])
    path = f"/u/{tokens.sign_unsubscribe(person.pk, make_campaign(lists=[news]).pk)}"

    asked = browser.get(path).content.decode()
    left = browser.post(path, {"action": "leave"}).content.decode()
    again = browser.get(path).content.decode()
    back = browser.post(path, {"action": "back"}).content.decode()

    assert "Unsubscribe?" in asked
    assert "Morning news" in asked
    for page in (left, again):
        assert "You have left" in page
        assert "Put me back" in page
    assert "Welcome back" in back
    assert Subscription.objects.get().status == "active"


def test_a_link_works_for_somebody_who_was_erased(browser):
    person = make_subscriber()
    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}"
    person.delete()

    assert browser.get(path).status_code == 200
    assert browser.post(path, ONE_CLICK).status_code == 200


def test_an_unsubscribe_token_opens_no_preferences(browser):
    person = make_subscriber()

    assert browser.get(f"/p/{tokens.sign_unsubscribe(person.pk, 0)}").status_code == 404


URLENCODED = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize(
    "kind",
    [
        URLENCODED,
        f"{URLENCODED}; charset=iso-8859-1",
        f"{URLENCODED}; charset=us-ascii",
        f"{URLENCODED}; charset=utf8",
        f'{URLENCODED};charset="utf-8"',
        f"{URLENCODED}; charset=unheard-of",
        URLENCODED.upper(),
    ],
)
def test_what_a_mail_program_adds_does_not_stop_a_person(browser, kind, end, slash):
    person = make_subscriber(lists=[make_list()])
    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}{slash}"
    body = f"List-Unsubscribe=One-Click{end}".encode()

    response = browser.generic("POST", path, body, content_type=kind)

    assert response.status_code == 200
    assert not response.cookies
    assert Subscription.objects.get().status == "unsubscribed"


def test_a_huge_body_is_not_read_to_its_end(browser):
    person = make_subscriber(lists=[make_list()])
    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}"
    body = b"a=b&" * 2_000_000 + b"List-Unsubscribe=One-Click"

    response = browser.generic("POST", path, body, content_type=URLENCODED)

    assert response.status_code == 400
    assert Subscription.objects.get().status == "active"


def test_the_way_back_is_not_open_to_lists_left_in_another_way(browser):
    """Links in confirmation mails have no campaign either, nor has what staff do."""
    lists = [make_list(), make_list()]
    person = make_subscriber(lists=lists)
    for left, method in zip(lists, ["admin", "preferences"], strict=True):
        by = consent.Origin(method=ConsentRecord.Method(method))
        consent.unsubscribe(person.pk, [left.pk], origin=by)
    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}"

    page = browser.get(path).content.decode()
    browser.post(path, {"action": "back"})

    assert "Put me back" not in page
    assert not Subscription.objects.filter(status="active").exists()


def test_the_way_back_confirms_nothing(browser):
    news, waiting = make_list(), make_list()
    person = make_subscriber(lists=[news])
    make_subscription(person, waiting, status="pending")
    path = f"/u/{tokens.sign_unsubscribe(person.pk, make_campaign(lists=[news, waiting]).pk)}"

    browser.post(path, {"action": "leave"})
    browser.post(path, {"action": "back"})

    states = dict(Subscription.objects.values_list("mailing_list_id", "status"))
    assert states == {news.pk: "active", waiting.pk: "unsubscribed"}


# --- Preferences ----------------------------------------------------------------------


def preferences_path(person) -> str:
    return f"/p/{tokens.sign_preferences(person.pk)}"


def test_preferences_never_show_the_address(browser):
    person = make_subscriber(email="ada.lovelace@analytical-engines.example")

    page = browser.get(preferences_path(person)).content.decode()

    assert "lovelace" not in page
    assert "analytical" not in page
    assert "a•••@a•••.example" in page


def test_preferences_save_everything(browser):
    stays, leaves, joins = (make_list(visibility="public", opt_in="double") for _ in range(3))
    person = make_subscriber(name="Ada", lists=[stays, leaves])

    response = browser.post(
        preferences_path(person),
        {
            "list": [stays.pk, joins.pk],
            "name": "Ada Lovelace",
            "language": "fr",
            "tracking": "off",
        },
    )

    assert "Your choices are saved." in response.content.decode()
    states = dict(person.subscriptions.values_list("mailing_list_id", "status"))
    assert states == {stays.pk: "active", leaves.pk: "unsubscribed", joins.pk: "active"}
    person.refresh_from_db()
    assert (person.name, person.language, person.tracking) == ("Ada Lovelace", "fr", "off")
    actions = ConsentRecord.objects.order_by("id").values_list("action", "method")
    assert sorted(actions) == [
        ("subscribed", "preferences"),
        ("tracking", "preferences"),
        ("unsubscribed", "preferences"),
    ]


def test_private_lists_are_seen_by_their_members_only(browser):
    secret = make_list(visibility="private", name="The secret list")
    member, other = make_subscriber(lists=[secret]), make_subscriber()

    browser.post(preferences_path(other), {"list": secret.pk, "name": "", "language": ""})

    assert "The secret list" in browser.get(preferences_path(member)).content.decode()
    assert "The secret list" not in browser.get(preferences_path(other)).content.decode()
    assert not other.subscriptions.exists()


def test_leaving_everything(browser):
    person = make_subscriber(lists=[make_list(), make_list(visibility="public")])

    response = browser.post(preferences_path(person), {"leave": "all"})

    assert "You have left every list" in response.content.decode()
    assert not person.subscriptions.exclude(status="unsubscribed").exists()


def test_tracking_is_not_chosen_for_anyone(browser):
    person = make_subscriber()

    page = Page(browser.get(preferences_path(person)).content.decode())

    assert not [attrs for attrs in page.all("input") if "checked" in attrs]


def test_a_language_that_django_has_no_name_for_is_kept(browser):
    person = make_subscriber(language="tlh-Latn")

    response = browser.post(preferences_path(person), {"name": "", "language": "tlh-latn"})

    assert "Your choices are saved." in response.content.decode()


def test_wrong_choices_change_nothing(browser):
    person = make_subscriber(name="Ada")

    response = browser.post(
        preferences_path(person), {"name": "x" * 201, "language": "none", "tracking": "much"}
    )

    assert response.status_code == 200
    person.refresh_from_db()
    assert (person.name, person.tracking) == ("Ada", "")


def test_the_suppressed_cannot_come_back_by_themselves(browser):
    news = make_list(visibility="public")
    person = make_subscriber()
    origin = consent.Origin(method=ConsentRecord.Method.ADMIN)
    consent.suppress(person.email_key, Suppression.Reason.COMPLAINT, origin=origin)

    response = browser.post(preferences_path(person), {"list": news.pk, "name": "", "language": ""})

    assert "never written to" in response.content.decode()
    assert not person.subscriptions.exists()


# --- The rest -------------------------------------------------------------------------


def test_the_links_in_mail_are_the_addresses_of_the_pages():
    for name, url in (
        ("unsubscribe", tokens.unsubscribe_url(1, 2)),
        ("preferences", tokens.preferences_url(1)),
        ("confirm", tokens.confirm_url(1)),
    ):
        token = url.rsplit("/", 1)[1]
        path = reverse(f"subscribers:{name}", kwargs={"token": token})
        assert url == f"https://news.example.org{path}"
        assert len(token) <= 40


def test_an_unknown_page_is_answered_in_our_looks(browser):
    response = browser.get("/nothing/here")

    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_the_unsubscribe_page_costs_few_queries(browser, django_assert_max_num_queries):
    person = make_subscriber(lists=[make_list() for _ in range(5)])
    path = f"/u/{tokens.sign_unsubscribe(person.pk, 0)}"

    with django_assert_max_num_queries(8):
        browser.get(path)
    assert connection.in_atomic_block
