"""Importing: what each kind of bad input comes to, and what survives the worst moments."""

import csv
import io
import json
import time
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, connections
from django.utils.timezone import now

from subscribers import consent, importing, suppression
from subscribers.importing import jobs, refusals, running, storing
from subscribers.importing.chunks import Source
from subscribers.management.commands import import_subscribers
from subscribers.models import (
    ConsentRecord,
    Import,
    MailingList,
    Subscriber,
    Subscription,
    Suppression,
)
from tests.factories import make_list, make_subscriber, make_subscription
from tracking.models import Forward

pytestmark = pytest.mark.django_db


@pytest.fixture
def news():
    return make_list(slug="news")


def people() -> dict[str, str]:
    """Return address and name of everybody."""
    return dict(Subscriber.objects.order_by("email_key").values_list("email", "name"))


def load(content: str | bytes, mailing_list, **fields) -> Import:
    """Import a file as the admin page does, and return how it ended."""
    raw = content if isinstance(content, bytes) else content.encode()
    upload = SimpleUploadedFile("people.csv", raw)
    job = importing.create_import(mailing_list, upload, "people.csv", "Fair in Leeds", 7)
    Import.objects.filter(pk=job.pk).update(**fields)
    while importing.run_due():
        pass
    job.refresh_from_db()
    return job


def counts(job) -> tuple[int, int, int, int]:
    assert job.added + job.updated + job.unchanged + job.refused == job.rows_done
    return job.added, job.updated, job.unchanged, job.refused


def refused(job) -> list[tuple[int, str]]:
    """Return line and reason of each refused row."""
    text = importing.refused_path(job).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0][:2] == ["line", "reason"]
    return [(int(row[0]), row[1]) for row in rows[1:]]


def test_people_come_in_with_all_that_is_known(news):
    job = load(
        "E-Mail,First name,Last name,City,Language,Time zone,Tracking\n"
        "Ada@Example.org, Ada ,Lovelace,London,en-GB,Europe/London,aggregate\n",
        news,
    )

    assert job.status == "finished"
    assert counts(job) == (1, 0, 0, 0)
    person = Subscriber.objects.get()
    assert (person.email, person.email_key) == ("Ada@Example.org", "ada@example.org")
    assert (person.name, person.attributes) == ("Ada Lovelace", {"City": "London"})
    assert (person.language, person.timezone) == ("en-GB", "Europe/London")
    assert person.tracking == "aggregate"
    assert Subscription.objects.get().status == "active"
    line = ConsentRecord.objects.get(action="subscribed")
    assert (line.subscriber_id, line.mailing_list, line.method) == (person.pk, news, "import")
    assert line.evidence == {"import": job.pk, "file": "people.csv", "agreed": "Fair in Leeds"}
    assert line.staff_id == 7
    assert ConsentRecord.objects.get(action="tracking").evidence["choice"] == "aggregate"
    assert not importing.refused_path(job).exists()


def test_copies_that_a_friend_got_follow_the_choice_in_the_file(news):
    keys = ["new@example.org", make_subscriber().email_key, make_subscriber(tracking="off").email]
    copies = [
        Forward.objects.create(
            campaign_id=7,
            subscriber_id=0,
            kind=Forward.Kind.FRIEND,
            state=Forward.State.SENT,
            email_hash=suppression.email_hash(key),
        )
        for key in keys
    ]

    load("email,tracking\n" + "".join(f"{key},aggregate\n" for key in keys), news)

    for copy in copies:
        copy.refresh_from_db()
    assert [copy.tracking for copy in copies] == ["aggregate", "aggregate", ""]


def test_the_hash_is_the_one_that_suppression_looks_for(news, origin):
    load("email\nAda@Example.org\n", news)
    consent.suppress("ada@example.org", Suppression.Reason.MANUAL, origin=origin)

    assert consent.is_suppressed(Subscriber.objects.get())


NAMES = {"ada@example.org": "Ada", "zoe@example.org": "Zoé, née O'Hara"}
TABLE = "email;name\r\nada@example.org;Ada\r\nzoe@example.org;Zoé, née O'Hara\r\n"


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TABLE.encode("utf-8-sig"), id="byte order mark"),
        pytest.param(TABLE.encode("utf-16"), id="utf-16"),
        pytest.param(TABLE.encode("utf-16-le"), id="utf-16 without a mark"),
        pytest.param(TABLE.encode("utf-16-be"), id="utf-16 big endian"),
        pytest.param(TABLE.encode("latin-1"), id="latin-1"),
        pytest.param(TABLE.encode("cp1252"), id="windows"),
        pytest.param(TABLE.encode(), id="semicolons"),
        pytest.param(TABLE.replace(";", "\t").encode(), id="tabs"),
        pytest.param(TABLE.replace(";", "|").encode(), id="pipes"),
        pytest.param(b"sep=;\r\n" + TABLE.encode(), id="delimiter named by Excel"),
        pytest.param(TABLE.replace("\r\n", "\r").encode(), id="line ends of old Macs"),
        pytest.param(TABLE.replace("\r\n", "\n", 1).encode(), id="mixed line ends"),
        pytest.param(TABLE.rstrip().encode(), id="no line end at the end"),
        pytest.param(TABLE.replace(";", " ; ").encode(), id="blanks around"),
        pytest.param((TABLE + ";\r\n\r\n;;\r\n").encode(), id="empty lines"),
        pytest.param(TABLE.split("\r\n", 1)[1].encode(), id="no header"),
        pytest.param(TABLE.replace("email", '"E-Mail Address"').encode(), id="another name"),
        pytest.param(TABLE.replace("email", "contact").encode(), id="a name that we don't know"),
        pytest.param(TABLE.replace("\r\n", ";;\r\n").encode(), id="empty cells at the end"),
    ],
)
def test_files_of_every_kind_are_read(news, content):
    job = load(content, news)

    assert counts(job) == (2, 0, 0, 0)
    assert people() == NAMES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"\n\n  \n", "empty"),
        (b"PK\x03\x04rest of a workbook", "Excel"),
        (b"\x1f\x8b\x08 packed", "compressed"),
        (b"%PDF-1.7", "PDF"),
        (bytes(range(256)) * 40, "not hold text"),
        (b"name,city\nAda,London\n", "No column holds"),
        (b"just some words\nand more\n", "No column holds"),
    ],
)
def test_what_is_no_csv_is_said_so(news, content, message):
    job = load(content, news)

    assert job.status == "failed"
    assert message in job.message
    assert not Subscriber.objects.exists()


def test_refused_rows_come_back_with_line_and_reason(news):
    job = load(
        "email,name\n"
        "ada@example.org,Ada\n"
        "nobody,=HYPERLINK(1)\n"
        '"multi@example.org","Two\nlines"\n'
        "\n"
        "bad@-example.org,+1\n"
        "eve@example.org,Eve,too,many\n"
        "short@example.org\n"
        "email,name\n"
        "nul@example.org,N\0l\n",
        news,
    )

    assert counts(job) == (3, 0, 0, 5)
    assert refused(job) == [
        (3, "an address has the form name@example.org"),
        (7, "'-example.org' is not a domain name with at least two parts"),
        (
            8,
            "has 4 cells, but the file has 2 columns (a cell with the delimiter in it needs "
            "quotation marks)",
        ),
        (10, "is the header once more"),
        (11, "holds a NUL byte"),
    ]
    assert people()["multi@example.org"] == "Two lines"
    text = importing.refused_path(job).read_text("utf-8-sig")
    assert "nobody,'=HYPERLINK(1)" in text
    assert "bad@-example.org,'+1" in text


def test_the_file_of_refused_rows_can_be_put_right_and_come_back(news):
    first = load("email,city\nada@example,London\n", news)
    mended = (
        importing.refused_path(first).read_bytes().replace(b"ada@example,", b"ada@example.org,")
    )

    load(mended, news)

    assert Subscriber.objects.get().attributes == {"city": "London"}


@pytest.mark.parametrize("quoted", [True, False])
@pytest.mark.parametrize("size", [10_001, 200_000, 10_000_000])
def test_a_giant_cell_refuses_its_row_and_no_other(news, quoted, size):
    giant = "x" * size
    cell = f'"{giant}"' if quoted else giant

    job = load(f"email,note\na@example.org,1\nb@example.org,{cell}\nc@example.org,3\n", news)

    assert list(people()) == ["a@example.org", "c@example.org"]
    [(line, reason)] = refused(job)
    assert line == 3
    assert "longer than" in reason


def test_a_giant_cell_of_many_lines_refuses_its_row_and_no_other(news):
    giant = "spam@example.org,y\n" * 500_000

    job = load(
        f'email,note\na@example.org,1\nb@example.org,"{giant}"\nc@example.org,3\nbad,4\n', news
    )

    assert list(people()) == ["a@example.org", "c@example.org"]
    assert [line for line, _ in refused(job)] == [3, 500_005]


def test_memory_stays_flat_whatever_is_in_a_cell(news, tmp_path):
    path = tmp_path / "giant.csv"
    with path.open("w") as file:
        file.write('email,note\na@example.org,"')
        for _ in range(40):
            file.write("x" * 1_000_000)
        file.write('"\nb@example.org,2\n')
    tracemalloc.start()

    source = Source(path)
    for _ in source.chunks(1000):
        pass
    source.close()

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4_000_000


def test_doubled_names_of_columns_keep_both(news):
    load("email,city,city,email\nada@example.org,London,Paris,other@example.org\n", news)

    person = Subscriber.objects.get()
    assert person.email == "ada@example.org"
    assert person.attributes == {"city": "London", "city 2": "Paris", "email": "other@example.org"}


def test_an_address_twice_is_one_person_with_all_that_both_rows_say(news):
    job = load(
        "email,name,city,plan\n"
        "Ada@example.org,Ada,London,\n"
        "ADA@EXAMPLE.ORG,,Paris,pro\n"
        "ada@example.org,,,\n",
        news,
    )

    assert counts(job) == (1, 1, 1, 0)
    person = Subscriber.objects.get()
    assert (person.email, person.name) == ("Ada@example.org", "Ada")
    assert person.attributes == {"city": "Paris", "plan": "pro"}


def test_an_address_twice_far_apart_comes_to_the_same(news, settings):
    settings.IMPORT_CHUNK = 1
    job = load(
        "email,name,city,plan\n"
        "Ada@example.org,Ada,London,\n"
        "ADA@EXAMPLE.ORG,,Paris,pro\n"
        "ada@example.org,,,\n",
        news,
    )

    assert counts(job) == (1, 1, 1, 0)
    person = Subscriber.objects.get()
    assert (person.email, person.name) == ("Ada@example.org", "Ada")
    assert person.attributes == {"city": "Paris", "plan": "pro"}


def test_international_addresses(news):
    job = load(
        "email\nzoë@exämple.org\nзоя@пример.рф\nQUOTED@münchen.example\nupper@EXAMPLE.ORG\n", news
    )

    assert counts(job) == (4, 0, 0, 0)
    keys = set(Subscriber.objects.values_list("email_key", flat=True))
    assert keys == {
        "zoë@xn--exmple-cua.org",
        "зоя@xn--e1afmkfd.xn--p1ai",
        "quoted@xn--mnchen-3ya.example",
        "upper@example.org",
    }


def test_what_is_known_is_kept_and_filled_up(news):
    person = make_subscriber(
        email="ada@example.org", name="Ada", attributes={"city": "London"}, tracking="off"
    )

    job = load(
        "email,name,city,plan,language,tracking\nada@example.org,,Paris,pro,fr,individual\n", news
    )

    person.refresh_from_db()
    assert (person.name, person.language) == ("Ada", "fr")
    assert person.attributes == {"city": "Paris", "plan": "pro"}
    assert person.tracking == "off"  # a person's own choice
    assert counts(job) == (1, 0, 0, 0)


def everything() -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    return list(Subscriber.objects.order_by("id").values()), list(ConsentRecord.objects.values())


def test_the_same_file_again_changes_nothing(news):
    content = "email,name,city\nada@example.org,Ada,London\nbob@example.org,Bob,\n"
    load(content, news)
    before = everything()

    job = load(content, news)

    assert counts(job) == (0, 0, 2, 0)
    assert everything() == before


def test_the_suppressed_and_those_who_left_stay_out(news, origin):
    left = make_subscriber(email="left@example.org")
    make_subscription(left, news, status="unsubscribed")
    consent.suppress("barred@example.org", Suppression.Reason.OBJECTION, origin=origin)
    known = make_subscriber(email="known@example.org")
    consent.suppress(known.email_key, Suppression.Reason.BOUNCE, origin=origin)

    job = load(
        "email,name\nleft@example.org,New\nBarred@example.org,\nknown@example.org,\nok@example.org,\n",
        news,
    )

    assert counts(job) == (1, 0, 0, 3)
    assert refused(job) == [(2, storing.LEFT), (3, storing.SUPPRESSED), (4, storing.SUPPRESSED)]
    assert not Subscriber.objects.filter(email_key="barred@example.org").exists()
    assert Subscription.objects.get(subscriber=left).status == "unsubscribed"
    assert Subscriber.objects.get(pk=left.pk).name == ""


def test_who_waits_for_confirmation_becomes_active(news):
    person = make_subscriber(email="ada@example.org")
    make_subscription(person, news, status="pending")

    job = load("email\nada@example.org\n", news)

    assert counts(job) == (1, 0, 0, 0)
    assert Subscription.objects.get().status == "active"
    assert ConsentRecord.objects.get().action == "subscribed"


def test_people_of_another_list_join_this_one(news):
    make_subscriber(email="ada@example.org", lists=[make_list()])

    job = load("email\nada@example.org\nnew@example.org\n", news)

    assert counts(job) == (2, 0, 0, 0)
    assert news.subscriptions.filter(status="active").count() == 2


def test_strange_languages_and_zones_are_kept_as_attributes(news):
    load(
        "email,language,time zone,tracking\nada@example.org,Klingon (old),Mars/Olympus,yes\n", news
    )

    person = Subscriber.objects.get()
    assert (person.language, person.timezone, person.tracking) == ("", "", "")
    assert person.attributes == {
        "language": "Klingon (old)",
        "time zone": "Mars/Olympus",
        "tracking": "yes",
    }


# --- The worst moments ----------------------------------------------------------------

ROWS = "email,name\n" + "".join(
    f"{'bad' if number % 10 == 0 else f'reader{number}@example.org'},N\n" for number in range(100)
)


def test_a_crash_between_file_and_database_repeats_nothing(news, settings, monkeypatch):
    """The worst moment: refused rows are on the disk, the chunk is not committed."""
    settings.IMPORT_CHUNK = 20
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    calls = iter(range(10))
    advance = jobs.advance

    def die(*args, **kwargs):
        if next(calls) == 2:
            raise SystemExit
        advance(*args, **kwargs)

    with monkeypatch.context() as crash:
        crash.setattr(jobs, "advance", die)
        with pytest.raises(SystemExit):
            importing.run_due()
    Import.objects.update(lease_until=now() - timedelta(seconds=1))
    half = Import.objects.get()
    assert (half.status, half.rows_done) == ("running", 40)

    importing.run_due()

    job.refresh_from_db()
    assert job.status == "finished"
    assert counts(job) == (90, 0, 0, 10)
    assert [line for line, _ in refused(job)] == list(range(2, 102, 10))
    assert Subscription.objects.count() == ConsentRecord.objects.count() == 90


def test_a_worker_that_lost_its_lease_stores_nothing(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    importing.create_import(news, upload, "people.csv", "", None)
    slow = importing.claim_next()
    Import.objects.update(lease_until=now() - timedelta(seconds=1))
    importing.claim_next()

    with pytest.raises(importing.LostLease):
        importing.run_import(slow)

    assert not Subscriber.objects.exists()


def test_two_workers_never_get_the_same_import(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    importing.create_import(news, upload, "people.csv", "", None)

    assert importing.claim_next() is not None
    assert importing.claim_next() is None


def test_an_import_that_kills_its_workers_is_set_aside(news):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    for _ in range(jobs.ATTEMPTS):
        assert importing.claim_next() is not None
        Import.objects.update(lease_until=now() - timedelta(seconds=1))

    assert importing.claim_next() is None

    job.refresh_from_db()
    assert job.status == "failed"
    assert "5 workers died" in job.message


def test_what_went_wrong_is_tried_again_later_and_said(news, monkeypatch):
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    with monkeypatch.context() as trouble:
        trouble.setattr(refusals, "append", full_disk)
        assert importing.run_due() is True

    job.refresh_from_db()
    assert job.status == "waiting"
    assert job.lease_until > now()
    assert "it goes on by itself" in job.message
    assert importing.run_due() is False
    Import.objects.update(lease_until=now())
    assert importing.run_due() is True
    job.refresh_from_db()
    assert (job.status, job.message) == ("finished", "")


def full_disk(*args):
    raise OSError(28, "No space left on device")


def test_a_long_import_is_shared_among_tasks(news, settings):
    settings.IMPORT_CHUNK = 10
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)

    rounds = 0
    while importing.run_due(seconds=0):
        rounds += 1

    job.refresh_from_db()
    assert job.status == "finished"
    assert rounds == 11
    assert counts(job) == (90, 0, 0, 10)


def test_a_missing_file_is_said(news):
    job = load("email\n", news, path="gone.csv")

    assert job.status == "failed"
    assert "can't be read" in job.message


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_in_the_middle_loses_nothing(settings, monkeypatch):
    """The server ends our session while a chunk is stored; the chunk is stored by the next."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 20, 2
    monkeypatch.setattr("subscribers.importing.running.PAUSE", 0.01)
    news = make_list(slug="news")
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    store, calls = storing.store, iter(range(100))

    def interrupted(*args, **kwargs):
        stored = store(*args, **kwargs)
        if next(calls) in (1, 3):
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                pid = cursor.fetchone()[0]
            kill(pid)
        return stored

    monkeypatch.setattr(storing, "store", interrupted)

    importing.run_due()

    job.refresh_from_db()
    assert job.status == "finished"
    assert counts(job) == (90, 0, 0, 10)
    assert [line for line, _ in refused(job)] == list(range(2, 102, 10))
    assert Subscription.objects.count() == ConsentRecord.objects.count() == 90


def kill(pid: int) -> None:
    """End a session of the database from another one."""
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
    other.close()
    time.sleep(0.05)


@pytest.mark.django_db(transaction=True)
def test_a_commit_without_an_answer_is_counted_once(settings, monkeypatch):
    """The worst moment: the database committed, and the answer was lost on its way."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 20, 2
    monkeypatch.setattr("subscribers.importing.running.PAUSE", 0.01)
    news = make_list(slug="news")
    upload = SimpleUploadedFile("people.csv", ROWS.encode())
    job = importing.create_import(news, upload, "people.csv", "", None)
    store, calls = running._store, iter(range(100))

    def deaf(*args):
        store(*args)
        if next(calls) == 2:
            raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(running, "_store", deaf)

    importing.run_due()

    job.refresh_from_db()
    assert (job.status, counts(job)) == ("finished", (90, 0, 0, 10))
    assert Subscription.objects.count() == 90


@pytest.mark.django_db(transaction=True)
def test_lanes_give_what_one_after_the_other_gives(settings):
    """Many small chunks, with the same people in neighbouring ones."""
    settings.IMPORT_CHUNK, settings.IMPORT_LANES = 7, 3
    news = make_list(slug="news")
    rows = [f"reader{number % 150}@example.org,{number}" for number in range(600)]
    upload = SimpleUploadedFile("people.csv", ("email,n\n" + "\n".join(rows)).encode())
    job = importing.create_import(news, upload, "people.csv", "", None)

    importing.run_due()

    job.refresh_from_db()
    assert (job.status, counts(job)) == ("finished", (150, 450, 0, 0))
    last = dict(Subscriber.objects.values_list("email_key", "attributes__n"))
    assert last == {f"reader{number % 150}@example.org": str(number) for number in range(450, 600)}
    assert ConsentRecord.objects.count() == 150


# --- The command ----------------------------------------------------------------------


def run(path, *arguments) -> tuple[int, dict]:
    """Run the command as from a shell; return its exit code and its report."""
    out = io.StringIO()
    try:
        call_command(
            "import_subscribers", str(path), "--list", "news", "--json", *arguments, stdout=out
        )
    except SystemExit as error:
        return error.code, json.loads(out.getvalue())
    except CommandError as error:
        return error.returncode, {"error": str(error)}
    return 0, json.loads(out.getvalue())


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
