"""Secrets at rest: what PostgreSQL stores of a private key or a password, nobody can use.

A sealed text is AES-256-GCM with a key of settings.ENCRYPTION_KEYS, stretched by HKDF-SHA256. The
first key seals; all open, so a new one is put in front, `manage.py reseal` seals everything anew,
and the old one is taken away. A key derived from SECRET_KEY (and from its fallbacks) opens too, and
seals while ENCRYPTION_KEYS is not set, so that setting it later locks nobody out.

A sealed text is bound to its purpose, a word for what it is ("dkim-private-key"): a sealed password
can't be moved to where it would be opened as something else, and shown. Every column of sealed
texts is named in newsletter/resealing.py with its purpose.
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

VERSION = "1."  # of the format, in front of every sealed text
NONCE = 12  # bytes; random, which is safe for far more secrets than anybody has
SHORTEST_KEY = 16  # characters
_FROM_ENCRYPTION_KEYS = b"broadsheet vault, version 1"
_FROM_SECRET_KEY = b"broadsheet vault, version 1, from SECRET_KEY"


class CannotOpen(Exception):
    """A sealed text can't be opened with any key that we have. The message says what to do."""


@sensitive_variables("text")
def seal(text: str, purpose: str) -> str:
    """Encrypt `text` for `purpose`, with the first key. ASCII; some 40 characters and a third more.

    Sealing the same twice gives different texts.
    """
    nonce = os.urandom(NONCE)
    sealed = _ciphers()[0].encrypt(nonce, text.encode(), purpose.encode())
    return VERSION + urlsafe_b64encode(nonce + sealed).decode()


def unseal(token: str, purpose: str) -> str:
    """Return the text that was sealed for `purpose`. Raises CannotOpen."""
    return _open(token, purpose)[1]


def is_current(token: str, purpose: str) -> bool:
    """Return whether the first key sealed this. Raises CannotOpen."""
    return _open(token, purpose)[0] == 0


def reseal(token: str, purpose: str) -> str:
    """Return the same secret, sealed with the first key. Raises CannotOpen."""
    return seal(unseal(token, purpose), purpose)


@sensitive_variables()
def _open(token: str, purpose: str) -> tuple[int, str]:
    """Return which key opened it, and the text."""
    if not token.startswith(VERSION):
        raise CannotOpen(f"The stored {purpose} was not sealed by us. Enter it anew.")
    body = token.removeprefix(VERSION)
    try:
        raw = urlsafe_b64decode(body)
    except ValueError:
        raw = b""
    # The last letter of Base64 has bits that say nothing: only one spelling is ours.
    if urlsafe_b64encode(raw).decode() != body:
        raw = b""
    for number, cipher in enumerate(_ciphers()):
        try:
            text = cipher.decrypt(raw[:NONCE], raw[NONCE:], purpose.encode())
        except (InvalidTag, ValueError):
            continue
        return number, text.decode()
    raise CannotOpen(
        f"No key opens the stored {purpose}: it was sealed with one that we don't have now. Put "
        "that key back, at the end of ENCRYPTION_KEYS (or as SECRET_KEY, if ENCRYPTION_KEYS was "
        "not set then), or enter the secret anew."
    )


@sensitive_variables()
def _ciphers() -> tuple[AESGCM, ...]:
    from_secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return (
        *(_cipher(key, _FROM_ENCRYPTION_KEYS) for key in settings.ENCRYPTION_KEYS),
        *(_cipher(key, _FROM_SECRET_KEY) for key in from_secrets),
    )


@lru_cache(maxsize=64)
@sensitive_variables()
def _cipher(key: str, info: bytes) -> AESGCM:
    if len(key) < SHORTEST_KEY:
        raise ImproperlyConfigured(
            f"ENCRYPTION_KEYS: each key needs at least {SHORTEST_KEY} characters."
        )
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key.encode()))
