"""Campaigns in the admin: every button calls one function, and says what it says."""

import datetime

import pytest
from django.urls import reverse
from django.utils import timezone

from newsletter import campaigns
from newsletter.admin import campaign_form, sending
from newsletter.models import Batch, Campaign, Template
from subscribers.models import Organisation
from tests.factories import make_campaign, make_list, make_template

pytestmark = pytest.mark.django_db
Status = Campaign.Status


def url(page, *args) -> str:
    return reverse(f"admin:newsletter_campaign_{page}", args=args)


def form(campaign=None, **fields):
    return {
        "subject": "July issue",
        "body": "Hello {{ subscriber.name }}",
        "format": "markdown",
        **fields,
    }


def messages(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# --- writing ----------------------------------------------------------------------------


def test_draft_is_stored_with_its_author(admin_client, admin_user):
    mailing_list = make_list()

    admin_client.post(url("add"), form(lists=[mailing_list.pk], _continue="1"))

    campaign = Campaign.objects.get()
    assert campaign.created_by == admin_user
    assert list(campaign.lists.all()) == [mailing_list]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"body": "One\n\n{% if %}"}, "body", "Line 3"),
        ({"body": "{{ nonsense }}"}, "body", "nonsense"),
        ({"subject": "Hello {{"}, "subject", ""),
        ({"from_email": "not an address"}, "from_email", "name@example.org"),
    ],
)
def test_mistakes_stand_at_their_field(admin_client, fields, field, words):
    response = admin_client.post(url("add"), form(**fields))

    assert words in str(response.context["adminform"].form.errors[field])
    assert not Campaign.objects.exists()


def test_saving_takes_back_no_start_that_came_in_between(admin_client, draft, monkeypatch):
    check = campaign_form.composing.check

    def start_meanwhile(campaign):
        monkeypatch.setattr(campaign_form.composing, "check", check)
        campaigns.start(draft.pk)
        return []

    monkeypatch.setattr(campaign_form.composing, "check", start_meanwhile)

    response = admin_client.post(url("change", draft.pk), form(subject="Too late"))

    stored = Campaign.objects.get(pk=draft.pk)
    assert (stored.status, stored.subject) == (Status.RUNNING, draft.subject)
    assert "Nothing was saved" in response.content.decode()


def test_saving_writes_only_what_the_form_holds(admin_client, draft, monkeypatch):
    lock = campaign_form.CampaignForm._lock_draft

    def note_meanwhile(self):
        lock(self)
        Campaign.objects.filter(pk=draft.pk).update(waiting_reason="Not started: look here")

    monkeypatch.setattr(campaign_form.CampaignForm, "_lock_draft", note_meanwhile)

    admin_client.post(url("change", draft.pk), form(subject="In time"))

    stored = Campaign.objects.get(pk=draft.pk)
    assert (stored.subject, stored.waiting_reason) == ("In time", "Not started: look here")
    assert stored.changed_at > draft.changed_at


def test_a_link_that_is_too_long_encoded_stands_at_the_body(admin_client, draft):
    body = f'<a href="https://example.org/{"漢" * 1000}">here</a>'
    Campaign.objects.filter(pk=draft.pk).update(body=body, format="html")

    saving = admin_client.post(url("change", draft.pk), form(body=body, format="html"))
    starting = admin_client.post(url("start", draft.pk), follow=True)

    assert "Percent-encoded" in str(saving.context["adminform"].form.errors["body"])
    assert "Percent-encoded" in messages(starting)[0]


def test_review_leads_to_the_start_page(admin_client, draft):
    response = admin_client.post(url("change", draft.pk), form(_review="1"))

    assert response.url == url("start", draft.pk)


@pytest.mark.parametrize("status", [each for each in Status if each != Status.DRAFT])
def test_content_is_locked_once_it_has_left_draft(admin_client, status):
    campaign = make_campaign(status=status, scheduled_at=timezone.now())

    response = admin_client.post(url("change", campaign.pk), form(subject="Changed"))

    assert response.status_code == 403
    assert Campaign.objects.get().subject == "June issue"


def test_duplicate_is_a_draft(admin_client, sent_campaign):
    response = admin_client.post(url("duplicate", sent_campaign.pk))

    copy = Campaign.objects.exclude(pk=sent_campaign.pk).get()
    assert response.url == url("change", copy.pk)
    assert copy.status == Status.DRAFT


# --- preview ----------------------------------------------------------------------------


def test_preview_is_of_what_stands_in_the_form(admin_client, reader):
    answer = admin_client.post(
        url("preview"), form(subject="Not stored", _preview_subscriber=reader.pk)
    ).json()

    assert answer["problems"] == []
    assert answer["subject"] == "Not stored"
    assert answer["html"].startswith('<base target="_blank">')
    assert "<script>alert" not in answer["html"]
    assert not Campaign.objects.exists()


def test_preview_names_the_mistake(admin_client):
    answer = admin_client.post(url("preview"), form(body="One\n\n{% if %}")).json()

    assert "Line 3" in answer["problems"][0]
    assert "html" not in answer


def test_check_finds_what_the_preview_overlooks(admin_client):
    answer = admin_client.post(url("preview"), form(body="{{ subscriber.name", _check="1")).json()

    assert answer["problems"][0].startswith("Body: ")


@pytest.mark.parametrize("may_forward", [True, False])
def test_preview_follows_the_lists_in_the_form(admin_client, may_forward):
    lists = [make_list().pk, make_list(forwarding=may_forward).pk, "nonsense"]

    answer = admin_client.post(url("preview"), form(lists=lists)).json()

    assert ("Forward to a friend" in answer["html"]) == may_forward
    assert ("Forward to a friend" in answer["text"]) == may_forward


@pytest.mark.parametrize(("may_forward", "problems"), [(True, 0), (False, 1)])
def test_check_follows_the_lists_in_the_form(admin_client, may_forward, problems):
    lists = [make_list(forwarding=may_forward).pk]
    body = "[Pass it on]({{ forward_url }})"

    answer = admin_client.post(url("preview"), form(lists=lists, body=body, _check="1")).json()

    assert len(answer["problems"]) == problems


def test_preview_of_a_stored_campaign(admin_client, draft):
    answer = admin_client.post(url("preview_stored", draft.pk)).json()

    assert answer["subject"] == draft.subject


def test_frame_of_the_preview_runs_nothing(admin_client, draft):
    page = admin_client.get(url("change", draft.pk)).content.decode()

    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in page
    assert "allow-scripts" not in page
    assert "allow-same-origin" not in page


# --- starting and moving ----------------------------------------------------------------


def test_start_page_says_to_whom_and_starts_nothing(admin_client, draft):
    page = admin_client.get(url("start", draft.pk)).content.decode()

    assert "Send to 1 person now" in page
    assert str(draft.lists.get()) in page
    assert "The Daily Example &lt;news@example.org&gt;" in page
    assert "No postal address" in page
    assert Campaign.objects.get().status == Status.DRAFT


def test_start_page_is_quiet_about_an_address_that_is_there(admin_client, draft):
    Organisation.current()
    Organisation.objects.update(postal_address="1 High Street")

    assert "No postal address" not in admin_client.get(url("start", draft.pk)).content.decode()


def test_start_page_says_that_nobody_would_get_it(admin_client):
    campaign = make_campaign()

    page = admin_client.get(url("start", campaign.pk)).content.decode()

    assert "Nobody would get it" in page
    assert "disabled" in page


def test_start(admin_client, draft):
    response = admin_client.post(url("start", draft.pk), follow=True)

    assert response.redirect_chain[-1][0] == url("progress", draft.pk)
    assert messages(response) == ["Sending has begun."]
    assert Campaign.objects.get().status == Status.RUNNING


def test_refusal_is_said_in_its_own_words(admin_client):
    campaign = make_campaign()

    response = admin_client.post(url("start", campaign.pk), follow=True)

    assert messages(response) == ["Nobody on the campaign's lists may be written to."]


def test_schedule_in_the_persons_own_zone(admin_client, draft):
    day = (timezone.now() + datetime.timedelta(days=30)).date()

    admin_client.post(url("start", draft.pk), {"at": f"{day}T09:30", "zone": "America/New_York"})

    draft.refresh_from_db()
    assert draft.status == Status.SCHEDULED
    there = draft.scheduled_at.astimezone(sending.ZoneInfo("America/New_York"))
    assert f"{there:%Y-%m-%d %H:%M}" == f"{day} 09:30"


@pytest.mark.parametrize("at", ["", "yesterday", "2020-01-01T10:00"])
def test_schedule_needs_a_moment_in_the_future(admin_client, draft, at):
    response = admin_client.post(url("start", draft.pk), {"at": at, "zone": "UTC"}, follow=True)

    assert messages(response) == ["Choose a moment in the future."]
    assert Campaign.objects.get().status == Status.DRAFT


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "\x00"])
def test_unknown_zone_means_the_installations(zone):
    assert sending.local_moment("2030-01-01T10:00", zone) == datetime.datetime(
        2030, 1, 1, 10, tzinfo=datetime.UTC
    )


@pytest.mark.parametrize(
    ("before", "button", "after"),
    [
        (Status.RUNNING, "pause", Status.PAUSED),
        (Status.PAUSED, "resume", Status.RUNNING),
        (Status.RUNNING, "cancel", Status.CANCELLED),
        (Status.SCHEDULED, "unschedule", Status.DRAFT),
    ],
)
def test_moves(admin_client, before, button, after):
    campaign = make_campaign(status=before, scheduled_at=timezone.now())

    response = admin_client.post(url(button, campaign.pk), follow=True)

    assert messages(response) == [sending.DONE_WORDS[button]]
    assert Campaign.objects.get().status == after


def test_move_from_the_wrong_status_is_explained(admin_client, sent_campaign):
    response = admin_client.post(url("pause", sent_campaign.pk), follow=True)

    with pytest.raises(campaigns.WrongStatus) as refusal:
        campaigns.pause(sent_campaign.pk)
    assert messages(response) == [str(refusal.value)]


def test_buttons_need_the_permission_and_a_post(staff_client, admin_client):
    campaign = make_campaign(status=Status.RUNNING)
    looking = staff_client("newsletter.view_campaign")

    for button in ("start", "pause", "resume", "cancel", "unschedule", "duplicate"):
        assert looking.post(url(button, campaign.pk)).status_code == 403
        if button != "start":
            assert admin_client.get(url(button, campaign.pk)).status_code == 405

    assert Campaign.objects.get().status == Status.RUNNING


def test_onlookers_see_no_buttons(staff_client):
    campaign = make_campaign(status=Status.RUNNING, started_at=timezone.now())

    page = staff_client("newsletter.view_campaign").get(url("progress", campaign.pk))

    assert url("pause", campaign.pk) not in page.content.decode()


def test_failed_test_send_is_said(admin_client, draft):
    """The tests' mail server does not answer."""
    response = admin_client.post(
        url("change", draft.pk), form(_test="1", _test_address="me@example.org"), follow=True
    )

    assert any("The mail was not sent" in message for message in messages(response))


def test_test_send_needs_an_address(admin_client, draft):
    response = admin_client.post(
        url("change", draft.pk), form(_test="1", _test_address="me"), follow=True
    )

    assert any("No test was sent" in message for message in messages(response))


# --- on its way, and after --------------------------------------------------------------


def test_the_sum_balances_on_the_page(admin_client, sent_campaign):
    Batch.objects.update(size=10)
    Campaign.objects.update(audience_size=10)

    answer = admin_client.get(url("progress_json", sent_campaign.pk)).json()["text"]

    parts = ("sent", "failed", "skipped", "in_doubt", "pending")
    assert int(answer["audience"]) == sum(int(answer[part]) for part in parts) == 10


def test_page_is_told_to_load_anew_when_it_is_over(admin_client):
    campaign = make_campaign(status=Status.RUNNING)
    address = url("progress_json", campaign.pk)

    assert not admin_client.get(address).json()["done"]
    Campaign.objects.update(status=Status.FINISHED)
    assert admin_client.get(address).json()["done"]


def test_waiting_is_said(admin_client):
    campaign = make_campaign(
        status=Status.RUNNING, waiting_reason="The mail server does not answer."
    )

    answer = admin_client.get(url("progress_json", campaign.pk)).json()

    assert answer["show"] == {"now": True}
    assert "The mail server does not answer." in answer["html"]["now"]


@pytest.mark.parametrize("number", [1, 8])
def test_list_costs_the_same_whatever_its_length(admin_client, number, django_assert_num_queries):
    for _ in range(number):
        make_campaign()

    with django_assert_num_queries(7):  # session, user, lists, count, page, batches, totals
        admin_client.get(url("changelist"))


@pytest.mark.parametrize("number", [1, 8])
def test_dashboard_costs_the_same(admin_client, number, django_assert_num_queries):
    for _ in range(number):
        make_campaign(status=Status.RUNNING, started_at=timezone.now())

    with django_assert_num_queries(13):
        admin_client.get(reverse("admin:index"))


# --- templates --------------------------------------------------------------------------


def test_built_in_template_is_copied_not_changed(admin_client):
    template = make_template(is_builtin=True, name="Frame of ours")
    change = reverse("admin:newsletter_template_change", args=[template.pk])

    assert admin_client.post(change, {"name": "X", "html": "x"}).status_code == 403
    admin_client.post(reverse("admin:newsletter_template_duplicate", args=[template.pk]))

    copy = Template.objects.get(name="Frame of ours (1)")
    assert (copy.is_builtin, copy.html) == (False, template.html)


def test_mistake_in_a_template_stands_at_its_field(admin_client):
    response = admin_client.post(
        reverse("admin:newsletter_template_add"),
        {"name": "Broken", "html": "<html>\n{% for %}\n</html>"},
    )

    assert "Line 2" in str(response.context["adminform"].form.errors["html"])


def test_second_default_is_refused(admin_client):
    first = Template.objects.filter(is_default=True).first() or make_template(is_default=True)
    other = make_template()

    response = admin_client.post(
        reverse("admin:newsletter_template_change", args=[other.pk]),
        {"name": other.name, "html": other.html, "is_default": "on"},
    )

    assert str(first) in str(response.context["adminform"].form.errors["is_default"])


def test_hours_are_said_to_be_those_of_the_installation(admin_client, settings):
    settings.TIME_ZONE = "Europe/London"
    campaign = make_campaign(status=Status.RUNNING)

    page = admin_client.get(url("progress", campaign.pk)).content.decode()

    assert "Hours are those of Europe/London" in page
