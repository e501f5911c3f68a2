"""Signed tokens of pictures and links in mail. Pure: no database, no Redis.

A token names a campaign, a reader and, for a click, a link by its number: never an address, so
that nobody can make our links lead to theirs. Reader 0 is someone who may not be named, and link 0
is the hidden link that no person sees.

A copy that somebody forwarded names the forward in place of the reader, under purposes of its own:
so none of its tokens can be taken for one of the reader's, whatever the numbers are.
"""

from typing import NamedTuple

from subscribers import signing
from subscribers.signing import BadToken

__all__ = [
    "HIDDEN_LINK",
    "BadToken",
    "Click",
    "Forward",
    "Open",
    "Share",
    "read_click",
    "read_forward",
    "read_open",
    "read_share",
    "sign_click",
    "sign_forward",
    "sign_forward_click",
    "sign_forward_open",
    "sign_open",
    "sign_share",
]

HIDDEN_LINK = 0  # stands in a click token where a link's id would


class Open(NamedTuple):
    """Which copy of which campaign's mail was opened: a subscriber's own, or a forwarded one."""

    campaign_id: int
    subscriber_id: int  # 0: not named
    forward_id: int  # 0: the subscriber's own copy


class Click(NamedTuple):
    """Which copy of which campaign's mail was clicked, and on which link."""

    campaign_id: int
    subscriber_id: int
    forward_id: int
    link_id: int


class Forward(NamedTuple):
    """Who wants to forward which campaign's mail."""

    campaign_id: int
    subscriber_id: int


class Share(NamedTuple):
    """Which link to the web page of a campaign's mail was shared."""

    campaign_id: int
    forward_id: int


def sign_open(campaign_id: int, subscriber_id: int) -> str:
    """Return the token of one reader's mail for its pictures.

    That of the mail (TRACKING_URL/o/<token>) and that which only quoted mail loads (/q/<token>):
    who could make up one hit could make up the other.
    """
    return signing.sign("open", campaign_id, subscriber_id)


def sign_click(campaign_id: int, subscriber_id: int, link_id: int) -> str:
    """Return the token of one link in one reader's mail (TRACKING_URL/c/<token>)."""
    return signing.sign("click", campaign_id, subscriber_id, link_id)


def sign_forward(campaign_id: int, subscriber_id: int) -> str:
    """Return the token of the page on which one reader forwards a mail (PUBLIC_URL)."""
    return signing.sign("forward", campaign_id, subscriber_id)


def sign_forward_open(campaign_id: int, forward_id: int) -> str:
    """Return what `sign_open` does, for a forwarded copy."""
    return signing.sign("forward-open", campaign_id, forward_id)


def sign_forward_click(campaign_id: int, forward_id: int, link_id: int) -> str:
    """Return what `sign_click` does, for a forwarded copy."""
    return signing.sign("forward-click", campaign_id, forward_id, link_id)


def sign_share(campaign_id: int, forward_id: int) -> str:
    """Return the token of a share link (TRACKING_URL/s/<token>) and its page (PUBLIC_URL/v/)."""
    return signing.sign("share", campaign_id, forward_id)


def read_open(token: str) -> Open:
    """Return what `sign_open` or `sign_forward_open` put in. Raises BadToken."""
    try:
        # The more frequent by far comes first.
        campaign_id, subscriber_id = signing.read("open", token, 2)
        return Open(campaign_id, subscriber_id, 0)
    except BadToken:
        campaign_id, forward_id = signing.read("forward-open", token, 2)
        return Open(campaign_id, 0, forward_id)


def read_click(token: str) -> Click:
    """Return what `sign_click` or `sign_forward_click` put in. Raises BadToken."""
    try:
        campaign_id, subscriber_id, link_id = signing.read("click", token, 3)
        return Click(campaign_id, subscriber_id, 0, link_id)
    except BadToken:
        campaign_id, forward_id, link_id = signing.read("forward-click", token, 3)
        return Click(campaign_id, 0, forward_id, link_id)


def read_forward(token: str) -> Forward:
    """Return what `sign_forward` put in. Raises BadToken."""
    return Forward(*signing.read("forward", token, 2))


def read_share(token: str) -> Share:
    """Return what `sign_share` put in. Raises BadToken."""
    return Share(*signing.read("share", token, 2))
