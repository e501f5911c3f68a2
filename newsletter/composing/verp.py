"""Envelope senders that name their mail, so that a bounce says whom it is about (VERP). Pure.

`b+<token>@domain`, the token in hexadecimal: mail servers change the case of local parts. It has a
shorter tag than the tokens of web addresses (10 bytes), which keeps the local part within its 64
characters (RFC 5321) for every number that the database can hold.
"""

from subscribers import signing

PURPOSE = "bounce"
TAG_SIZE = 10  # bytes
PREFIX = "b+"
_CUT = TAG_SIZE - signing.TAG_SIZE  # from the end of a token


class Senders:
    """The envelope senders of one campaign's mails."""

    def __init__(self, campaign_id: int, domain: str) -> None:
        self._signer = signing.MailSigner(campaign_id)
        self._end = f"@{domain}"

    def address(self, subscriber_id: int) -> str:
        """Return the sender of the mail to one subscriber."""
        _, _, token, _ = self._signer.raw_all(signing.varint(subscriber_id))
        return self.address_of(token)

    def address_of(self, token: bytes) -> str:
        """Return the sender of the mail that a token for PURPOSE, made already, names."""
        return f"{PREFIX}{token[:_CUT].hex()}{self._end}"


def read(address: str) -> tuple[int, int]:
    """Return campaign id and subscriber id. Raises signing.BadToken when we did not write it."""
    local = address.rpartition("@")[0].lower()
    if not local.startswith(PREFIX):
        raise signing.BadToken
    try:
        raw = bytes.fromhex(local.removeprefix(PREFIX))
    except ValueError:
        raise signing.BadToken from None
    campaign_id, subscriber_id = signing.verify(PURPOSE, raw, 2, size=TAG_SIZE)
    return campaign_id, subscriber_id
