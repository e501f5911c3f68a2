"""Every change to a subscription is one function and one line in the ledger."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from subscribers import consent
from subscribers.consent import Origin
from subscribers.models import ConsentRecord, MailingList, Subscription, Suppression, TrackingChoice
from tests.factories import make_campaign, make_list, make_subscriber, make_subscription

pytestmark = pytest.mark.django_db
Status, Action = Subscription.Status, ConsentRecord.Action


def ledger(subscriber) -> list[str]:
    lines = ConsentRecord.objects.filter(subscriber_id=subscriber.pk).order_by("id")
    return [line.action for line in lines]


def state(subscriber, mailing_list) -> str | None:
    found = Subscription.objects.filter(subscriber=subscriber, mailing_list=mailing_list)
    return found.values_list("status", flat=True).first()


def test_single_opt_in_makes_active(origin):
    person, news = make_subscriber(), make_list(opt_in="single", consent_wording="Yes, please.")

    assert consent.subscribe(person.pk, news, origin=origin) == Status.ACTIVE

    assert state(person, news) == "active"
    line = ConsentRecord.objects.get()
    assert (line.action, line.method, line.wording) == ("subscribed", "form", "Yes, please.")
    assert (line.ip, line.user_agent, line.mailing_list_id) == ("203.0.113.7", "Browser", news.pk)


def test_double_opt_in_waits(origin):
    person, news = make_subscriber(), make_list(opt_in="double")

    assert consent.subscribe(person.pk, news, origin=origin) == Status.PENDING

    assert state(person, news) == "pending"
    assert ledger(person) == [Action.REQUESTED]


def test_asking_twice_changes_and_records_nothing(origin):
    person, news = make_subscriber(), make_list(opt_in="double")
    consent.subscribe(person.pk, news, origin=origin)

    assert consent.subscribe(person.pk, news, origin=origin) == Status.PENDING

    assert ledger(person) == [Action.REQUESTED]


def test_a_form_never_makes_an_active_person_wait(origin):
    news = make_list(opt_in="double")
    person = make_subscriber(lists=[news])

    assert consent.subscribe(person.pk, news, origin=origin) == Status.ACTIVE

    assert ledger(person) == []


@pytest.mark.parametrize("opt_in", ["single", "double"])
def test_who_left_is_asked_by_mail_whatever_the_list(origin, opt_in):
    person, news = make_subscriber(), make_list(opt_in=opt_in)
    make_subscription(person, news, status="unsubscribed")

    assert consent.subscribe(person.pk, news, origin=origin) == Status.PENDING


def test_who_left_comes_back_by_their_own_link(origin):
    person, news = make_subscriber(), make_list()
    make_subscription(person, news, status="unsubscribed")

    assert consent.subscribe(person.pk, news, origin=origin, verified=True) == Status.ACTIVE


def test_the_suppressed_join_nothing(origin):
    person, news = make_subscriber(), make_list(opt_in="single")
    make_subscription(person, make_list(), status="pending")
    consent.suppress(person.email_key, Suppression.Reason.OBJECTION, origin=origin)

    assert consent.subscribe(person.pk, news, origin=origin, verified=True) is None
    assert consent.confirm(person.pk, [news.pk], origin=origin) == []
    assert consent.resubscribe(person.pk, origin=origin) == []

    assert not Subscription.objects.filter(subscriber=person).exclude(status="unsubscribed")


def test_confirming_makes_active_once(origin):
    person, news = make_subscriber(), make_list()
    consent.subscribe(person.pk, news, origin=origin)

    assert consent.confirm(person.pk, [news.pk], origin=origin) == [news]
    assert consent.confirm(person.pk, [news.pk], origin=origin) == []

    assert state(person, news) == "active"
    assert ledger(person) == [Action.REQUESTED, Action.CONFIRMED]


def test_confirming_does_not_bring_back_who_left_meanwhile(origin):
    person, news = make_subscriber(), make_list()
    consent.subscribe(person.pk, news, origin=origin)
    consent.unsubscribe(person.pk, origin=origin)

    assert consent.confirm(person.pk, [news.pk], origin=origin) == []

    assert state(person, news) == "unsubscribed"


def test_leaving_one_list_leaves_the_others(origin):
    first, second = make_list(), make_list()
    person = make_subscriber(lists=[first, second])

    assert consent.unsubscribe(person.pk, [first.pk], origin=origin) == [first]
    assert consent.unsubscribe(person.pk, [first.pk], origin=origin) == []

    assert (state(person, first), state(person, second)) == ("unsubscribed", "active")
    assert ledger(person) == [Action.UNSUBSCRIBED]


def test_leaving_all_ends_a_request_that_waits(origin):
    news, waits = make_list(name="A"), make_list(name="B")
    person = make_subscriber(lists=[news])
    make_subscription(person, waits, status="pending")

    assert consent.unsubscribe(person.pk, origin=origin) == [news, waits]


def test_leaving_by_a_campaign_leaves_its_lists_only(settings, origin):
    first, second = make_list(), make_list()
    person = make_subscriber(lists=[first, second])
    campaign = make_campaign(lists=[first])
    settings.CAMPAIGN_LISTS = "tests.subscribers.test_consent.lists_of_campaigns"
    LISTS[campaign.pk] = [first.pk]

    left = consent.unsubscribe_campaign(person.pk, origin=by_mail(campaign.pk))

    assert left == [first]
    assert state(person, second) == "active"
    assert ConsentRecord.objects.get().campaign_id == campaign.pk


def test_leaving_by_a_campaign_that_nobody_knows_leaves_everything(settings):
    settings.CAMPAIGN_LISTS = "tests.subscribers.test_consent.lists_of_campaigns"
    person = make_subscriber(lists=[make_list(), make_list()])

    assert len(consent.unsubscribe_campaign(person.pk, origin=by_mail(987_654))) == 2


def test_the_way_back_undoes_this_leaving_and_no_other(origin):
    first, second = make_list(), make_list()
    person = make_subscriber(lists=[first, second])
    consent.unsubscribe(person.pk, [first.pk], origin=by_mail(7))
    consent.unsubscribe(person.pk, [second.pk], origin=origin)

    assert consent.resubscribe(person.pk, origin=by_mail(7)) == [first]
    assert consent.resubscribe(person.pk, origin=by_mail(7)) == []

    assert (state(person, first), state(person, second)) == ("active", "unsubscribed")


@pytest.mark.parametrize("method", ["admin", "preferences", "confirmation", "form"])
def test_there_is_no_way_back_by_link_from_another_way_out(method):
    news = make_list()
    person = make_subscriber(lists=[news])
    consent.unsubscribe(person.pk, origin=Origin(method=ConsentRecord.Method(method)))

    assert consent.resubscribe(person.pk, origin=by_mail(0)) == []

    assert state(person, news) == "unsubscribed"


def test_leaving_records_the_state_that_was_left(origin):
    news, waiting = make_list(), make_list()
    person = make_subscriber(lists=[news])
    make_subscription(person, waiting, status="pending")

    consent.unsubscribe(person.pk, origin=origin)

    lines = ConsentRecord.objects.values_list("mailing_list_id", "evidence__before")
    assert dict(lines) == {news.pk: "active", waiting.pk: "pending"}


def test_suppressing_ends_everything_and_can_be_lifted(origin):
    news = make_list()
    person = make_subscriber(lists=[news])

    assert consent.suppress(person.email_key, Suppression.Reason.MANUAL, origin=origin) is True
    assert consent.suppress(person.email_key, Suppression.Reason.MANUAL, origin=origin) is False
    assert consent.is_suppressed(person)
    assert consent.unsuppress(person.email_key, origin=origin) is True
    assert consent.unsuppress(person.email_key, origin=origin) is False

    assert state(person, news) == "unsubscribed"
    assert ledger(person) == [Action.UNSUBSCRIBED, Action.SUPPRESSED, Action.UNSUPPRESSED]


def test_an_unknown_address_can_be_suppressed(origin):
    assert consent.suppress("stranger@example.org", Suppression.Reason.MANUAL, origin=origin)

    assert not ConsentRecord.objects.exists()


def test_the_choice_of_tracking_is_recorded_when_it_changes(origin):
    person = make_subscriber()

    assert consent.choose_tracking(person.pk, TrackingChoice.INDIVIDUAL, origin=origin) is True
    assert consent.choose_tracking(person.pk, TrackingChoice.INDIVIDUAL, origin=origin) is False

    assert ledger(person) == [Action.TRACKING]
    assert ConsentRecord.objects.get().evidence["choice"] == "individual"


def test_nothing_is_done_for_nobody(origin):
    news = make_list()

    assert consent.subscribe(404, news, origin=origin) is None
    assert consent.confirm(404, [news.pk], origin=origin) == []
    assert consent.unsubscribe(404, origin=origin) == []
    assert consent.choose_tracking(404, TrackingChoice.OFF, origin=origin) is False

    assert not ConsentRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_hundred_clicks_at_once_leave_once(origin):
    news = make_list()
    person = make_subscriber(lists=[news])

    def leave(_: int) -> list[MailingList]:
        try:
            return consent.unsubscribe(person.pk, origin=origin)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as clicks:
        answers = list(clicks.map(leave, range(100)))

    assert sum(map(len, answers)) == 1
    assert ledger(person) == [Action.UNSUBSCRIBED]


@pytest.mark.django_db(transaction=True)
def test_joining_at_once_joins_once(origin):
    person, news = make_subscriber(), make_list(opt_in="single")

    def join(_: int) -> str | None:
        try:
            return consent.subscribe(person.pk, news, origin=origin)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as forms:
        answers = list(forms.map(join, range(16)))

    assert set(answers) == {Status.ACTIVE}
    assert ledger(person) == [Action.SUBSCRIBED]


LISTS: dict[int, list[int]] = {}


def lists_of_campaigns(campaign_ids: Iterable[int]) -> dict[int, list[int]]:
    """Play newsletter.audience.lists_of_campaigns."""
    return {campaign_id: LISTS.get(campaign_id, []) for campaign_id in campaign_ids}


def by_mail(campaign_id: int) -> Origin:
    return Origin(method=ConsentRecord.Method.ONE_CLICK, campaign_id=campaign_id)
