"""Tokens of pictures and links: read as they were signed, and for nothing else."""

from itertools import permutations

import pytest

from tracking import tokens

READERS = {
    "open": tokens.read_open,
    "click": tokens.read_click,
    "forward": tokens.read_forward,
    "share": tokens.read_share,
}
MADE = {
    "open": tokens.sign_open(7, 12),
    "click": tokens.sign_click(7, 12, 3),
    "forward": tokens.sign_forward(7, 12),
    "share": tokens.sign_share(7, 12),
}


def test_an_open_token_names_campaign_and_reader():
    assert tokens.read_open(tokens.sign_open(7, 12)) == (7, 12, 0)


def test_a_click_token_names_the_link_as_well():
    assert tokens.read_click(tokens.sign_click(7, 12, 3)) == (7, 12, 0, 3)


def test_a_reader_who_may_not_be_named_is_zero():
    assert tokens.read_open(tokens.sign_open(7, 0)).subscriber_id == 0


def test_tokens_of_a_forwarded_copy_name_the_forward_and_no_reader():
    assert tokens.read_open(tokens.sign_forward_open(7, 12)) == (7, 0, 12)
    assert tokens.read_click(tokens.sign_forward_click(7, 12, 3)) == (7, 0, 12, 3)


def test_the_pages_of_forwarding_have_tokens_of_their_own():
    assert tokens.read_forward(MADE["forward"]) == (7, 12)
    assert tokens.read_share(MADE["share"]) == (7, 12)


@pytest.mark.parametrize(("purpose", "other"), [*permutations(MADE, 2)])
def test_a_token_of_one_kind_is_none_of_another(purpose, other):
    with pytest.raises(tokens.BadToken):
        READERS[other](MADE[purpose])


def test_tokens_stay_short():
    longest = tokens.sign_forward_click(10**7, 10**8, 10**8)

    assert len(longest) <= 40
