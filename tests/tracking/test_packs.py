"""Packs come out as they went in, and nothing else passes for one."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracking import packs
from tracking.packs import BadPack, Hit

NUMBERS = st.integers(0, 2**63 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HITS = st.builds(
    Hit,
    st.integers(1, 5),
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    NUMBERS,
    st.sampled_from(["", "203.0.113.0", "2001:db8::"]),
    TEXT,
    TEXT.map(lambda text: json.dumps({"mark": text}, ensure_ascii=False)),
)


@given(st.lists(HITS, min_size=1, max_size=5))
def test_what_was_packed_is_unpacked(hits):
    _, unpacked = packs.decode(packs.encode(hits))

    assert unpacked == hits


def test_each_pack_has_an_id_of_its_own_with_its_time():
    moment = datetime.now(UTC)

    ids = [packs.decode(packs.encode([]))[0] for _ in range(100)]

    assert len(set(ids)) == 100
    assert all(id.version == 7 for id in ids)
    assert packs.oldest_id(moment - timedelta(seconds=1)) < min(ids)
    assert max(ids) < packs.oldest_id(moment + timedelta(seconds=10))


@given(st.binary(max_size=60))
def test_anything_else_is_refused(junk):
    with pytest.raises(BadPack):
        packs.decode(junk)


@pytest.mark.parametrize("body", [b"{", b"\n", b"1\t2\n", b"\xff\xff", b"\\.\n"])
def test_a_pack_with_a_foreign_body_is_refused(body):
    with pytest.raises(BadPack):
        packs.decode(bytes(16) + bytes([packs.FORMAT]) + body)


def test_a_pack_of_a_later_format_is_refused():
    pack = bytearray(packs.encode([]))
    pack[16] = packs.FORMAT + 1

    with pytest.raises(BadPack):
        packs.decode(bytes(pack))
