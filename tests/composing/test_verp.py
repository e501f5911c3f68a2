"""Envelope senders name their mail, survive mail servers, and can't be forged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.composing import verp
from subscribers import signing
from subscribers.signing import BadToken, Signer, varint

NUMBER = st.integers(0, 2**63 - 1)


@given(NUMBER, NUMBER)
def test_a_sender_is_read_whatever_its_case(campaign, subscriber):
    address = verp.Senders(campaign, "example.org").address(subscriber)

    assert verp.read(address) == verp.read(address.upper()) == (campaign, subscriber)
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize("address", ["", "news@example.org", "b+@example.org", "b+zz@example.org"])
def test_another_address_is_none_of_ours(address):
    with pytest.raises(BadToken):
        verp.read(address)


def test_a_changed_sender_is_refused():
    local, _, domain = verp.Senders(1, "example.org").address(2).partition("@")

    for place in range(2, len(local)):
        other = "0" if local[place] != "0" else "1"
        with pytest.raises(BadToken):
            verp.read(f"{local[:place]}{other}{local[place + 1 :]}@{domain}")


@given(NUMBER, NUMBER, NUMBER)
def test_a_signer_makes_the_tokens_that_sign_makes(first, second, third):
    assert Signer("click", first, second).sign(third) == signing.sign("click", first, second, third)
    assert Signer("click", first).sign_packed(varint(second)) == signing.sign(
        "click", first, second
    )
    assert Signer("click", first).sign_each(varint(second), [varint(third)]) == [
        signing.sign("click", first, second, third)
    ]
