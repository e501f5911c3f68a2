"""Nobody's mailbox is flooded through our forms, and nobody waits for a mail in vain."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.utils.timezone import now

from subscribers import addresses, confirmation, consent, joining
from subscribers.models import (
    Confirmation,
    ConsentRecord,
    Organisation,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)
from tests.factories import make_list, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db


def join(origin, *lists, email="ada@example.org", **wish) -> None:
    address = addresses.parse(email)
    joining.join(joining.Wish(address=address, **wish), lists, origin=origin)


def mails() -> list[confirmation.DueConfirmation]:
    """Send what is due."""
    due = confirmation.claim_due(100)
    for mail in due:
        confirmation.mark_sent(mail.id)
    return due


def test_one_mail_in_24_hours_over_all_lists(origin):
    lists = [make_list(visibility="public") for _ in range(3)]
    with time_machine.travel(now(), tick=False) as clock:
        sent = []
        for hour in range(24):
            join(origin, lists[hour % 3])
            sent += mails()
            clock.shift(timedelta(minutes=59))
        assert len(sent) == 1

        clock.shift(timedelta(hours=1))
        join(origin, lists[0])

        assert len(mails()) == 1


def test_ten_thousand_forms_for_one_victim_are_one_mail(origin):
    """In small: a hundred."""
    news = make_list(visibility="public")

    for _ in range(100):
        join(origin, news)

    assert len(mails()) == 1
    assert Confirmation.objects.count() == 1
    assert ConsentRecord.objects.count() == 1


def test_the_lists_of_a_second_form_stand_on_the_page_of_the_first_mail(origin):
    first, second = make_list(name="A"), make_list(name="B")
    join(origin, first)
    [mail] = mails()

    join(origin, second)

    asked = Confirmation.objects.get(pk=mail.id)
    assert confirmation.waiting_lists(asked) == [first, second]


def test_who_answered_gets_the_next_mail_at_once(origin):
    first, second = make_list(), make_list()
    join(origin, first)
    [mail] = mails()
    confirmation.confirm(mail.id, [first.pk], origin=origin)

    join(origin, second)

    assert [due.waiting for due in mails()] == [(second.name,)]


def test_who_is_on_the_list_is_told_so_by_mail(origin):
    news = make_list(name="Morning news", opt_in="double")
    make_subscriber(email="ada@example.org", name="Ada", lists=[news])

    join(origin, news)

    [mail] = mails()
    subject, text, html = confirmation.render_mail(mail)
    assert mail.waiting == ()
    assert subject == "You are on the list already: Morning news"
    for part in (text, html):
        assert mail.preferences_url in part
        assert "/confirm/" not in part


def test_the_mail_asks_and_advertises_nothing(origin):
    Organisation.objects.create(
        id=1, name="Quay & Co", postal_address="1 Quay\nLeeds", contact_email="us@example.org"
    )
    news = make_list(name="News <now>", description="Buy our boats!")
    join(origin, news, name="Cheap pills http://spam.example")

    [mail] = mails()
    subject, text, html = confirmation.render_mail(mail)

    assert subject == "Please confirm: News <now>"
    assert "News <now>" in text
    assert "Quay & Co" in text
    assert "News &lt;now&gt;" in html
    assert "Quay &amp; Co" in html
    for part in (subject, text, html):
        assert "boats" not in part
        assert "spam.example" not in part
    for part in (text, html):
        assert mail.confirm_url in part
        assert "1 Quay" in part
    assert mail.name == ""
    assert mail.confirm_url.startswith("https://news.example.org/confirm/")


@pytest.mark.parametrize("change", ["left", "suppressed"])
def test_nothing_is_sent_to_who_changed_their_mind_before_the_mail(origin, change):
    news = make_list()
    join(origin, news)
    person = Subscriber.objects.get()
    if change == "left":
        consent.unsubscribe(person.pk, origin=origin)
    else:
        consent.suppress(person.email_key, Suppression.Reason.OBJECTION, origin=origin)

    assert confirmation.claim_due(10) == []
    assert not Confirmation.objects.filter(mail_due_at__isnull=False).exists()


def test_a_dead_sender_is_followed_by_another(origin):
    join(origin, make_list())
    with time_machine.travel(now(), tick=False) as clock:
        assert len(confirmation.claim_due(10)) == 1
        assert confirmation.claim_due(10) == []

        clock.shift(confirmation.CLAIM + timedelta(seconds=1))

        assert len(confirmation.claim_due(10)) == 1


def test_a_mail_that_fails_is_tried_again_and_given_up_at_last(origin):
    join(origin, make_list())
    tries = 0
    with time_machine.travel(now(), tick=False) as clock:
        for _ in range(60 * 24):
            for due in confirmation.claim_due(10):
                confirmation.mark_failed(due.id)
                tries += 1
            clock.shift(timedelta(minutes=1))

    assert tries == confirmation.ATTEMPTS


def test_a_final_refusal_is_not_tried_again(origin):
    join(origin, make_list())
    [due] = confirmation.claim_due(10)

    confirmation.mark_failed(due.id, permanent=True)

    assert not Confirmation.objects.filter(mail_due_at__isnull=False).exists()


def test_no_more_than_the_limit_leave_in_an_hour(origin, settings):
    settings.CONFIRMATION_LIMIT = 5
    news = make_list()
    for number in range(12):
        join(origin, news, email=f"reader{number}@example.org")
    with time_machine.travel(now(), tick=False) as clock:
        counts = []
        for _ in range(4):
            counts.append(len(mails()))
            clock.shift(timedelta(minutes=61))

    assert counts == [5, 5, 2, 0]


def test_a_choice_in_the_form_counts_when_it_is_confirmed(origin):
    news = make_list()
    join(origin, news, tracking=TrackingChoice.INDIVIDUAL)
    assert Subscriber.objects.get().tracking == ""
    [mail] = mails()

    confirmation.confirm(mail.id, [news.pk], origin=origin)

    assert Subscriber.objects.get().tracking == "individual"


def test_who_never_answered_is_forgotten(origin):
    news = make_list()
    stays = make_subscriber(email="stays@example.org", lists=[news])
    join(origin, news, email="stays@example.org")
    join(origin, news, email="never@example.org")

    assert confirmation.tidy() == 0
    with time_machine.travel(now() + timedelta(days=60)):
        assert confirmation.tidy() == 1

    assert list(Subscriber.objects.all()) == [stays]
    assert not Confirmation.objects.exists()
    assert not ConsentRecord.objects.exclude(subscriber_id=stays.pk).exists()


def test_who_asks_again_after_a_month_is_not_forgotten(origin):
    news = make_list()
    join(origin, news)
    with time_machine.travel(now() + timedelta(days=38)):
        join(origin, news)

        assert confirmation.tidy() == 0

    assert Subscriber.objects.exists()
    assert Confirmation.objects.count() == 1


@pytest.mark.parametrize("permanent", [True, False])
def test_a_mail_that_was_given_up_is_sent_when_they_ask_again(origin, permanent):
    news = make_list()
    join(origin, news)
    [due] = confirmation.claim_due(10)
    Confirmation.objects.update(mail_attempts=confirmation.ATTEMPTS)
    confirmation.mark_failed(due.id, permanent=permanent)
    assert mails() == []

    join(origin, news)

    assert [mail.id for mail in mails()] == [due.id]
    join(origin, news)
    assert mails() == []


def test_being_told_they_are_on_one_list_does_not_keep_them_off_another(origin):
    first, second = make_list(), make_list()
    make_subscriber(email="ada@example.org", lists=[first])
    join(origin, first)
    [told] = mails()
    assert told.waiting == ()

    sent = []
    for mailing_list in (second, first, second):
        join(origin, mailing_list)
        sent += mails()

    assert [mail.waiting for mail in sent] == [(second.name,)]


def test_a_strangers_tick_does_not_change_a_choice(origin):
    news = make_list()
    make_subscriber(email="ada@example.org", tracking="off")
    join(origin, news, tracking=TrackingChoice.INDIVIDUAL)
    [mail] = mails()

    confirmation.confirm(mail.id, [news.pk], origin=origin)

    assert Subscriber.objects.get().tracking == "off"
    assert not ConsentRecord.objects.filter(action="tracking").exists()


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ("individual", "off", "off"),
        ("off", "individual", "off"),
        ("individual", "aggregate", "aggregate"),
        ("individual", None, ""),  # no choice: the default, which is `aggregate` here
        (None, "individual", ""),
        (None, "off", "off"),
    ],
)
def test_of_two_forms_the_choice_that_records_less_is_kept(origin, settings, first, second, kept):
    settings.TRACKING_DEFAULT = "aggregate"
    news = make_list()

    for choice in (first, second):
        join(origin, news, tracking=choice and TrackingChoice(choice))

    assert Confirmation.objects.get().tracking == kept


@pytest.mark.django_db(transaction=True)
def test_two_senders_never_get_the_same_mail(origin):
    news = make_list()
    for number in range(40):
        person = make_subscriber(email=f"reader{number}@example.org")
        make_subscription(person, news, status="pending")
        confirmation.request(person.pk, [news.pk], tracking=None, origin=origin)

    def claim(_: int) -> list[int]:
        try:
            return [due.id for due in confirmation.claim_due(10)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as senders:
        claimed = [number for batch in senders.map(claim, range(8)) for number in batch]

    assert len(claimed) == len(set(claimed)) == 40


@pytest.mark.django_db(transaction=True)
def test_forms_at_once_make_one_person_and_one_mail(origin):
    news = make_list()

    def fill_in(_: int) -> None:
        try:
            join(origin, news)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as forms:
        list(forms.map(fill_in, range(16)))

    assert Subscription.objects.count() == Confirmation.objects.count() == 1
    assert len(mails()) == 1
