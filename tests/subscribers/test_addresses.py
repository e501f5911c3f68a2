"""Which addresses are possible, which two are one person's, and that both ways of asking agree."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from subscribers import addresses, suppression
from subscribers.importing import checking, columns
from subscribers.importing.checking import Refused

ADDRESS = columns.find([["email"], ["a@example.org"]])
NEAR = st.text("abzAZ09.-_+@ \t'\"!#(),:;<>[]\\/~", max_size=80)
ASCII = st.text(st.characters(max_codepoint=127), max_size=80)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada@Example.org", "ada@example.org"),
        ("  ada@example.org\n", "ada@example.org"),
        ("STRASSE@example.org", "straße@example.org"),
        ("ada@exämple.org", "ada@xn--exmple-cua.org"),
        ("zoe\u0308@example.org", "zo\u00eb@example.org"),
    ],
)
def test_spellings_of_one_person(one, other):
    assert addresses.parse(one).key == addresses.parse(other).key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada",
        "@example.org",
        "ada@",
        "ada@localhost",
        "a..b@example.org",
        ".ada@example.org",
        "ada@-example.org",
        "ada@example..org",
        "ada lovelace@example.org",
        "ada@example.org, bob@example.org",
        "ada@example.org\nBcc: bob@example.org",
        "ada\u2028@example.org",
        "ada\u200b@example.org",
        '"ada"@example.org',
        "Ada <ada@example.org>",
        "a" * 65 + "@example.org",
        "a@" + "b" * 64 + ".org",
        "a@" + "b." * 130 + "org",
        "ада\u0000@example.org",
        "=?utf-8?q?=40?=.=?utf-8?b?YQ==?=@example.org",
        "a=?b@example.org",
        "я=?b@example.org",
    ],
)
def test_what_is_no_address(text):
    with pytest.raises(addresses.BadAddress):
        addresses.parse(text)


@pytest.mark.parametrize("text", ["a=b@example.org", "a?=b@example.org", "a=.?b@example.org"])
def test_equals_and_question_marks_alone_are_no_encoded_word(text):
    assert addresses.parse(text).email == text


@example("=?utf-8?q?=40?=.=?utf-8?b?YQ==?=@example.org")
@given(st.one_of(NEAR, ASCII, st.builds("{}@{}.org".format, NEAR, NEAR), st.emails()))
@example("a@b.co")
@example("A" * 64 + "@example.org")
@example("a@" + "b" * 63 + ".org")
@example("a@" + "x" * 63 + ("." + "y" * 63) * 2 + ".org")
def test_the_quick_way_and_the_rules_agree(text):
    """An import asks the quick way first; it may never say something else."""
    check = checking.checker(ADDRESS)
    try:
        expected = addresses.parse(text)
    except addresses.BadAddress:
        with pytest.raises(Refused):
            check((1, [text], 0))
        return

    key, (_, email_hash, fields) = check((1, [text], 0))

    assert key == expected.key
    assert email_hash == suppression.email_hash(expected.key).hex()
    assert fields.split("\x1f")[:2] == [expected.email, expected.key]


@given(st.lists(st.text(max_size=20), min_size=3, max_size=3))
def test_no_cell_can_break_out_of_its_column(cells):
    """What COPY would take for the end of a cell or of a line stands in no cell."""
    check = checking.checker(columns.find([["email", "name", "a", "b"], ["a@b.org", "", "", ""]]))
    try:
        _, (_, _, fields) = check((1, ["ada@example.org", *cells], 1))
    except Refused:
        assert any("\0" in cell for cell in cells)
        return

    assert fields.count("\x1f") == checking.FIELDS.count(",")
    assert fields.index("\n") == len(fields) - 1
    assert not set(fields) & {"\x00", "\x02", "\x03"}
