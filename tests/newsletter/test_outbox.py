"""The outbox: what arrives is found again, the oldest goes first, and nothing else can be read."""

from email.message import EmailMessage

import pytest

from newsletter import outbox


@pytest.fixture
def keeper(settings) -> outbox.Keeper:
    return outbox.Keeper(settings.OUTBOX, keep=1000)


def make_mail(subject: str = "June issue", **headers: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = headers.get("sender", "The Daily <news@example.org>")
    message["To"] = headers.get("to", "Zoë <zoe@example.net>")
    message.set_content("Good morning, Zoë\n")
    message.add_alternative("<p>Good morning, <b>Zoë</b></p>\n", subtype="html")
    return message.as_bytes()


def keep(keeper: outbox.Keeper, subject: str, **headers: str) -> str:
    return keeper.keep("bounce@example.org", ["zoe@example.net"], make_mail(subject, **headers))


def test_mail_is_listed_newest_first(keeper):
    for number in range(3):
        keep(keeper, f"Issue {number}")

    page = outbox.list_mails()

    assert [mail.subject for mail in page.mails] == ["Issue 2", "Issue 1", "Issue 0"]
    assert (page.number, page.pages, page.total) == (1, 1, 3)
    assert page.mails[0].recipients == ("zoe@example.net",)
    assert page.mails[0].sender == "bounce@example.org"


def test_mail_is_taken_apart(keeper):
    raw = make_mail("Grüße ☕")
    mail_id = keeper.keep("bounce@example.org", ["zoe@example.net"], raw)

    mail = outbox.read_mail(mail_id)

    assert mail.raw == raw
    assert mail.html == "<p>Good morning, <b>Zoë</b></p>\n"
    assert mail.text == "Good morning, Zoë\n"
    assert ("Subject", "Grüße ☕") in mail.headers
    assert mail.summary.subject == "Grüße ☕"
    assert mail.source.startswith("Subject: ")


def test_pages_hold_fifty(keeper):
    for number in range(51):
        keep(keeper, f"Issue {number}")

    page = outbox.list_mails(page=2)

    assert [mail.subject for mail in page.mails] == ["Issue 0"]
    assert (page.number, page.pages, page.total) == (2, 2, 51)


@pytest.mark.parametrize(("asked", "given"), [(0, 1), (-3, 1), (99, 1)])
def test_a_page_that_is_not_there_becomes_one_that_is(keeper, asked, given):
    keep(keeper, "Issue")

    assert outbox.list_mails(page=asked).number == given


@pytest.mark.parametrize("query", ["JUNE", "jürgen", "JURGEN@example.net", "bounce@"])
def test_search_looks_at_addresses_and_subject(keeper, query):
    keeper.keep(
        "bounce@example.org", ["jurgen@example.net"], make_mail("June", to="Jürgen <a@b.c>")
    )
    keeper.keep("other@example.org", ["anna@example.net"], make_mail("May"))

    page = outbox.list_mails(query)

    assert [mail.subject for mail in page.mails] == ["June"]


@pytest.mark.parametrize(
    "mail_id",
    [
        "",
        "../secrets",
        "00000001-../../../../etc/pass",
        "00000001-00000000000000000000",
        "00000001-00000000000000000000\n",
        "00000001/..",
    ],
)
def test_an_id_that_is_none_finds_nothing(keeper, mail_id):
    keep(keeper, "Issue")

    with pytest.raises(outbox.NoSuchMail):
        outbox.read_mail(mail_id)


def test_the_oldest_go_first(settings):
    keeper = outbox.Keeper(settings.OUTBOX, keep=8)
    for number in range(50):
        keep(keeper, f"Issue {number}")

    kept = [message["Subject"] for message in outbox.messages()]

    assert kept[-8:] == [f"Issue {number}" for number in range(42, 50)]
    assert len(kept) <= 12  # and a folder's worth at most


def test_a_new_keeper_goes_on_after_the_last(settings):
    keep(outbox.Keeper(settings.OUTBOX, keep=100), "before")

    keep(outbox.Keeper(settings.OUTBOX, keep=100), "after")

    assert [message["Subject"] for message in outbox.messages()] == ["before", "after"]


def test_clearing_while_mail_arrives(keeper):
    keep(keeper, "before")

    count = outbox.clear()
    keep(keeper, "after")

    assert count == 1
    assert [mail.subject for mail in outbox.list_mails().mails] == ["after"]


def test_a_line_being_written_is_not_read(keeper, settings):
    keep(keeper, "Issue")
    index = next(settings.OUTBOX.glob("*/index.jsonl"))
    with index.open("a") as file:
        file.write('{"id": "00000001-0')

    assert outbox.list_mails().total == 1


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no headers at all",
        b"Subject: =?nonsense?b?////?=\r\n\r\nhello",
        b"Subject: caf\xe9\r\nContent-Type: text/plain; charset=klingon\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!",
        b"From: \r\nTo: <<<>>>\r\n\r\n",
    ],
)
def test_broken_mail_is_shown_as_well_as_it_can_be(keeper, raw):
    mail_id = keeper.keep("", ["anyone@example.net"], raw)

    mail = outbox.read_mail(mail_id)

    assert mail.raw == raw
    assert outbox.list_mails().total == 1
