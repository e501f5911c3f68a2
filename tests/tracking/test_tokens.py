"""Tokens of pictures and links: read as they were signed, and for nothing else."""

import pytest

from tracking import tokens


def test_an_open_token_names_campaign_and_reader():
    assert tokens.read_open(tokens.sign_open(7, 12)) == (7, 12)


def test_a_click_token_names_the_link_as_well():
    assert tokens.read_click(tokens.sign_click(7, 12, 3)) == (7, 12, 3)


def test_a_reader_who_may_not_be_named_is_zero():
    assert tokens.read_open(tokens.sign_open(7, 0)).subscriber_id == 0


def test_a_token_of_one_kind_is_none_of_the_other():
    with pytest.raises(tokens.BadToken):
        tokens.read_click(tokens.sign_open(7, 12))
    with pytest.raises(tokens.BadToken):
        tokens.read_open(tokens.sign_click(7, 12, 3))
