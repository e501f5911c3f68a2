"""Importing: what each kind of file, good or bad, comes to."""

import tracemalloc

import pytest

from subscribers import consent, importing, suppression
from subscribers.importing import storing
from subscribers.importing.chunks import Source
from subscribers.models import ConsentRecord, Subscriber, Subscription, Suppression
from tests.factories import make_list, make_subscriber, make_subscription
from tests.subscribers.imports import counts, load, people, refused
from tracking.models import Forward

pytestmark = pytest.mark.django_db


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
