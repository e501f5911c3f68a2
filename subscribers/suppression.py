"""Who is never written to again.

The list keeps keyed hashes (BLAKE2b, 16 bytes), so it outlives the erasure of a person without
keeping their address, and an old file can't bring them back. With another SUPPRESSION_KEY the
hashes would match nobody; `check_key` finds that before anyone is mailed.
"""

import hashlib
from collections.abc import Callable
from functools import lru_cache

from django.conf import settings

from subscribers.models import Suppression

HASH_SIZE = 16  # bytes


class WrongKey(Exception):
    """The suppression list was made with another SUPPRESSION_KEY than the present one."""


@lru_cache(maxsize=4)
def _key(secret: str) -> bytes:
    return hashlib.blake2b(secret.encode(), digest_size=32, person=b"suppression").digest()


def email_hash(email_key: str) -> bytes:
    """Return the hash of a normalised address (`addresses.Address.key`)."""
    key = _key(settings.SUPPRESSION_KEY)
    return hashlib.blake2b(email_key.encode(), digest_size=HASH_SIZE, key=key).digest()


def hasher() -> Callable[[str], str]:
    """Return `email_hash` for a million addresses: it hashes to hexadecimal digits.

    Copying a keyed state takes a third of the time of making one.
    """
    fresh = hashlib.blake2b(digest_size=HASH_SIZE, key=_key(settings.SUPPRESSION_KEY)).copy

    def email_hash_hex(email_key: str) -> str:
        state = fresh()
        state.update(email_key.encode())
        return state.hexdigest()

    return email_hash_hex


def key_id() -> str:
    """Return 8 characters that name the present key without giving it away."""
    return hashlib.blake2b(_key(settings.SUPPRESSION_KEY), person=b"key id").hexdigest()[:8]


def check_key() -> None:
    """Raise WrongKey when some suppressions were made with another key."""
    if Suppression.objects.exclude(key_id=key_id()).exists():
        raise WrongKey(
            "The suppression list was made with another SUPPRESSION_KEY. "
            "Set it back to the old value: with the present one, nobody on the list is recognised."
        )
