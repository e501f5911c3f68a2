"""Short signed tokens for addresses in mail. Pure: no database, no request, no clock.

A token holds a few numbers and proves that we wrote them for one purpose: a click token is never
an unsubscribe token. Tags are 16 bytes of keyed BLAKE2b (RFC 7693); with ids below a billion a
token is at most 40 characters. Tokens carry no expiry, because one-click unsubscription (RFC 8058)
has to work for as long as a mail is kept; what expires looks at its own row.

BLAKE2b makes 64 bytes for the price of 16, so a hash holds four tags: of the purposes that name one
mail (_QUARTERS), and of links whose ids differ in the last two bits only, as those of one mail do.
No quarter tells anything about another, so each tag is worth as much as one from a hash of its own.

The first key signs and every key verifies, so keys rotate without breaking delivered mail.
"""

import hashlib
import hmac
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterable, Sequence
from functools import lru_cache

from django.conf import settings

TAG_SIZE = 16  # bytes; 128 bits, since these links never expire
LONGEST = 80  # characters; a longer token was not made here
_HASH_SIZE = 4 * TAG_SIZE  # bytes; the most that BLAKE2b makes
# Purposes that are hashed together, under one name, and whose quarter is whose.
MAIL = ("open", "message-id", "bounce", "forward")
_QUARTERS = {purpose: ("mail", quarter) for quarter, purpose in enumerate(MAIL)}
_BY_LAST_NUMBER = "click"  # the last number says which quarter, and is hashed without saying it
_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# And back; what is foreign to our alphabet must not pass for a letter of the other one.
_STANDARD = bytes.maketrans(b"-_+/", b"+/  ")


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

    __slots__ = ("_head", "_purpose", "_state", "_tag")

    def __init__(self, purpose: str, *first: int) -> None:
        name, key = _keys(tuple(settings.TRACKING_KEYS))[0]
        self._head = bytes((name,)) + b"".join(map(varint, first))
        self._purpose = purpose
        self._state = _hash(key, purpose, self._head)
        start = _quarter(purpose) * TAG_SIZE
        self._tag = None if purpose == _BY_LAST_NUMBER else slice(start, start + TAG_SIZE)

    def raw(self, rest: bytes) -> bytes:
        """Return the bytes of the token for numbers that `varint` has packed: see `spell`.

        `rest` is at least one number.
        """
        hashed, tag = rest, self._tag
        if tag is None:
            hashed, start = _hashed(self._purpose, rest)
            tag = slice(start, start + TAG_SIZE)
        state = self._state.copy()
        state.update(hashed)
        return self._head + rest + state.digest()[tag]

    def raw_each(self, shared: bytes, lasts: "Lasts") -> list[bytes]:
        """Return the bytes of a click token for each of `lasts` behind what they share, packed."""
        begun = self._state.copy()
        begun.update(shared)
        copy, tags = begun.copy, b""
        for hashed in lasts.hashed:
            state = copy()
            state.update(hashed)
            tags += state.digest()
        head = self._head + shared
        return [head + packed + tags[tag] for packed, tag in lasts.places]


class MailSigner(Signer):
    """Signs for all purposes of MAIL at once, for a campaign's mails."""

    def __init__(self, campaign_id: int) -> None:
        super().__init__(MAIL[0], campaign_id)

    def raw_all(self, subscriber: bytes) -> tuple[bytes, bytes, bytes, bytes]:
        """Return the bytes of the tokens for MAIL, in its order, for a packed subscriber id."""
        state = self._state.copy()
        state.update(subscriber)
        tags, body = state.digest(), self._head + subscriber
        return body + tags[:16], body + tags[16:32], body + tags[32:48], body + tags[48:]


class Lasts:
    """Last numbers of click tokens that are made together, and where each finds its tag."""

    __slots__ = ("hashed", "places")

    def __init__(self, numbers: Sequence[int]) -> None:
        packs = [varint(number) for number in numbers]
        self.hashed = list(dict.fromkeys(_hashed(_BY_LAST_NUMBER, packed)[0] for packed in packs))
        self.places = [self._place(packed) for packed in packs]

    def _place(self, packed: bytes) -> tuple[bytes, slice]:
        hashed, start = _hashed(_BY_LAST_NUMBER, packed)
        start += self.hashed.index(hashed) * _HASH_SIZE
        return packed, slice(start, start + TAG_SIZE)


def spell(raws: Iterable[bytes]) -> list[bytes]:
    """Return tokens as they stand in addresses, from their bytes: base64url (RFC 4648, 5)."""
    return b"".join(map(b2a_base64, raws)).translate(_URL_SAFE, b"=").split()


def sign(purpose: str, *numbers: int) -> str:
    """Return the token of `numbers` (each >= 0) for `purpose` (at most 16 ASCII characters)."""
    [token] = spell([Signer(purpose).raw(b"".join(map(varint, numbers)))])
    return token.decode()


def read(purpose: str, token: str, count: int) -> tuple[int, ...]:
    """Return the `count` numbers that `sign` put in. Raises BadToken for anything else."""
    return verify(purpose, _decode(token), count)


def verify(purpose: str, raw: bytes, count: int, *, size: int = TAG_SIZE) -> tuple[int, ...]:
    """Return the numbers in a token's bytes. Raises BadToken when they are not ours."""
    body, tag = raw[:-size], raw[-size:]
    named, packed = body[:1], body[1:]
    if not packed:
        raise BadToken
    hashed, start = _hashed(purpose, packed)
    for name, begun in _begun(purpose, tuple(settings.TRACKING_KEYS)):
        if named != name:
            continue
        state = begun.copy()
        state.update(named + hashed)
        if hmac.compare_digest(tag, state.digest()[start : start + size]):
            return _numbers(packed, count)
    raise BadToken


# Half of a short hash is taking in the key, which is the same each time.
@lru_cache(maxsize=64)
def _begun(purpose: str, secrets: tuple[str, ...]) -> tuple[tuple[bytes, "hashlib.blake2b"], ...]:
    return tuple((bytes((name,)), _hash(key, purpose, b"")) for name, key in _keys(secrets))


def _hash(key: bytes, purpose: str, body: bytes) -> "hashlib.blake2b":
    person, _ = _QUARTERS.get(purpose, (purpose, 0))
    return hashlib.blake2b(body, digest_size=_HASH_SIZE, key=key, person=person.encode())


def _hashed(purpose: str, packed: bytes) -> tuple[bytes, int]:
    """Return what is hashed of packed numbers, and where in the hash the tag begins.

    Bytes as they came, not numbers made anew: a number has one spelling only.
    """
    if purpose != _BY_LAST_NUMBER:
        return packed, _quarter(purpose) * TAG_SIZE
    last = len(packed) - 1
    while last and packed[last - 1] & 0x80:
        last -= 1
    first = packed[last]
    hashed = packed[:last] + bytes((first & ~3,)) + packed[last + 1 :]
    return hashed, (first & 3) * TAG_SIZE


def _quarter(purpose: str) -> int:
    """Return which quarter of its hash is a purpose's own."""
    return _QUARTERS.get(purpose, ("", 0))[1]


def _decode(token: str) -> bytes:
    if len(token) > LONGEST or not token.isascii():
        raise BadToken
    spelt = token.encode()
    try:
        raw = a2b_base64(spelt.translate(_STANDARD) + b"=" * (-len(token) % 4))
    except ValueError:
        raise BadToken from None
    # One token, one spelling: the decoder ignores foreign characters and spare bits.
    again = b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=")
    if len(raw) <= TAG_SIZE or again != spelt:
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
