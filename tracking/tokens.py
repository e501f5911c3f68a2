"""Signed tokens of pictures and links in mail. Pure: no database, no Redis.

A token names a campaign, a reader and, for a click, a link by its number: never an address, so
that nobody can make our links lead to theirs. Reader 0 is someone who may not be named.
"""

from typing import NamedTuple

from subscribers import signing
from subscribers.signing import BadToken

__all__ = ["BadToken", "Click", "Open", "read_click", "read_open", "sign_click", "sign_open"]


class Open(NamedTuple):
    """Whose copy of which campaign's mail was opened."""

    campaign_id: int
    subscriber_id: int


class Click(NamedTuple):
    """Whose copy of which campaign's mail was clicked, and on which link."""

    campaign_id: int
    subscriber_id: int
    link_id: int


def sign_open(campaign_id: int, subscriber_id: int) -> str:
    """Return the token of the picture in one reader's mail (TRACKING_URL/o/<token>)."""
    return signing.sign("open", campaign_id, subscriber_id)


def sign_click(campaign_id: int, subscriber_id: int, link_id: int) -> str:
    """Return the token of one link in one reader's mail (TRACKING_URL/c/<token>)."""
    return signing.sign("click", campaign_id, subscriber_id, link_id)


def read_open(token: str) -> Open:
    """Return what `sign_open` put in. Raises BadToken."""
    return Open(*signing.read("open", token, 2))


def read_click(token: str) -> Click:
    """Return what `sign_click` put in. Raises BadToken."""
    return Click(*signing.read("click", token, 3))
