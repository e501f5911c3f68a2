"""`manage.py server`, as a person and as a script use it."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from newsletter import vault
from newsletter.models import SendingServer
from newsletter.sending import rows
from tests.factories import make_campaign
from tests.sending.conftest import sink  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db


def command(*arguments: object) -> str:
    out = StringIO()
    call_command("server", *map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_password_comes_from_a_file_and_is_sealed(tmp_path):
    path = tmp_path / "password"
    path.write_text("correct horse\n")

    pk = int(
        command(
            *("add", "Relay", "relay.example.org", "--username", "news"),
            *("--password-file", path, "--per-hour", "500", "--from-domain", "Example.org"),
        )
    )

    server = SendingServer.objects.get(pk=pk)
    assert vault.unseal(server.password_sealed, rows.PASSWORD) == "correct horse"
    assert (server.per_hour, server.from_domains) == (500, ["example.org"])
    assert "correct horse" not in command("list")


def test_it_is_listed_switched_off_and_on():
    command("add", "Relay", "relay.example.org")

    before = command("list")
    command("disable", "Relay")
    off = command("list")
    command("enable", str(SendingServer.objects.get().pk))

    assert "Relay\t" in before and "switched off" not in before
    assert "Relay\tswitched off" in off
    assert SendingServer.objects.get().is_active


def test_switching_one_on_lets_what_waits_go_on():
    command("add", "Relay", "relay.example.org", "--off")
    campaign = make_campaign(status="running", retry_at=now() + timedelta(hours=1))

    command("enable", "Relay")

    campaign.refresh_from_db()
    assert campaign.retry_at is None


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "Relay", "relay.example.org", "--username", "news"),  # and no password
        ("add", "Relay", "relay.example.org", "--port", "70000"),
        ("add", "Relay", "relay.example.org", "--per-minute", "0"),
        ("add", "Relay", "relay.example.org", "--from-domain", "no domain"),
        ("add", "Relay", "no host"),
        ("enable", "nobody"),
        ("test", "nobody"),
    ],
)
def test_what_can_not_be_is_wrong_usage(arguments):
    with pytest.raises(CommandError) as refusal:
        command(*arguments)

    assert refusal.value.returncode == 2
    assert not SendingServer.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_test_says_what_the_server_offers(sink):  # noqa: F811
    said = command("test", "0")

    assert "It answered in" in said
    assert "Not encrypted" in said


def test_a_server_that_does_not_answer_fails_the_test():
    command("add", "Nobody", "127.0.0.1", "--port", "9", "--tls", "none")

    with pytest.raises(CommandError) as refusal:
        command("test", "Nobody")

    assert refusal.value.returncode == 1
