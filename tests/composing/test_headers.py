"""No value can end its header line, and every value arrives."""

import email
import email.policy
import re
from email.header import decode_header, make_header

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.composing import headers
from newsletter.composing.headers import BadHeader, Mailbox, mailbox
from subscribers.addresses import BadAddress

STRICT = email.policy.SMTP.clone(raise_on_defect=True)
ANYTHING = st.text(
    st.one_of(
        st.sampled_from('\r\n\0\t =?_"\\<>@,;:()[].é😀\u05d0\u0301\u2028\x85'), st.characters()
    ),
    max_size=300,
)
SPOKEN = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=70)


def keeps_the_rules(header):
    assert header.endswith("\r\n")
    first, *rest = header[:-2].split("\r\n")
    assert all(line.startswith(" ") and line.strip() for line in rest)
    for line in [first, *rest]:
        assert len(line) <= 78
        assert "\n" not in line and "\r" not in line
        assert line.isprintable() and line.isascii()


@given(ANYTHING)
def test_no_subject_ends_its_line(text):
    keeps_the_rules(headers.unstructured("Subject", text))


@given(ANYTHING)
def test_no_name_ends_its_line(name):
    keeps_the_rules(headers.address("To", Mailbox(name, "ann@example.org")))


@given(SPOKEN)
def test_a_subject_arrives(text):
    header = headers.unstructured("Subject", text)

    message = email.message_from_string(header + "\r\n", policy=STRICT)
    assert message["Subject"] == headers.one_line(text)


@given(SPOKEN.filter(lambda text: "\ufffd" not in text))
def test_a_name_arrives(name):
    header = headers.address("To", Mailbox(name, "ann@example.org"))

    [found] = email.message_from_string(header + "\r\n", policy=STRICT)["To"].addresses
    assert found.addr_spec == "ann@example.org"
    # Before 3.13, the strict parser leaves a blank between encoded words; the older one does not.
    words = re.sub(r"\s*<ann@example.org>\s*\Z|\ATo: ", "", header).replace("\r\n", "\n")
    spoken = str(make_header(decode_header(words.strip()))) if "=?" in words else found.display_name
    assert spoken == " ".join(headers.one_line(name).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("news@example.org", ("", "news@example.org")),
        ("The News <news@example.org>", ("The News", "news@example.org")),
        ('"News, daily" <news@example.org>', ("News, daily", "news@example.org")),
        ("Zeitung <news@bücher.example>", ("Zeitung", "news@xn--bcher-kva.example")),
        ("Grüße <grüße@example.org>", ("Grüße", "grüße@example.org")),
    ],
)
def test_a_sender_is_read(text, expected):
    assert mailbox(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nobody",
        "a@b@c <>",
        "News <news@example.org>\r\nBcc: all@example.org",
        "News\n <news@example.org>",
        "News\u2028<news@example.org>",
        "News\0 <news@example.org>",
        "a@example.org, b@example.org",
        "A <a@example.org>, B <b@example.org>",
        "Friends: a@example.org;",
        "News <news@example.org> (comment)",
        'News <"a b"@example.org>',
    ],
)
def test_a_sender_that_is_no_single_address_is_refused(text):
    with pytest.raises(BadHeader):
        mailbox(text)


@pytest.mark.parametrize(
    "email", ["a@example.org\r\nBcc: x@example.org", "a b@example.org", "<a@b.org>", "a..b@c.org"]
)
def test_an_address_that_is_none_is_refused(email):
    with pytest.raises(BadAddress):
        headers.wire_address(email)


def test_a_list_id_stays_short():
    assert headers.list_id("Daily", "daily.example.org") == "List-ID: Daily <daily.example.org>\r\n"
    assert headers.list_id("ü" * 200, "a.example.org") == "List-ID: <a.example.org>\r\n"
    assert headers.list_id("a", "a\r\nBcc: b") == "List-ID: a <aBcc:b>\r\n"
    assert headers.list_id("ü", "a.example.org") == "List-ID: =?utf-8?b?w7w=?= <a.example.org>\r\n"
