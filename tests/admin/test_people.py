"""Subscribers in the admin: found by an index, changed by the functions that keep the law."""

import pytest
from django.contrib import admin
from django.db import connection
from django.urls import reverse

from newsletter.admin import paginator
from subscribers import consent, suppression
from subscribers.models import (
    ConsentRecord,
    Subscriber,
    Subscription,
    Suppression,
    TrackingChoice,
)
from tests.admin.conftest import STAFF
from tests.factories import make_list, make_subscriber, make_subscription
from tracking.models import Forward

LIST = "admin:subscribers_subscriber_changelist"

pytestmark = pytest.mark.django_db


def press(client, subscriber, button, **data):
    url = reverse(f"admin:subscribers_subscriber_{button}", args=[subscriber.pk])
    response = client.post(url, data, follow=True)
    return [str(message) for message in response.context["messages"]]


def found(client, **query) -> set[str]:
    response = client.get(reverse(LIST), query)
    return {subscriber.email for subscriber in response.context["cl"].result_list}


def test_new_address_is_normalised(admin_client):
    admin_client.post(
        reverse("admin:subscribers_subscriber_add"),
        {"email": "  Ada@Bücher.example ", "name": "Ada", "attributes": "{}"},
    )

    subscriber = Subscriber.objects.get()
    assert subscriber.email == "Ada@Bücher.example"
    assert subscriber.email_key == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"email": "nobody"}, "an address has the form name@example.org"),
        ({"email": "ADA@example.org"}, "There is a subscriber with this address already."),
        ({"attributes": "[1]"}, "Write a JSON object"),
        ({"timezone": "Leeds"}, "Write a name such as Europe/London."),
    ],
)
def test_what_can_not_be_stored_is_said_at_its_field(admin_client, fields, message):
    make_subscriber(email="ada@example.org")
    data = {"email": "new@example.org", "attributes": "{}", **fields}

    response = admin_client.post(reverse("admin:subscribers_subscriber_add"), data)

    assert message in str(response.context["adminform"].form.errors[next(iter(fields))])
    assert Subscriber.objects.count() == 1


def test_a_copy_that_the_new_address_got_follows_the_choice_of_who_has_it_now(admin_client):
    ada = make_subscriber(email="ada@example.org", tracking=TrackingChoice.OFF)
    copy = Forward.objects.create(
        campaign_id=7,
        subscriber_id=0,
        kind=Forward.Kind.FRIEND,
        state=Forward.State.SENT,
        email_hash=suppression.email_hash("new@example.org"),
    )

    admin_client.post(
        reverse("admin:subscribers_subscriber_change", args=[ada.pk]),
        {"email": "new@example.org", "attributes": "{}"},
    )

    copy.refresh_from_db()
    assert copy.tracking == TrackingChoice.OFF


def test_search_looks_for_the_beginning_of_an_address(admin_client):
    for email in ("ada@example.org", "adam@example.org", "lin@ada.example"):
        make_subscriber(email=email)

    assert found(admin_client, q="ADA") == {"ada@example.org", "adam@example.org"}


def test_what_was_found_is_in_the_order_of_addresses_or_as_asked(admin_client):
    for email in ("adam@example.org", "ada@example.org"):
        make_subscriber(email=email)

    usual, asked = (
        admin_client.get(reverse(LIST), {"q": "ada", **order}).context["cl"].result_list
        for order in ({}, {"o": "4"})  # of joining
    )

    assert [each.email for each in usual] == ["ada@example.org", "adam@example.org"]
    assert [each.email for each in asked] == ["adam@example.org", "ada@example.org"]


def test_search_reads_the_index(rf, admin_user):
    """Asked of the planner without what only a small table makes cheaper than the index."""
    request = rf.get("/", {"q": "ada"})
    request.user = admin_user
    listing = admin.site._registry[Subscriber]
    people, _ = listing.get_search_results(request, Subscriber.objects.order_by("-id"), "ada")

    with connection.cursor() as cursor:
        for shortcut in ("seqscan", "bitmapscan", "sort"):
            cursor.execute(f"SET LOCAL enable_{shortcut} = off")
        plan = people.explain()

    assert "Index Cond" in plan
    assert ">= 'ada'" in plan
    assert "Seq Scan" not in plan
    assert "Sort" not in plan


def test_filters(admin_client):
    first, second = make_list(), make_list()
    active = make_subscriber(lists=[first])
    pending = make_subscriber()
    make_subscription(pending, first, status=Subscription.Status.PENDING)
    elsewhere = make_subscriber(lists=[second])
    gone = make_subscriber()
    consent.suppress(gone.email_key, Suppression.Reason.MANUAL, origin=STAFF)

    assert found(admin_client, list=first.pk) == {active.email, pending.email}
    assert found(admin_client, status="active") == {active.email, elsewhere.email}
    assert found(admin_client, list=first.pk, status="active") == {active.email}
    assert found(admin_client, status="suppressed") == {gone.email}


@pytest.mark.parametrize("people", [1, 12])
def test_list_costs_the_same_whatever_its_length(admin_client, people, django_assert_num_queries):
    lists = [make_list(), make_list()]
    for _ in range(people):
        make_subscriber(lists=lists)

    with django_assert_num_queries(6):  # session, user, lists, count, page, subscriptions
        admin_client.get(reverse(LIST))


@pytest.mark.parametrize(
    ("people", "costly", "is_exact"),
    [(2, 0, True), (3, 0, False), (3, 10**9, True), (4, 10**9, True), (5, 10**9, False)],
)
def test_long_list_is_not_counted(monkeypatch, people, costly, is_exact):
    monkeypatch.setattr(paginator, "EXACT_ANYWAY", 2)
    monkeypatch.setattr(paginator, "EXACT_BELOW", 4)
    monkeypatch.setattr(paginator, "COSTLY", costly)
    for _ in range(people):
        make_subscriber()

    pages = paginator.EstimatedPaginator(Subscriber.objects.order_by("id"), 2)

    assert pages.estimated is not is_exact
    assert pages.count == people if is_exact else pages.count > 2


def test_staff_put_a_person_on_a_list_with_a_note(admin_client, admin_user):
    subscriber, mailing_list = make_subscriber(), make_list()

    messages = press(
        admin_client, subscriber, "subscribe", list=mailing_list.pk, evidence="Form of 3 June"
    )

    assert messages == [f"Now on “{mailing_list}”."]
    assert subscriber.subscriptions.get().status == Subscription.Status.ACTIVE
    line = ConsentRecord.objects.get()
    assert (line.method, line.staff_id) == (ConsentRecord.Method.ADMIN, admin_user.pk)
    assert line.evidence == {"note": "Form of 3 June"}


@pytest.mark.parametrize("chosen", ["", "no-number", "9" * 30])
def test_a_list_that_is_none_is_not_joined_and_no_error(admin_client, chosen):
    subscriber = make_subscriber()
    page = reverse("admin:subscribers_subscriber_subscribe", args=[subscriber.pk])

    response = admin_client.post(page, {"list": chosen, "evidence": "Form of 3 June"})

    assert response.status_code == 404
    assert not subscriber.subscriptions.exists()


def test_nobody_is_put_on_a_list_without_a_note(admin_client):
    subscriber, mailing_list = make_subscriber(), make_list()

    messages = press(admin_client, subscriber, "subscribe", list=mailing_list.pk, evidence=" ")

    assert "how this person agreed" in messages[0]
    assert not subscriber.subscriptions.exists()


def test_suppressed_person_stays_off_lists_until_allowed_again(admin_client):
    subscriber, mailing_list = make_subscriber(), make_list()
    data = {"list": mailing_list.pk, "evidence": "Form"}

    press(admin_client, subscriber, "suppress")
    refused = press(admin_client, subscriber, "subscribe", **data)
    press(admin_client, subscriber, "unsuppress")
    press(admin_client, subscriber, "subscribe", **data)

    assert refused == ["This person is suppressed, so they can't be put on a list."]
    assert subscriber.subscriptions.get().status == Subscription.Status.ACTIVE


def test_unsubscribing_leaves_a_line(admin_client):
    mailing_list = make_list()
    subscriber = make_subscriber(lists=[mailing_list])

    messages = press(admin_client, subscriber, "unsubscribe", list=mailing_list.pk)

    assert messages == [f"Left “{mailing_list}”."]
    assert ConsentRecord.objects.get().action == ConsentRecord.Action.UNSUBSCRIBED


def test_tracking_choice_leaves_a_line(admin_client):
    subscriber = make_subscriber()

    press(admin_client, subscriber, "tracking", tracking="off")

    subscriber.refresh_from_db()
    assert subscriber.tracking == "off"
    assert ConsentRecord.objects.get().action == ConsentRecord.Action.TRACKING


def test_erasing_asks_first(admin_client):
    subscriber = make_subscriber()
    url = reverse("admin:subscribers_subscriber_erase", args=[subscriber.pk])

    admin_client.get(url)
    assert Subscriber.objects.exists()
    admin_client.post(url)

    assert not Subscriber.objects.exists()


def test_buttons_need_the_permission(staff_client):
    subscriber = make_subscriber()
    client = staff_client("subscribers.view_subscriber")

    for button in ("subscribe", "unsubscribe", "suppress", "unsuppress", "tracking", "erase"):
        url = reverse(f"admin:subscribers_subscriber_{button}", args=[subscriber.pk])
        assert client.post(url).status_code == 403

    assert not Suppression.objects.exists()


def test_no_button_acts_on_a_get(admin_client):
    subscriber = make_subscriber()

    for button in ("subscribe", "unsubscribe", "suppress", "unsuppress", "tracking"):
        url = reverse(f"admin:subscribers_subscriber_{button}", args=[subscriber.pk])
        assert admin_client.get(url).status_code == 405


def test_people_can_not_be_deleted_in_bulk(admin_client):
    subscriber = make_subscriber()

    admin_client.post(
        reverse(LIST), {"action": "delete_selected", "_selected_action": subscriber.pk}
    )

    assert Subscriber.objects.exists()


def test_suppression_keeps_a_hash_and_ends_subscriptions(admin_client):
    subscriber = make_subscriber(email="ada@example.org", lists=[make_list()])

    admin_client.post(
        reverse("admin:subscribers_suppression_add"),
        {"email": "ADA@example.org", "reason": "objection"},
    )

    assert Suppression.objects.get().email_hash == subscriber.email_hash
    assert subscriber.subscriptions.get().status == Subscription.Status.UNSUBSCRIBED


def test_suppression_is_found_by_its_whole_address(admin_client):
    consent.suppress("ada@example.org", Suppression.Reason.MANUAL, origin=STAFF)
    url = reverse("admin:subscribers_suppression_changelist")

    assert admin_client.get(url, {"q": "Ada@example.org"}).context["cl"].result_count == 1
    assert admin_client.get(url, {"q": "lin@example.org"}).context["cl"].result_count == 0


def test_ledger_can_not_be_edited(admin_client, everything):
    record = ConsentRecord.objects.first()
    url = reverse("admin:subscribers_consentrecord_change", args=[record.pk])

    assert admin_client.post(url, {"action": "confirmed"}).status_code == 403
    assert admin_client.post(url.replace("change", "delete")).status_code == 403
