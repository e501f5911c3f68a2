"""`manage.py import_subscribers`, as a person and as a script use it."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError

from subscribers import importing
from subscribers.importing import jobs
from subscribers.management.commands import import_subscribers
from subscribers.models import Import, MailingList, Subscriber
from tests.subscribers.imports import ROWS, run

pytestmark = pytest.mark.django_db


def test_the_command_says_how_it_went(news, tmp_path):
    path, errors = tmp_path / "people.csv", tmp_path / "refused.csv"
    path.write_text("email\nada@example.org\nbad\n")

    code, report = run(path, "--errors", str(errors))

    assert code == 1
    assert report == {
        "import": Import.objects.get().pk,
        "rows": 2,
        "added": 1,
        "updated": 0,
        "unchanged": 0,
        "refused": 1,
        "errors": str(errors),
        "dry_run": False,
    }
    assert "bad" in errors.read_text()


def test_the_command_again_is_harmless(news, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\n")

    first, again = run(path), run(path)

    assert (first[0], first[1]["added"]) == (0, 1)
    assert (again[0], again[1]["unchanged"]) == (0, 1)


def test_the_command_goes_on_where_it_was_stopped(news, tmp_path, settings, monkeypatch):
    settings.IMPORT_CHUNK = 20
    path = tmp_path / "people.csv"
    path.write_text(ROWS)
    calls = iter(range(10))
    advance = jobs.advance

    def die(*args, **kwargs):
        if next(calls) == 2:
            raise OperationalError("the server is gone")
        advance(*args, **kwargs)

    with monkeypatch.context() as crash:
        crash.setattr(jobs, "advance", die)
        code, report = run(path)
    assert (code, Import.objects.get().rows_done) == (3, 40)
    assert "run the same command again" in report["error"]

    code, report = run(path)

    assert code == 1
    assert (report["rows"], report["added"], report["refused"]) == (100, 90, 10)
    assert Import.objects.count() == 1


def test_a_rehearsal_changes_nothing(news, tmp_path):
    path, errors = tmp_path / "people.csv", tmp_path / "refused.csv"
    path.write_text("email\nada@example.org\nbad\n")

    code, report = run(path, "--dry-run", "--errors", str(errors))

    assert (code, report["added"], report["refused"], report["dry_run"]) == (1, 1, 1, True)
    assert "bad" in errors.read_text()
    assert not Subscriber.objects.exists()
    assert not Import.objects.exists()


@pytest.mark.parametrize("content", [None, "", "name\nAda\n"])
def test_the_command_that_cannot_begin_says_why(news, tmp_path, content):
    path = tmp_path / "people.csv"
    if content is not None:
        path.write_text(content)

    code, report = run(path)

    assert code == 2
    assert report["error"]


@pytest.mark.parametrize("rehearsing", [[], ["--dry-run"]])
@pytest.mark.parametrize("link", [False, True])
def test_refused_rows_never_write_over_the_file_of_people(news, tmp_path, rehearsing, link):
    path = errors = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\nbad\n")
    if link:
        errors = tmp_path / "refused.csv"
        errors.symlink_to(path)

    code, report = run(path, "--errors", str(errors), *rehearsing)

    assert code == 2
    assert "is the file of people itself" in report["error"]
    assert path.read_text() == "email\nada@example.org\nbad\n"
    assert not Import.objects.exists()


def test_an_unknown_list_is_said_with_those_there_are(news, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\n")

    with pytest.raises(CommandError, match=r"no list 'nwes'.*news") as error:
        call_command("import_subscribers", str(path), "--list", "nwes")

    assert error.value.returncode == 2


@pytest.mark.parametrize("rehearsing", [[], ["--dry-run"]])
def test_a_list_that_is_plainly_new_is_made_privately(news, tmp_path, rehearsing, capsys):
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\n")

    call_command("import_subscribers", str(path), "--list", "harbour-weekly", *rehearsing)

    made = MailingList.objects.filter(slug="harbour-weekly").first()
    assert bool(made) == (not rehearsing)
    if made:
        assert (made.name, made.visibility) == ("Harbour weekly", "private")
        assert made.subscriptions.count() == 1
        assert "it is made now" in capsys.readouterr().err


def test_a_short_name_that_is_none_is_refused(news, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\n")

    with pytest.raises(CommandError, match="is no short name"):
        call_command("import_subscribers", str(path), "--list", "two words")


def test_workers_leave_the_command_s_files_alone(news, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\n")
    jobs.resume_or_create(news, path, None)

    assert importing.claim_next() is None


def test_a_running_import_is_not_run_twice(news, tmp_path, settings, monkeypatch):
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\n")
    job = jobs.resume_or_create(news, path, None)
    importing.claim(job.pk)
    settings.IMPORT_LEASE = 0
    monkeypatch.setattr(import_subscribers, "GRACE", 0)

    code, report = run(path)

    assert code == 2
    assert "running already" in report["error"]


def test_the_command_waits_for_a_dead_one_s_lease(news, tmp_path, settings):
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\n")
    settings.IMPORT_LEASE = 1
    importing.claim(jobs.resume_or_create(news, path, None).pk)

    code, report = run(path)

    assert (code, report["added"]) == (0, 1)


def test_uploaded_files_are_ours_alone(news):
    job = importing.create_import(
        news, SimpleUploadedFile("x", b"email\n"), "../../etc/passwd\r\n", "", None
    )

    path: Path = jobs.source_path(job)
    assert path.parent.stat().st_mode & 0o077 == 0
    assert path.name == job.path
    assert "\n" not in job.file_name


@pytest.mark.parametrize("place", [".", "no-such-folder/refused.csv"])
def test_a_place_for_refused_rows_that_is_none_is_refused_before_anything_is_done(place, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\nann@example.org\n")

    code, _ = run(path, "--errors", str(tmp_path / place))

    assert code == 2
    assert not Subscriber.objects.exists()
    assert not (tmp_path / "no-such-folder").exists()
