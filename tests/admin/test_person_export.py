"""One person's data as a file: all that is held, and nothing of anybody else."""

import io
import json
import logging
import stat
import sys

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils.timezone import now

from newsletter.models import Batch, Campaign, Deferral, Delivery
from newsletter.person_export import as_json
from subscribers import consent, erase
from subscribers.consent import Origin
from subscribers.models import ConsentRecord, Subscriber, Suppression, TrackingChoice
from tests.factories import make_campaign, make_list, make_subscriber
from tests.tracking import makers
from tests.tracking.makers import clicked, opened
from tracking import links
from tracking.models import Forward, LastReading

pytestmark = pytest.mark.django_db

FORM = Origin(method=ConsentRecord.Method.FORM, ip="192.0.2.1", user_agent="Firefox")
ADDRESS = "ada@example.org"


def read(person: Subscriber) -> dict:
    return json.loads(b"".join(as_json(person)))


@pytest.fixture
def campaign() -> Campaign:
    make_campaign(subject="Not theirs")
    return make_campaign(subject="June issue", started_at=now(), status="running")


@pytest.fixture
def ada(campaign, settings) -> Subscriber:
    """Somebody of whom each table holds something, and bob, of whom it holds as much."""
    settings.TRACKING_DEFAULT = "individual"
    story = links.ensure(campaign.pk, ["https://example.org/story"])["https://example.org/story"]
    news = make_list(name="News")
    people = [
        make_subscriber(email=email, name=name, attributes={"city": f"{name}'s city"})
        for email, name in ((ADDRESS, "Ada"), ("bob@example.org", "Bob"))
    ]
    for person, friend in zip(people, reversed(people), strict=True):
        consent.subscribe(person.pk, news, origin=FORM, verified=True)
        makers.store([opened(person.pk, campaign.pk), clicked(story, person.pk, campaign.pk)])
        LastReading.objects.create(subscriber_id=person.pk, read_at=now(), opened_at=now())
        Delivery.objects.create(
            campaign=campaign, subscriber_id=person.pk, status="sent", reason="250 ok", at=now()
        )
        Forward.objects.create(
            campaign_id=campaign.pk,
            subscriber_id=person.pk,
            kind=Forward.Kind.FRIEND,
            state=Forward.State.ASKED,
            address=f"friend-of-{person.email}",
            sender_name=f"{person.name} herself",
            email_hash=friend.email_hash,
        )
    return people[0]


def test_all_that_is_held_is_there(ada, campaign):
    found = read(ada)

    assert found["profile"]["email"] == ADDRESS
    assert found["profile"]["attributes"] == {"city": "Ada's city"}
    assert found["suppression"] is None
    assert [(row["list"], row["status"]) for row in found["subscriptions"]] == [("News", "active")]
    (line,) = found["consent"]
    assert (line["list"], line["action"], line["ip"]) == ("News", "subscribed", "192.0.2.1")
    (mail,) = found["mails"]
    assert (mail["campaign_id"], mail["outcome"], mail["reason"]) == (campaign.pk, "sent", "250 ok")
    assert [row["kind"] for row in found["events"]] == ["open", "click"]
    assert found["events"][1]["url"] == "https://example.org/story"
    assert found["events"][0]["network"] == "203.0.113.0"
    for kind, rows in (("opens", "reading"), ("clicks", "reading"), ("clicks", "links_followed")):
        assert [row[kind] + row[f"machine_{kind}"] for row in found[rows]] == [1]
    assert [row["sender_name"] for row in found["forwards_made"]] == ["Ada herself"]
    assert [row["campaign_id"] for row in found["forwards_received"]] == [campaign.pk]
    assert [row["subject"] for row in found["campaigns"]] == ["June issue"]


def test_nothing_of_anybody_else_is_there(ada):
    text = b"".join(as_json(ada)).decode().lower()

    assert "bob" not in text
    assert "friend-of" not in text


def test_what_staff_see_no_more_is_still_held(ada):
    consent.choose_tracking(ada.pk, TrackingChoice.OFF, origin=FORM)
    consent.suppress(ADDRESS, Suppression.Reason.OBJECTION, origin=FORM)

    found = read(ada)

    assert len(found["events"]) == 2
    assert found["suppression"]["reason"] == "objection"
    assert {"tracking", "suppressed"} < {line["action"] for line in found["consent"]}


def test_mail_that_is_still_to_come(ada):
    waiting = make_campaign(subject="July issue", status="running")
    batch = Batch.objects.create(campaign=waiting, subscriber_ids=[ada.pk], size=1)
    Deferral.objects.create(
        batch=batch, subscriber_id=ada.pk, reason="450", since=now(), at=now(), due_at=now()
    )

    found = read(ada)

    assert found["mails_to_come"] == [{"campaign_id": waiting.pk}]
    assert [row["reason"] for row in found["mails_put_off"]] == ["450"]
    assert [row["subject"] for row in found["campaigns"]] == ["June issue", "July issue"]


def test_of_somebody_new_there_is_a_profile_and_nothing_else():
    found = read(make_subscriber(name="Zoë ☃\u2028", attributes={"quote": '"</script>\n'}))

    assert found["profile"]["name"] == "Zoë ☃\u2028"
    assert found["profile"]["attributes"] == {"quote": '"</script>\n'}
    assert not any(
        part for name, part in found.items() if name not in ("form", "made_at", "profile")
    )


def test_a_busy_person_costs_no_more_queries(ada, campaign, django_assert_max_num_queries):
    makers.store([opened(ada.pk, campaign.pk) for _ in range(1500)])

    with django_assert_max_num_queries(24):
        assert len(read(ada)["events"]) == 1502


def test_after_an_erasure_nothing_is_left_to_export(ada):
    erase.erase(ada.pk)

    found = read(ada)  # as it was in memory

    held = {name for name, part in found.items() if part}
    assert held - {"forwards_received", "campaigns"} == {"form", "made_at", "profile"}


def test_every_table_about_people_is_in_the_file_or_named_here():
    """Whoever adds a table about people decides whether they get it."""
    exported = {
        *("subscribers.subscriber", "subscribers.subscription", "subscribers.consentrecord"),
        *("subscribers.confirmation", "subscribers.suppression", "tracking.lastreading"),
        *("tracking.event", "tracking.forward", "tracking.forwardrefusal", "tracking.reader"),
        *("tracking.readerlink", "newsletter.batch", "newsletter.deferral", "newsletter.delivery"),
    }
    nothing_more = {
        "newsletter.handover": "empty when a batch is done; mails_to_come has who waits",
        "subscribers.departure": "for a day, that the ledger has a new line",
    }
    names = {"subscriber", "subscriber_id", "subscriber_ids", "email_hash"}

    about_people = {
        model._meta.label_lower
        for model in apps.get_models()
        for field in model._meta.fields
        if field.name in names
    }

    assert about_people == exported | nothing_more.keys()


class TestDownload:
    """The button on a person's page."""

    EXPORT, SEE = "subscribers.export_subscriber", "subscribers.view_subscriber"

    def url(self, person: Subscriber) -> str:
        return reverse("admin:subscribers_subscriber_export", args=[person.pk])

    def test_it_is_streamed_and_kept_nowhere(self, staff_client, ada, caplog):
        caplog.set_level(logging.DEBUG)

        answer = staff_client(self.EXPORT).get(self.url(ada))

        assert answer.streaming
        assert json.loads(b"".join(answer.streaming_content))["profile"]["email"] == ADDRESS
        assert answer["Content-Type"] == "application/json"
        assert answer["Content-Disposition"] == f'attachment; filename="person-{ada.pk}.json"'
        assert "no-store" in answer["Cache-Control"]
        assert "exports the data of one person" in caplog.text
        assert "ada" not in caplog.text.lower().replace("data", "")

    def test_it_takes_a_right_of_its_own(self, staff_client, client, ada):
        answers = [each.get(self.url(ada)) for each in (staff_client(self.SEE), client)]

        assert [answer.status_code for answer in answers] == [403, 302]

    def test_the_button_is_there_for_who_may(self, staff_client, ada):
        page = reverse("admin:subscribers_subscriber_change", args=[ada.pk])

        shown = [
            self.url(ada) in staff_client(*rights).get(page).content.decode()
            for rights in ((self.SEE,), (self.SEE, self.EXPORT))
        ]

        assert shown == [False, True]

    def test_nobody_and_other_methods(self, admin_client, ada):
        missing = reverse("admin:subscribers_subscriber_export", args=[2**62])

        assert admin_client.get(missing).status_code == 404
        assert admin_client.post(self.url(ada)).status_code == 405


class TestCommand:
    """The same from the command line."""

    def export(self, monkeypatch, path, *arguments: str, typed: str = "") -> None:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        call_command("export_person", str(path), *arguments)

    @pytest.mark.parametrize("typed", [f"{ADDRESS}\n", " ADA@Example.ORG \nmore\n"])
    def test_the_address_comes_from_standard_input(self, monkeypatch, tmp_path, ada, typed):
        path = tmp_path / "ada.json"

        self.export(monkeypatch, path, typed=typed)

        assert json.loads(path.read_text())["profile"]["email"] == ADDRESS
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert list(tmp_path.glob("*.part")) == []

    def test_what_stood_in_its_way_gives_nobody_a_look(self, monkeypatch, tmp_path, ada):
        path, elsewhere = tmp_path / "ada.json", tmp_path / "elsewhere"
        elsewhere.touch(mode=0o666)
        path.with_name("ada.json.part").symlink_to(elsewhere)

        self.export(monkeypatch, path, typed=f"{ADDRESS}\n")

        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not path.is_symlink()
        assert elsewhere.read_bytes() == b""

    def test_or_the_number_names_the_person(self, monkeypatch, tmp_path, ada):
        path = tmp_path / "ada.json"

        self.export(monkeypatch, path, "--key", str(ada.pk))

        assert json.loads(path.read_text())["profile"]["number"] == ada.pk

    def test_to_the_output(self, monkeypatch, ada, capfdbinary):
        self.export(monkeypatch, "-", "--key", str(ada.pk))

        sys.stdout.flush()
        assert json.loads(capfdbinary.readouterr().out)["profile"]["email"] == ADDRESS

    @pytest.mark.parametrize(
        ("arguments", "typed", "says"),
        [
            ([], "carol@example.org\n", "Nobody has this address"),
            ([], "carol\n", "This is no address"),
            ([], "", "This is no address"),
            (["--key", "0"], "", "Nobody has this number"),
            (["--key", str(2**80)], "", "Nobody has this number"),
        ],
    )
    def test_nobody_is_said_without_the_address(
        self, monkeypatch, tmp_path, ada, arguments, typed, says
    ):
        with pytest.raises(CommandError, match=says) as error:
            self.export(monkeypatch, tmp_path / "x.json", *arguments, typed=typed)

        assert "carol" not in str(error.value)
        assert list(tmp_path.iterdir()) == []

    def test_no_file_is_written_over(self, monkeypatch, tmp_path, ada):
        path = tmp_path / "ada.json"
        path.write_text("mine")

        with pytest.raises(CommandError, match="exists already"):
            self.export(monkeypatch, path, "--key", str(ada.pk))

        assert path.read_text() == "mine"
