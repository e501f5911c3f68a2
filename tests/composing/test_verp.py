"""Envelope senders name their mail, survive mail servers, and can't be forged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.composing import verp
from subscribers.signing import BadToken

NUMBER = st.integers(0, 2**63 - 1)


def sender(campaign, subscriber):
    return verp.Senders(campaign, "example.org").address(subscriber)


@given(NUMBER, NUMBER)
def test_a_sender_is_read_whatever_its_case(campaign, subscriber):
    address = sender(campaign, subscriber)

    assert verp.read(address) == verp.read(address.upper()) == (campaign, subscriber)
    assert len(address.partition("@")[0]) <= 64


@pytest.mark.parametrize("address", ["", "news@example.org", "b+@example.org", "b+zz@example.org"])
def test_another_address_is_none_of_ours(address):
    with pytest.raises(BadToken):
        verp.read(address)


def test_a_changed_sender_is_refused():
    local, _, domain = sender(1, 2).partition("@")

    for place in range(2, len(local)):
        other = "0" if local[place] != "0" else "1"
        with pytest.raises(BadToken):
            verp.read(f"{local[:place]}{other}{local[place + 1 :]}@{domain}")
