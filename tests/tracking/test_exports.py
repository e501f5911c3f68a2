"""Files of events and reports hold what the tables hold, name whom they may, and run nothing."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pa_parquet
import pytest
from django.db import connection

from subscribers.models import TrackingChoice
from tests.factories import make_subscriber
from tests.tracking import makers
from tests.tracking.makers import NOON, clicked, opened
from tracking import export_tables, exports, links
from tracking.exports import NotPossible, Wanted
from tracking.models import CampaignHour, Event, Forward, Reader
from tracking.parquet import as_parquet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("simple_rules")]

PEOPLE = Wanted(with_people=True)
FORMULAS = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", "＝1", "'=1", "''@x"]


@pytest.fixture(autouse=True)
def _individual(settings):
    settings.TRACKING_DEFAULT = "individual"


def csv_rows(table, wanted=PEOPLE) -> list[dict]:
    data = b"".join(exports.as_csv(export_tables.TABLES[table], wanted))
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def parquet_rows(table, wanted=PEOPLE) -> list[dict]:
    data = b"".join(as_parquet(export_tables.TABLES[table], wanted))
    return pa_parquet.read_table(io.BytesIO(data)).to_pylist()


def test_events_as_csv():
    ada = make_subscriber(email="ada@example.org", name="Ada, “the first”")
    (story,) = links.ensure(7, ["https://example.org/a?x=1,2"]).values()
    at = NOON + timedelta(milliseconds=250)
    makers.store([clicked(story, ada.pk, at=at), opened(campaign=8, user_agent="SCANNER")])

    click, scan = sorted(csv_rows("events"), key=lambda row: row["campaign_id"])

    assert click["kind"] == "click"
    assert click["at"] == "2026-07-01T12:00:00.250Z"
    assert click["url"] == "https://example.org/a?x=1,2"
    assert (click["verdict"], click["reason"]) == ("human", "human")
    assert (click["subscriber_id"], click["email"]) == (str(ada.pk), "ada@example.org")
    assert click["name"] == "Ada, “the first”"
    assert click["network"] == "203.0.113.0"
    assert (scan["kind"], scan["verdict"], scan["link_id"]) == ("open", "scanner", "")
    assert scan["subscriber_id"] == scan["email"] == scan["since_sent"] == ""


def test_parquet_holds_the_same_with_types():
    ada = make_subscriber(email="ada@example.org")
    makers.store([opened(ada.pk, user_agent=""), opened(user_agent='=1+1 "x", y')])

    rows = parquet_rows("events")

    assert sorted(row["user_agent"] for row in rows) == ["", '=1+1 "x", y']
    assert {row["at"] for row in rows} == {NOON}
    assert {row["subscriber_id"] for row in rows} == {ada.pk, None}
    assert {row["event_id"] for row in rows} == set(Event.objects.values_list("id", flat=True))


def test_both_forms_agree_on_every_table():
    everything()

    for name in export_tables.TABLES:
        rows = csv_rows(name)
        assert rows, name
        same = [tuple(map(as_text, row.values())) for row in parquet_rows(name)]
        assert sorted(tuple(row.values()) for row in rows) == sorted(same), name


def everything() -> None:
    people = [make_subscriber(name=f"Reader {number}").pk for number in range(3)]
    ids = links.ensure(7, ["https://example.org/a", "https://example.org/b"])
    story, other = ids["https://example.org/a"], ids["https://example.org/b"]
    forward = Forward.objects.create(
        campaign_id=7, subscriber_id=people[0], kind=Forward.Kind.FRIEND, state="sent"
    )
    makers.store(
        [
            *(opened(each, at=NOON + timedelta(minutes=each)) for each in people),
            *(clicked(story, each) for each in people[1:]),
            clicked(other, 0, user_agent="SCANNER"),
            opened(people[0], forward_id=forward.pk),
        ]
    )


def as_text(value) -> str:
    if isinstance(value, datetime):
        assert value.tzinfo is not None
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return "" if value is None else str(value)


# --- spreadsheets -------------------------------------------------------------------------


@pytest.mark.parametrize("text", [*FORMULAS, "plain", "'quoted'", "a=1", 'say "hi", then\r\ngo'])
def test_no_cell_is_a_formula_and_each_can_be_undone(text):
    make_reader(text)

    (row,) = csv_rows("readers")

    assert not re.match(r"[=+@\t\r＝＋－＠-]", row["name"])
    undone = row["name"][1:] if re.match(r"'+[=+@\t\r＝＋－＠-]", row["name"]) else row["name"]
    assert undone == text


@pytest.mark.parametrize(
    "text", [*FORMULAS, "", "two\nlines", 'say "hi", then\r\ngo', "NULL", "\\."]
)
def test_parquet_changes_no_text(text):
    make_reader(text)

    (row,) = parquet_rows("readers")

    assert row["name"] == text


def make_reader(name: str) -> None:
    makers.store([opened(make_subscriber(name=name).pk)])


def test_a_file_is_as_the_standard_says():
    make_reader("two\nlines")

    data = b"".join(exports.as_csv(export_tables.READERS, PEOPLE, with_mark=True))

    assert data.startswith(b"\xef\xbb\xbfcampaign_id,subscriber_id,email,name,")
    assert data.endswith(b"\r\n")
    assert data.count(b"\r\n") == 2
    assert b'"two\nlines"' in data


# --- people -------------------------------------------------------------------------------


def test_without_the_right_nobody_is_named():
    everything()

    row = csv_rows("events", Wanted())[0]

    assert not row.keys() & {"subscriber_id", "email", "name", "network"}
    assert not csv_rows("forwards", Wanted())[0].keys() & {"subscriber_id", "email", "name"}


def test_a_copy_that_was_not_sent_is_not_told():
    sent = Forward.objects.create(campaign_id=7, subscriber_id=0, kind=1, state="sent")
    Forward.objects.create(campaign_id=7, subscriber_id=0, kind=1, state="skipped")

    assert [row["forward_id"] for row in csv_rows("forwards")] == [str(sent.pk)]


@pytest.mark.parametrize("table", ["readers", "reader_links"])
def test_tables_about_people_need_the_right(table):
    with pytest.raises(NotPossible, match="about people"):
        exports.as_csv(export_tables.TABLES[table], Wanted())
    with pytest.raises(NotPossible, match="about people"):
        as_parquet(export_tables.TABLES[table], Wanted())


def test_who_withdrew_is_not_named_any_more():
    ada, bob = make_subscriber(), make_subscriber()
    makers.store([opened(ada.pk), opened(bob.pk)])
    type(ada).objects.filter(pk=ada.pk).update(tracking=TrackingChoice.AGGREGATE)

    assert [row["subscriber_id"] for row in csv_rows("readers")] == [str(bob.pk)]
    assert {row["subscriber_id"] for row in csv_rows("events")} == {"", str(bob.pk)}


def test_who_has_chosen_nothing_follows_the_lists(settings):
    ada = make_subscriber()
    bob = make_subscriber(tracking=TrackingChoice.INDIVIDUAL)
    makers.store([opened(ada.pk), opened(bob.pk)])
    settings.TRACKING_DEFAULT = "aggregate"

    assert [row["subscriber_id"] for row in csv_rows("readers")] == [str(bob.pk)]


def test_who_was_erased_has_no_number():
    makers.store([opened(make_subscriber().pk)])
    Event.objects.update(subscriber_id=-5)
    Reader.objects.update(subscriber_id=-5)

    assert [row["subscriber_id"] for row in csv_rows("events")] == [""]
    assert csv_rows("readers") == []


# --- which rows -----------------------------------------------------------------------------


def test_one_campaign_and_a_time():
    makers.store([opened(at=NOON), opened(at=NOON + timedelta(hours=1)), opened(campaign=8)])
    wanted = Wanted(7, since=NOON, until=NOON + timedelta(hours=1))

    assert [row["at"] for row in csv_rows("events", wanted)] == ["2026-07-01T12:00:00.000Z"]
    assert len(csv_rows("events", Wanted(7))) == 2
    assert len(csv_rows("events", Wanted())) == 3
    assert len(csv_rows("hours", wanted)) == 1


def test_sums_have_no_time():
    with pytest.raises(NotPossible, match="sums of all times"):
        exports.as_csv(export_tables.LINKS, Wanted(7, since=NOON))


def test_an_empty_table_is_a_header_and_a_file():
    assert csv_rows("events") == []
    assert parquet_rows("events") == []


# --- as a stream ----------------------------------------------------------------------------


@pytest.mark.parametrize("make", [exports.as_csv, as_parquet])
def test_the_first_bytes_come_before_the_first_query(make, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert next(make(export_tables.EVENTS, Wanted()))


@pytest.mark.parametrize("make", [exports.as_csv, as_parquet])
def test_many_rows_come_in_pieces(make, monkeypatch):
    monkeypatch.setattr("tracking.parquet.BLOCK", 20_000)
    makers.store([opened(user_agent=f"{number} " * 40) for number in range(2_000)])
    counts = []

    pieces = list(make(export_tables.EVENTS, Wanted(), report=counts.append))

    assert len(pieces) > 5
    assert counts[-1] == 2_000
    assert counts == sorted(counts)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("make", [exports.as_csv, as_parquet])
def test_who_leaves_in_the_middle_leaves_the_connection_usable(make):
    CampaignHour.objects.bulk_create(
        CampaignHour(campaign_id=7, hour=NOON + timedelta(hours=number)) for number in range(5_000)
    )
    stream = make(export_tables.HOURS, Wanted())
    next(stream)
    next(stream)

    stream.close()

    connection.ensure_connection()
    assert CampaignHour.objects.count() == 5_000
