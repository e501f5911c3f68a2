"""`manage.py campaign`, as a person and as a script use it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now
from rich.console import Console

from newsletter import campaigns, outcomes
from newsletter.management import watching
from newsletter.models import Campaign, Delivery
from newsletter.problems import Row
from newsletter.situation import situation
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


@pytest.fixture
def one_refused(sink):  # noqa: F811
    """A campaign that two people got, and whose third address the mail server refused."""
    sink.on_rcpt = lambda who, count: "550 5.1.1 nobody" if who.startswith("gone") else None
    mailing_list = make_list()
    make_subscriber(lists=[mailing_list], email="gone@example.org")
    campaign = make_campaign(people=2, lists=[mailing_list])
    campaigns.start(campaign.pk)
    send(campaign)
    return campaign


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

    wanted = {"audience": 3, "pending": 3, "sent": 0, "failed": 0, "skipped": 0, "in_doubt": 0}
    assert before.items() >= {**wanted, "state": "running"}.items()
    assert after.items() >= {**wanted, "state": "cancelled"}.items()
    assert before["servers"][0]["name"].startswith("SMTP_URL (")


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
def test_waiting_says_by_its_exit_code_that_some_failed(one_refused):
    with pytest.raises(SystemExit) as ended:
        command("status", one_refused.pk, "--wait")

    assert ended.value.code == 3


def test_waiting_says_by_its_exit_code_that_it_was_stopped():
    campaign = make_campaign(people=1)
    campaigns.start(campaign.pk)
    campaigns.pause(campaign.pk)

    with pytest.raises(SystemExit) as ended:
        command("status", campaign.pk, "--wait")

    assert ended.value.code == 4


@pytest.mark.django_db(transaction=True)
def test_watching_without_a_terminal_says_lines_and_ends_as_waiting_does(one_refused):
    out = StringIO()

    with pytest.raises(SystemExit) as ended:
        call_command("campaign", "status", str(one_refused.pk), "--watch", stdout=out)

    assert ended.value.code == 3
    assert "finished: 2 sent, 1 failed, 0 skipped, 0 in doubt, 0 pending of 3" in out.getvalue()


def test_the_picture_of_a_campaign_shows_all_of_it(sink):  # noqa: F811
    campaign = make_campaign(people=3, subject="[red]June[/red]", throttle=600)
    campaigns.start(campaign.pk)
    rows = [Row(1, 1, "a@example.org", "failed", "", "550 [bold]no", now())]
    console = Console(width=100, file=StringIO(), force_terminal=True, color_system=None)

    console.print(watching.picture("[red]June[/red]", situation(campaign.pk), rows, 100))

    shown = console.file.getvalue()
    for words in ("[red]June[/red]", "3 pending", "600 a minute", "SMTP_URL", "550 [bold]no"):
        assert words in shown


def test_the_pace_is_changed_by_parts():
    campaign = make_campaign(status=Campaign.Status.RUNNING, throttle=5)

    first, _ = command("pace", campaign.pk, "--days", "mon,tue,wed", "--from", "09:00")
    then, _ = command("pace", campaign.pk, "--throttle", "none", "--until", "17:00")
    last, _ = command("pace", campaign.pk, "--days", "all", "--from", "none", "--until", "none")

    assert first.strip() == "5 a minute, Monday to Wednesday, not before 09:00"
    assert then.strip() == "As fast as the servers take it, Monday to Wednesday, 09:00 to 17:00"
    assert last.strip() == "As fast as the servers take it"


@pytest.mark.parametrize(
    "arguments", [("--throttle", "0"), ("--days", "someday"), ("--from", "25:00")]
)
def test_a_pace_that_is_none_is_wrong_usage(arguments):
    campaign = make_campaign(status=Campaign.Status.RUNNING)

    assert refused("pace", campaign.pk, *arguments).returncode == 2


def test_problems_are_listed_and_written_to_a_new_file_only(tmp_path):
    campaign = make_campaign()
    Delivery.objects.create(
        campaign=campaign,
        subscriber_id=make_subscriber(email="a@example.org").pk,
        status="failed",
        reason="550 no",
        at=now(),
    )
    path = tmp_path / "problems.csv"

    listed, _ = command("problems", campaign.pk, "--status", "failed")
    command("problems", campaign.pk, "--csv", path)

    assert listed == "a@example.org\tFailed\t550 no\n"
    assert "a@example.org,Failed" in path.read_text()
    assert refused("problems", campaign.pk, "--csv", path).returncode == 2


def test_nothing_in_doubt_goes_out_again_unless_somebody_agrees(monkeypatch):
    campaign = make_campaign()
    calls = []
    monkeypatch.setattr(outcomes, "resend_in_doubt", lambda pk: calls.append(pk) or 2)

    refusal = refused("resend-in-doubt", campaign.pk)
    out, _ = command("resend-in-doubt", campaign.pk, "--yes")

    assert refusal.returncode == 1
    assert calls == [campaign.pk]
    assert out == "2 people are sent to again.\n"
