"""`manage.py campaign`, as a person and as a script use it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from newsletter import campaigns
from newsletter.models import Campaign
from subscribers.models import Organisation
from tests.factories import make_campaign, make_list, make_subscriber
from tests.sending.conftest import send, sink  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db


def command(*arguments: object) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("campaign", *map(str, arguments), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def refused(*arguments: object) -> CommandError:
    with pytest.raises(CommandError) as refusal:
        command(*arguments)
    return refusal.value


@pytest.fixture
def body(tmp_path):
    path = tmp_path / "issue.md"
    path.write_text("# Hello {{ subscriber.name }}\n")
    return path


def test_create_prints_the_id_and_guesses_the_format(body):
    lists = [make_list(slug="news"), make_list(slug="sport")]
    arguments = ["--list", "news", "--list", "sport", "--subject", "June", "--body", body]

    out, _ = command("create", *arguments, "--from", "Us <us@example.org>")

    campaign = Campaign.objects.get(pk=int(out))
    assert list(campaign.lists.order_by("id")) == lists
    assert campaign.format == "markdown"
    assert campaign.from_email == "Us <us@example.org>"
    assert campaign.status == "draft"


def test_a_file_that_ends_in_html_is_html(tmp_path):
    make_list(slug="news")
    path = tmp_path / "issue.HTML"
    path.write_text("<p>Hello</p>")

    out, _ = command("create", "--list", "news", "--subject", "x", "--body", path, "--json")

    assert Campaign.objects.get(pk=json.loads(out)["id"]).format == "html"


@pytest.mark.parametrize("address", ["", "12 Quay Street"])
def test_a_missing_postal_address_is_said(body, address):
    make_list(slug="news")
    organisation = Organisation.current()
    organisation.postal_address = address
    organisation.save()

    _, err = command("create", "--list", "news", "--subject", "x", "--body", body)

    assert ("postal address" in err) is not bool(address)


def test_a_mistake_in_the_text_is_refused_with_its_line(tmp_path):
    make_list(slug="news")
    path = tmp_path / "issue.md"
    path.write_text("fine\n\n{% if %}\n")

    refusal = refused("create", "--list", "news", "--subject", "x", "--body", path)

    assert refusal.returncode == 1
    assert "Line 3" in str(refusal)
    assert not Campaign.objects.exists()


def test_what_does_not_exist_is_wrong_usage(body, tmp_path):
    make_list(slug="news")
    fine = ["--list", "news", "--subject", "x", "--body"]

    assert refused("create", "--list", "none", "--subject", "x", "--body", body).returncode == 2
    assert refused("create", *fine, tmp_path / "none.md").returncode == 2
    assert refused("start", 404).returncode == 2
    assert refused("status", 404, "--json").returncode == 2


def test_a_campaign_goes_from_start_to_finish_by_commands(sink):  # noqa: F811
    campaign = make_campaign(people=3)

    command("start", campaign.pk)
    command("pause", campaign.pk)
    command("resume", campaign.pk)
    before = json.loads(command("status", campaign.pk, "--json")[0])
    command("cancel", campaign.pk)
    after = json.loads(command("status", campaign.pk, "--json")[0])

    zeros = {"sent": 0, "failed": 0, "skipped": 0, "in_doubt": 0, "waiting_reason": ""}
    assert before == {"audience": 3, "pending": 3, "state": "running", **zeros}
    assert after == {"audience": 3, "pending": 3, "state": "cancelled", **zeros}


def test_the_wrong_status_is_refused_in_words():
    campaign = make_campaign(people=1)

    refusal = refused("pause", campaign.pk)

    assert refusal.returncode == 1
    assert "is draft" in str(refusal)


def test_the_status_for_people_shows_why_it_waits():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)
    Campaign.objects.update(waiting_reason="the mail server does not answer")

    out, _ = command("status", campaign.pk)

    assert "pending" in out
    assert "the mail server does not answer" in out


@pytest.mark.django_db(transaction=True)
def test_waiting_returns_when_everybody_has_it(sink):  # noqa: F811
    campaign = make_campaign(people=3)
    campaigns.start(campaign.pk)
    send(campaign)

    out, _ = command("status", campaign.pk, "--wait", "--json")

    assert json.loads(out)["sent"] == 3


@pytest.mark.django_db(transaction=True)
def test_waiting_says_by_its_exit_code_that_some_failed(sink):  # noqa: F811
    sink.on_rcpt = lambda who, count: "550 5.1.1 nobody" if who.startswith("gone") else None
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list], email="gone@example.org")
    campaign = make_campaign(people=2, lists=[mailing_list])
    campaigns.start(campaign.pk)
    send(campaign)

    with pytest.raises(SystemExit) as ended:
        command("status", campaign.pk, "--wait")

    assert ended.value.code == 3


def test_waiting_says_by_its_exit_code_that_it_was_stopped():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)
    campaigns.pause(campaign.pk)

    with pytest.raises(SystemExit) as ended:
        command("status", campaign.pk, "--wait")

    assert ended.value.code == 4
