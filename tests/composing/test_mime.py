"""Quoted-printable pieces decode to what they were made of, in whatever order they come."""

import quopri
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.composing import mime

TEXT = st.text(
    st.one_of(
        st.sampled_from("=. \t\nFrom é😀\u05d0\u0301_?"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\r"),
    ),
    max_size=300,
)


def decode(encoded):
    return quopri.decodestring(encoded).replace(b"\r\n", b"\n").decode()


@given(st.lists(TEXT, max_size=5))
def test_pieces_put_together_decode_to_the_whole(pieces):
    encoded = b"".join(map(mime.encode, pieces))

    assert decode(encoded) == "".join(pieces)


@given(st.lists(TEXT, max_size=5))
def test_every_line_keeps_the_rules(pieces):
    encoded = b"".join(map(mime.encode, pieces))

    for line in encoded.decode("ascii").split("\r\n"):
        assert len(line) <= 76
        assert not line.startswith((".", "From "))
        assert not line.endswith((" ", "\t"))
        assert re.fullmatch(r"(?:[ !-<>-~\t]|=[0-9A-F]{2})*=?", line)


@given(TEXT.filter(bool))
def test_a_piece_ends_with_its_line(text):
    assert mime.encode(text).endswith(b"\r\n")


@pytest.mark.parametrize(
    "text",
    ["x" * 1_200, "." * 200, "=" * 200, "é" * 700, "From here", ".", " ", "\n", "\n.\n", "a \nb\t"],
)
def test_what_is_awkward(text):
    assert decode(mime.encode(text)) == text
