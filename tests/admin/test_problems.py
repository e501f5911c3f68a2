"""Who has not got a campaign: found, exported, and sent to again."""

import csv
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter import outcomes, problems
from newsletter.models import Batch, Campaign, Deferral, Delivery
from newsletter.problems import Filter
from tests.factories import make_campaign, make_subscriber

pytestmark = pytest.mark.django_db


def url(page, *args) -> str:
    return reverse(f"admin:newsletter_campaign_{page}", args=args)


@pytest.fixture
def campaign() -> Campaign:
    return make_campaign(status="finished", started_at=timezone.now(), audience_size=100)


def fail(campaign, email="", **fields) -> Delivery:
    person = make_subscriber(email=email).pk if email else -Delivery.objects.count() - 1
    fields = {"status": "failed", "reason": "550 no", "at": timezone.now(), **fields}
    return Delivery.objects.create(campaign=campaign, subscriber_id=person, **fields)


def emails(**wanted) -> list[str]:
    return [row.email for row in problems.page(Filter(**wanted)).rows]


def test_filters_find_what_they_say(campaign):
    fail(campaign, "a@gmail.com", cause="mailbox")
    fail(campaign, "b@gmail.com", cause="address")
    fail(campaign, "c@hotmail.com", status="skipped")
    fail(campaign, "d@example.org", status="sent")
    fail(make_campaign(), "e@gmail.com", cause="mailbox")
    here = {"campaign_id": campaign.pk}

    assert emails(**here) == ["c@hotmail.com", "b@gmail.com", "a@gmail.com"]
    assert emails(**here, status="skipped") == ["c@hotmail.com"]
    assert emails(**here, cause="mailbox") == ["a@gmail.com"]
    assert emails(**here, domain="gmail.com") == emails(**here, domain="Gmail")
    assert emails(**here, domain="Microsoft") == ["c@hotmail.com"]
    assert emails(**here, search="B@Gm") == ["b@gmail.com"]
    assert emails(**here, search="@gmail.com", cause="address") == ["b@gmail.com"]
    assert emails(**here, search="nobody") == []


@pytest.mark.parametrize("wanted", [{}, {"cause": "mailbox"}, {"domain": "example.org"}])
def test_pages_hold_everybody_once(campaign, monkeypatch, wanted):
    monkeypatch.setattr(problems, "BUDGET", 5)
    monkeypatch.setattr(problems, "ROUNDS", 1)
    for number in range(40):
        status = ("failed", "skipped", "in_doubt")[number % 3]
        email = f"p{number}@example.{'org' if number % 4 else 'com'}"
        fail(campaign, email, status=status, cause="mailbox" if number % 2 else "")
    chosen = Filter(campaign.pk, **wanted)
    found, before = [], None

    while True:
        page = problems.page(chosen, before, size=3)
        found += [row.place for row in page.rows]
        before = page.next and problems.Place.read(str(page.next))
        if before is None:
            break

    rows = Delivery.objects.filter(campaign=campaign)
    if "cause" in wanted:
        rows = rows.filter(cause="mailbox")
    expected = list(rows.order_by("-at", "-subscriber_id").values_list("at", "subscriber_id"))
    if not wanted.get("domain"):
        assert found == expected
    assert len(found) == len(set(found))
    assert found == sorted(found, reverse=True)
    assert not wanted.get("domain") or len(found) == 30


def test_who_is_asked_to_wait_is_listed_with_the_next_try(admin_client, campaign):
    person = make_subscriber(email="later@example.org")
    batch = Batch.objects.create(campaign=campaign, subscriber_ids=[person.pk], size=1)
    now = timezone.now()
    Deferral.objects.create(
        batch=batch,
        subscriber_id=person.pk,
        reason="451 greylisted",
        since=now,
        at=now,
        due_at=now + timedelta(minutes=5),
    )

    page = admin_client.get(url("problems", campaign.pk), {"status": "deferred"}).content.decode()

    assert "later<wbr>@example.org" in page
    assert "451 greylisted" in page


def test_the_export_is_whole_and_harmless_in_a_spreadsheet(admin_client, campaign):
    for number in range(60):
        fail(campaign, f"p{number}@example.org", reason="=cmd|' /C calc'!A1")
    fail(campaign)  # erased

    answer = admin_client.get(url("problems_csv", campaign.pk), {"status": "failed"})

    rows = list(csv.reader(b"".join(answer.streaming_content).decode().splitlines()))
    assert answer["Content-Type"].startswith("text/csv")
    assert len(rows) == 1 + 61
    assert rows[1][0] == "erased"
    assert rows[2][3].startswith("'=")


def test_nonsense_in_the_address_is_left_out(admin_client, campaign):
    nonsense = {"status": "x", "cause": "x", "before": "9" * 30, "search": "\0a", "domain": "'"}

    assert admin_client.get(url("problems", campaign.pk), nonsense).status_code == 200


@pytest.mark.parametrize(
    ("page", "function", "data", "called"),
    [
        ("retry", "retry_failed", {"cause": "policy"}, {"subscriber_ids": None, "cause": "policy"}),
        ("retry", "retry_failed", {}, {"subscriber_ids": None, "cause": ""}),
        ("resend", "resend_in_doubt", {"ids": ["7", "9"]}, {"subscriber_ids": [7, 9]}),
        ("resend", "resend_in_doubt", {}, {"subscriber_ids": None}),
    ],
)
def test_sending_again_asks_first_and_takes_the_filter(
    admin_client, campaign, monkeypatch, page, function, data, called
):
    calls = []
    monkeypatch.setattr(outcomes, function, lambda pk, **more: calls.append(more) or 3)

    asked = admin_client.get(url(page, campaign.pk), data)
    before = list(calls)
    done = admin_client.post(url(page, campaign.pk), data, follow=True)

    assert asked.status_code == 200
    assert before == []
    assert calls == [called]
    assert "3 people are being sent to again." in done.content.decode()


def test_a_filter_by_people_is_passed_as_people(admin_client, campaign, monkeypatch):
    wanted = fail(campaign, "a@gmail.com")
    fail(campaign, "b@example.org")
    fail(campaign, "c@gmail.com", status="in_doubt")
    calls = []
    monkeypatch.setattr(outcomes, "retry_failed", lambda pk, **more: calls.append(more) or 1)

    admin_client.post(url("retry", campaign.pk), {"domain": "gmail.com"})

    assert calls == [{"subscriber_ids": [wanted.subscriber_id], "cause": ""}]


def test_nobody_to_send_to_is_nobody_not_everybody(admin_client, campaign, monkeypatch):
    fail(campaign, "a@gmail.com")
    calls = []
    monkeypatch.setattr(outcomes, "retry_failed", lambda pk, **more: calls.append(more) or 0)

    admin_client.post(url("retry", campaign.pk), {"domain": "none.example"})

    assert calls == [{"subscriber_ids": [], "cause": ""}]


def test_onlookers_may_not_send_again(staff_client, campaign):
    client = staff_client("newsletter.view_campaign")

    assert client.get(url("problems", campaign.pk)).status_code == 200
    assert client.post(url("retry", campaign.pk)).status_code == 403
    assert client.post(url("resend", campaign.pk)).status_code == 403
