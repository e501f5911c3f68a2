"""Importing: files that are torn, blank or heavy, and what is left of them on the disk."""

import os

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from newsletter import tasks
from subscribers import importing
from subscribers.importing import jobs
from subscribers.importing.chunks import Source
from subscribers.models import Subscriber
from tests.subscribers.imports import load, people, refused, run

pytestmark = pytest.mark.django_db

UNCLOSED = "a quotation mark is opened and never closed"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("count", [1, 200, 20_000])
def test_a_mark_that_is_never_closed_costs_its_own_row_only(news, encoding, count):
    rest = "".join(f"r{number}@example.org,é\n" for number in range(count))

    job = load(f'email,note\na@example.org,1\nb@example.org,"oops\n{rest}'.encode(encoding), news)

    assert (job.status, job.added, job.rows_done) == ("finished", count + 1, count + 2)
    assert set(people()) == {
        "a@example.org",
        *(f"r{number}@example.org" for number in range(count)),
    }
    assert set(Subscriber.objects.values_list("attributes__note", flat=True)) == {"1", "é"}
    assert refused(job) == [(3, UNCLOSED)]


@pytest.mark.parametrize("count", [1, 20_000])
@pytest.mark.parametrize("closing", ['z@example.org,"z"', '"z@example.org",z'])
def test_a_mark_that_only_a_later_row_closes_costs_its_own_row_only(news, count, closing):
    rest = "".join(f"r{number}@example.org,x\n" for number in range(count))

    job = load(f'email,note\na@example.org,"5\n{rest}{closing}\nbad,4\n', news)

    assert job.added == count + 1
    assert people().keys() >= {"r0@example.org", "z@example.org"}
    assert [line for line, _ in refused(job)] == [2, count + 4]


def test_each_of_many_unclosed_marks_costs_its_own_row_only(news):
    rows = "".join(f'a{n}@example.org,"5\nb{n}@example.org,x\n' for n in range(500))

    job = load("email,note\n" + rows, news)

    assert {f"b{n}@example.org" for n in range(500)} <= set(people())
    assert {reason for _, reason in refused(job)} == {UNCLOSED}
    assert job.added + job.refused == 1000


def test_a_very_long_row_that_is_never_closed_costs_only_itself(news):
    job = load(
        f'email,note\na@example.org,"{"x" * 300_000}\nb@example.org,2\nc@example.org,3\n', news
    )

    assert list(people()) == ["b@example.org", "c@example.org"]
    assert refused(job) == [(2, UNCLOSED)]


def test_cells_of_several_lines_are_whole(news):
    job = load(
        'email,note\na@example.org,"one\ntwo ""three"""\n"b@example.org" ,"x\ny" \nbad,\n', news
    )

    assert [line for line, _ in refused(job)] == [6]
    assert dict(Subscriber.objects.values_list("email", "attributes__note")) == {
        "a@example.org": 'one\ntwo "three"',
        "b@example.org": "x\ny",
    }


@pytest.mark.parametrize("blank", ["\n", "\r\n", " \n", ";;\n"])
@pytest.mark.parametrize("first", ["", "sep=;\n"])
def test_blank_lines_before_the_header_are_passed_over(news, first, blank):
    job = load(f"{first}{blank * 1500}email;name;city\nada@example.org;Ada;Leeds\nbad;;\n", news)

    assert (job.message, job.added) == ("", 1)
    assert people() == {"ada@example.org": "Ada"}
    assert [line for line, _ in refused(job)] == [1503 + bool(first)]


@pytest.mark.parametrize(
    "content", ["\n" * 70_000 + "email\na@example.org\n", ";;;\n" * 20_000, 'sep="\n\n', ","]
)
def test_what_begins_with_nothing_is_said_so(news, tmp_path, content):
    path = tmp_path / "people.csv"
    path.write_text(content)

    code, report = run(path)

    assert code == 2
    assert report["error"]


def heavy(path, rows: int, *, address: str = "a{}@example.org"):
    """Write a file of rows of 120,000 characters each, all below the limits."""
    filling = ("," + "x" * 9_990) * 12
    with path.open("w") as file:
        file.write("email," + ",".join(f"c{number}" for number in range(12)) + "\n")
        for row in range(rows):
            file.write(f"{address.format(row)}{filling}\n")
    return path


def test_a_chunk_ends_where_memory_would_grow(tmp_path):
    source = Source(heavy(tmp_path / "heavy.csv", 300))

    chunks = [(chunk.start, chunk.rows) for chunk in source.chunks(10_000)]

    source.close()
    assert chunks == [(0, 134), (134, 134), (268, 32)]


def test_of_refused_cells_only_the_beginning_is_kept(tmp_path):
    source = Source(heavy(tmp_path / "heavy.csv", 3, address="nobody {}"))

    (chunk,) = source.chunks(10_000)

    source.close()
    assert len(chunk.refusals) == 3
    assert max(len(cell) for refusal in chunk.refusals for cell in refusal.row[1]) == 1000


@pytest.mark.django_db(transaction=True)
def test_an_upload_is_deleted_when_its_import_has_finished(news):
    job = load("email\nada@example.org\nbad\n", news)

    assert job.status == "finished"
    assert not jobs.source_path(job).exists()
    assert importing.refused_path(job).exists()


def test_the_file_that_the_command_reads_is_kept(news, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\nada@example.org\n")

    run(path)

    assert path.exists()


def test_old_files_are_deleted_but_for_those_still_needed(news):
    done = load("email\nbad\n", news)
    upload = SimpleUploadedFile("people.csv", b"email\nada@example.org\n")
    waiting = importing.create_import(news, upload, "people.csv", "", None)
    young = jobs.refused_path(done).with_name("young.refused.csv")
    young.touch()
    for path in (importing.refused_path(done), jobs.source_path(waiting)):
        os.utime(path, (0, 0))

    tasks.tidy()

    assert not importing.refused_path(done).exists()
    assert jobs.source_path(waiting).exists()
    assert young.exists()
