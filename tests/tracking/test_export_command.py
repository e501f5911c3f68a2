"""The command writes a whole file, or none."""

import csv
from datetime import timedelta

import pyarrow.parquet as pa_parquet
import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_subscriber
from tests.tracking import makers
from tests.tracking.makers import NOON, opened

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]


@pytest.fixture(autouse=True)
def _hits(settings):
    settings.TRACKING_DEFAULT = "individual"
    ada = make_subscriber(email="ada@example.org")
    makers.store([opened(ada.pk), opened(at=NOON + timedelta(days=1)), opened(campaign=8)])


def rows(path) -> list[dict]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_events_of_one_campaign(tmp_path, capsys):
    path = tmp_path / "events.csv"

    call_command("export_events", str(path), "--campaign", "7")

    assert {row["campaign_id"] for row in rows(path)} == {"7"}
    assert "2/2" in capsys.readouterr().err
    assert [each.name for each in tmp_path.glob("events*")] == ["events.csv"]


def test_parquet_and_a_time(tmp_path):
    path = tmp_path / "events.parquet"

    call_command("export_events", str(path), "--format=parquet", "--since=2026-07-02")

    assert pa_parquet.read_table(path)["at"].to_pylist() == [NOON + timedelta(days=1)]


def test_people_only_when_asked_for(tmp_path):
    plain, named = tmp_path / "plain.csv", tmp_path / "named.csv"

    call_command("export_events", str(plain))
    call_command("export_events", str(named), "--people", "--table=readers", "--bom")

    assert "ada@example.org" not in plain.read_text()
    assert [row["email"] for row in rows(named)] == ["ada@example.org"]
    assert named.read_bytes().startswith(b"\xef\xbb\xbf")


def test_the_output_holds_nothing_but_the_file(capsysbinary):
    call_command("export_events", "-", "--campaign=8")

    assert capsysbinary.readouterr().out.startswith(b"event_id,campaign_id,kind,at,")


def test_no_file_is_written_over(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("mine")

    with pytest.raises(CommandError, match="exists already"):
        call_command("export_events", str(path))

    assert path.read_text() == "mine"


@pytest.mark.parametrize("more", [["--table=readers"], ["--table=links", "--since=2026-07-01"]])
def test_what_is_not_possible_leaves_no_file(tmp_path, more):
    with pytest.raises(CommandError, match="The table"):
        call_command("export_events", str(tmp_path / "x.csv"), *more)

    assert not list(tmp_path.glob("x*"))


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(CommandError, match="can't be written"):
        call_command("export_events", str(tmp_path / "none" / "x.csv"))
