"""Tokens prove what they say, and only for the purpose that they were made for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import signing

NUMBERS = st.lists(st.integers(0, 2**63 - 1), min_size=1, max_size=3)


@given(NUMBERS)
def test_what_was_signed_is_read(numbers):
    token = signing.sign("click", *numbers)

    assert signing.read("click", token, len(numbers)) == tuple(numbers)


@given(NUMBERS, st.data())
def test_a_changed_token_is_refused(numbers, data):
    token = signing.sign("click", *numbers)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("ABCabc019-_").filter(lambda c: c != token[place]))

    with pytest.raises(signing.BadToken):
        signing.read("click", token[:place] + other + token[place + 1 :], len(numbers))


PURPOSES = ("open", "click", "unsubscribe", "preferences", "confirm", "message-id")


@given(NUMBERS, st.sampled_from(PURPOSES), st.sampled_from(PURPOSES))
def test_a_token_is_good_for_one_purpose_only(numbers, purpose, other):
    """Purposes that share a hash included."""
    token = signing.sign(purpose, *numbers)

    if other == purpose:
        assert signing.read(other, token, len(numbers)) == tuple(numbers)
    else:
        with pytest.raises(signing.BadToken):
            signing.read(other, token, len(numbers))


@given(NUMBERS, st.integers(0, 7), st.sampled_from(PURPOSES))
def test_a_tag_is_good_for_one_number_only(numbers, distance, purpose):
    """Neighbours that share a hash included."""
    *first, last = numbers
    neighbour = last ^ distance
    body, tag = _apart(signing.sign(purpose, *numbers))
    other_body, other_tag = _apart(signing.sign(purpose, *first, neighbour))

    if distance == 0:
        assert (body, tag) == (other_body, other_tag)
    else:
        assert tag != other_tag
        with pytest.raises(signing.BadToken):
            signing.verify(purpose, other_body + tag, len(numbers))


def _apart(token):
    raw = signing._decode(token)
    return raw[: -signing.TAG_SIZE], raw[-signing.TAG_SIZE :]


def test_a_number_has_one_spelling():
    """A varint can be written longer than it has to be; only ours verifies."""
    body, tag = _apart(signing.sign("click", 1, 2, 3))

    for longer in (body[:-1] + b"\x83\x00", body[:1] + b"\x81\x00" + body[2:]):
        with pytest.raises(signing.BadToken):
            signing.verify("click", longer + tag, 3)


@given(st.integers(0, 2**40), st.integers(0, 2**40), st.lists(st.integers(0, 2**40), min_size=1))
def test_tokens_made_together_are_those_made_one_by_one(campaign, reader, links):
    packed = signing.varint(reader)

    clicks = signing.Signer("click", campaign).raw_each(packed, signing.Lasts(links))
    opened, message_id, _, forward = signing.MailSigner(campaign).raw_all(packed)

    assert [token.decode() for token in signing.spell([*clicks, opened, message_id, forward])] == [
        *(signing.sign("click", campaign, reader, link) for link in links),
        signing.sign("open", campaign, reader),
        signing.sign("message-id", campaign, reader),
        signing.sign("forward", campaign, reader),
    ]


@given(st.text(max_size=100))
def test_anything_else_is_refused(text):
    with pytest.raises(signing.BadToken):
        signing.read("click", text, 3)


def test_a_token_is_refused_for_another_purpose():
    with pytest.raises(signing.BadToken):
        signing.read("unsubscribe", signing.sign("click", 1, 2, 3), 3)


def test_a_cut_token_is_refused():
    token = signing.sign("click", 1, 2, 3)

    for length in range(len(token)):
        with pytest.raises(signing.BadToken):
            signing.read("click", token[:length], 3)


def test_old_keys_verify_and_the_first_signs(settings):
    settings.TRACKING_KEYS = ["the old key 0123456789"]
    old = signing.sign("open", 1, 2)

    settings.TRACKING_KEYS = ["the new key 0123456789", "the old key 0123456789"]

    assert signing.read("open", old, 2) == (1, 2)
    assert signing.sign("open", 1, 2) != old


def test_a_retired_key_no_longer_verifies(settings):
    settings.TRACKING_KEYS = ["the old key 0123456789"]
    old = signing.sign("open", 1, 2)

    settings.TRACKING_KEYS = ["the new key 0123456789"]

    with pytest.raises(signing.BadToken):
        signing.read("open", old, 2)


def test_a_token_fits_in_forty_characters():
    assert len(signing.sign("click", 999_999, 999_999_999, 99_999_999)) <= 40
