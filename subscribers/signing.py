"""Short signed tokens for addresses in mail. Pure: no database, no request, no clock.

A token holds a few numbers and proves that we wrote them for one purpose: a click token is never
an unsubscribe token. 16-byte keyed BLAKE2b (RFC 7693) tags; with ids below a billion a token is at
most 40 characters. Tokens carry no expiry, because one-click unsubscription (RFC 8058) has to work
for as long as a mail is kept; what expires looks at its own row.

The first key signs and every key verifies, so keys rotate without breaking delivered mail.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings

TAG_SIZE = 16  # bytes; 128 bits, since these links never expire
LONGEST = 80  # characters; a longer token was not made here
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


class BadToken(Exception):
    """The token was not made by us for this purpose, or was damaged on its way."""


@lru_cache(maxsize=8)
def _keys(secrets: tuple[str, ...]) -> tuple[tuple[int, bytes], ...]:
    """Derive each key with the byte that names it in a token."""
    digests = [hashlib.blake2b(secret.encode(), person=b"tokens").digest() for secret in secrets]
    return tuple((digest[32], digest[:32]) for digest in digests)


class Signer:
    """Signs many tokens that have their purpose and first numbers in common.

    What they share is hashed once, which makes a token four times as cheap as `sign` does.
    """

    __slots__ = ("_head", "_state")

    def __init__(self, purpose: str, *first: int, size: int = TAG_SIZE) -> None:
        name, key = _keys(tuple(settings.TRACKING_KEYS))[0]
        self._head = bytes((name,)) + b"".join(map(varint, first))
        self._state = _hash(key, purpose, self._head, size)

    def sign(self, *rest: int) -> str:
        """Return the token of the first numbers and `rest`."""
        return self.sign_packed(b"".join(map(varint, rest)))

    def sign_packed(self, rest: bytes) -> str:
        """Return the token for numbers that `varint` has packed already."""
        return b2a_base64(self.raw(rest), newline=False).translate(_URL_SAFE, b"=").decode()

    def sign_each(self, shared: bytes, rests: Sequence[bytes]) -> list[str]:
        """Return a token for each of `rests` behind what they share, all packed."""
        begun = self._state.copy()
        begun.update(shared)
        head, copy, tokens = self._head + shared, begun.copy, []
        for rest in rests:
            state = copy()
            state.update(rest)
            encoded = b2a_base64(head + rest + state.digest(), newline=False)
            tokens.append(encoded.translate(_URL_SAFE, b"=").decode())
        return tokens

    def raw(self, rest: bytes) -> bytes:
        """Return the bytes of the token for packed numbers, to be spelt in another way."""
        state = self._state.copy()
        state.update(rest)
        return self._head + rest + state.digest()


def sign(purpose: str, *numbers: int) -> str:
    """Return the token of `numbers` (each >= 0) for `purpose` (at most 16 ASCII characters)."""
    return Signer(purpose, *numbers).sign()


def read(purpose: str, token: str, count: int) -> tuple[int, ...]:
    """Return the `count` numbers that `sign` put in. Raises BadToken for anything else."""
    return verify(purpose, _decode(token), count)


def verify(purpose: str, raw: bytes, count: int, *, size: int = TAG_SIZE) -> tuple[int, ...]:
    """Return the numbers in a token's bytes. Raises BadToken when they are not ours."""
    body, tag = raw[:-size], raw[-size:]
    for name, key in _keys(tuple(settings.TRACKING_KEYS)):
        if body[:1] == bytes((name,)) and hmac.compare_digest(
            tag, _hash(key, purpose, body, size).digest()
        ):
            return _numbers(body[1:], count)
    raise BadToken


def _hash(key: bytes, purpose: str, body: bytes, size: int) -> "hashlib.blake2b":
    return hashlib.blake2b(body, digest_size=size, key=key, person=purpose.encode())


def _decode(token: str) -> bytes:
    if len(token) > LONGEST or not token.isascii():
        raise BadToken
    try:
        raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except ValueError:
        raise BadToken from None
    # One token, one spelling: the decoder ignores foreign characters and spare bits.
    if len(raw) <= TAG_SIZE or urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise BadToken
    return raw


def varint(number: int) -> bytes:
    """Pack a number, 7 bits a byte, the lowest first."""
    if number < 0:
        raise ValueError(f"a token holds no negative number: {number}")
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(body: bytes, count: int) -> tuple[int, ...]:
    numbers, number, shift = [], 0, 0
    for byte in body:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            numbers.append(number)
            number, shift = 0, 0
    if len(numbers) != count or shift:
        raise BadToken
    return tuple(numbers)
