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
