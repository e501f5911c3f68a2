"""DKIM signatures (RFC 6376, with RFC 8301 and RFC 8463): relaxed/relaxed, RSA and Ed25519. Pure.

A signature covers the whole body (there is no l=) and every header of SIGNED that a mail has. Those
of ALWAYS_CLOSED and CLOSED_WHEN_PRESENT are listed once more than they occur, which "oversigns"
them: a mail to which one more of them is added fails. Without it, whoever gets a mail of ours could
put a second Subject or Reply-To in front, and send it on to others as ours. Closed for good is what
a reader sees or answers to. What a careful relay may still add to a mail that lacks it (a Date, a
Message-ID) is closed only where it is present, which is in all our own mail. Not closed are the
headers that a mailing list or a relay adds of its own, beside ours, when it passes a mail on.

The body is canonicalised and hashed once for all keys, which costs a quarter of an RSA signature
for a usual mail (figures in docs/dkim.md). Python's own replace() does it several times quicker
than a regular expression, and returns the same object when there is nothing to replace.
"""

import re
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from django.views.decorators.debug import sensitive_variables

LINE = 76  # characters; RFC 5322 would like 78
WEAKEST_RSA = 1024  # bits, RFC 8301; verifiers take a signature of a weaker key for none

ALWAYS_CLOSED = ("From", "To", "Cc", "Subject", "Reply-To")
CLOSED_WHEN_PRESENT = (
    "Sender",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
)
OPEN = (
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "List-ID",
    "List-Help",
    "List-Owner",
    "List-Subscribe",
    "List-Post",
    "List-Archive",
    "Precedence",
    "Auto-Submitted",
    "Feedback-ID",
)
SIGNED = ALWAYS_CLOSED + CLOSED_WHEN_PRESENT + OPEN

_NAMES = {name.lower().encode(): name for name in SIGNED}
_STUFFED = re.compile(rb"^\.", re.MULTILINE)
_SHA256 = Prehashed(hashes.SHA256())

PrivateKey = RSAPrivateKey | Ed25519PrivateKey


class BadKey(ValueError):
    """This can't be used to sign. The message says why; it never holds the key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A private key, and where verifiers find the public one: <selector>._domainkey.<domain>.

    Both names are in A-labels. Raises BadKey when a name can't stand in a signature or the key is
    too weak.
    """

    domain: str
    selector: str
    private: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9._-]+", f"{self.selector}.{self.domain}"):
            raise BadKey(f"{self.selector}._domainkey.{self.domain} is not a name in DNS.")
        if isinstance(self.private, RSAPrivateKey) and self.private.key_size < WEAKEST_RSA:
            raise BadKey(f"An RSA key needs at least {WEAKEST_RSA} bits.")

    @property
    def algorithm(self) -> str:
        """The k= of the DNS record: rsa or ed25519."""
        return "rsa" if isinstance(self.private, RSAPrivateKey) else "ed25519"


@sensitive_variables("pem")
def load(domain: str, selector: str, pem: str) -> Key:
    """Read a private key in PKCS #8 form. Raises BadKey."""
    try:
        private = serialization.load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        raise BadKey("This is not a private key in PEM form, or it has a password.") from None
    if not isinstance(private, PrivateKey):
        raise BadKey("DKIM knows RSA and Ed25519 keys only.")
    return Key(domain, selector, private)


def public(private: PrivateKey) -> str:
    """Return the public part as the p= of a DNS record has it (RFC 6376, RFC 8463): base64."""
    key = private.public_key()
    if isinstance(key, RSAPublicKey):
        raw = key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    else:
        raw = key.public_bytes_raw()
    return b64encode(raw).decode()


class Signer:
    """Signs each mail with all of its keys. Its answer is the same from any thread."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = [(_signature_start(key), key.private) for key in keys]

    def __repr__(self) -> str:
        """Say nothing of the keys."""
        return f"Signer({len(self._keys)} keys)"

    def sign(self, data: bytes) -> bytes:
        """Return the DKIM-Signature headers, each with its CRLF, to be put in front of `data`.

        `data` is a mail as it goes over the wire: CRLF line ends only, dots doubled, without the
        final dot. What is signed is the mail as it arrives, with the doubled dots undone. Raises
        ValueError for a mail without a From header, which can't be signed.
        """
        if b"\r\n." in data or data.startswith(b"."):
            data = _STUFFED.sub(b"", data)
        head, _, body = data.partition(b"\r\n\r\n")
        names, fields = _signed_fields(head)
        if "From" not in names:
            raise ValueError("A mail without a From header can't be signed.")
        body_hash = b64encode(sha256(relaxed_body(body)).digest())
        middle = b" t=%d; bh=%b;\r\n%b b=" % (int(time.time()), body_hash, _listed(names))
        signed = sha256(fields)
        out = []
        for start, private in self._keys:
            header = start + middle
            digest = signed.copy()
            digest.update(b"dkim-signature:" + header[16:].replace(b"\r\n ", b" "))
            out += [header, _folded(_raw_signature(private, digest.digest()))]
        return b"".join(out)


def relaxed_body(body: bytes) -> bytes:
    """Canonicalise a body with CRLF line ends (RFC 6376, 3.4.4)."""
    body = _squeezed(body.replace(b"\t", b" ")).replace(b" \r\n", b"\r\n").removesuffix(b" ")
    end = len(body)
    while body.endswith(b"\r\n", 0, end):
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _squeezed(text: bytes) -> bytes:
    """Make each run of blanks one blank: halved each time, so it takes a few rounds at most."""
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text


def _signed_fields(head: bytes) -> tuple[tuple[str, ...], bytes]:
    """Return the names of what is signed, and those headers, canonical (3.4.2), in that order.

    A header that occurs several times is read from the bottom up (5.4.2).
    """
    found: dict[str, list[bytes]] = {}
    lines = _squeezed(head.replace(b"\t", b" ").replace(b"\r\n ", b" ")).split(b"\r\n")
    for line in reversed(lines):
        title, _, value = line.partition(b":")
        title = title.rstrip(b" ").lower()
        name = _NAMES.get(title)
        if name:
            found.setdefault(name, []).append(b"%b:%b\r\n" % (title, value.strip(b" ")))
    names = tuple(name for name in SIGNED for _ in found.get(name, ()))
    return names, b"".join([line for name in SIGNED for line in found.get(name, ())])


@lru_cache(maxsize=1000)
def _listed(names: tuple[str, ...]) -> bytes:
    """Return the folded line of h=, for signed headers in this order, each as often as it occurs.

    An oversigned name stands once more, right behind its others; that it reads "no such header"
    there is part of what is signed, and adds nothing to the hash.
    """
    times = Counter(names)
    times.update([*ALWAYS_CLOSED, *(name for name in CLOSED_WHEN_PRESENT if name in times)])
    wanted = [name for name in SIGNED for _ in range(times[name])]
    words = [f"{name}:" for name in wanted]
    words[-1] = words[-1].replace(":", ";")
    return _fold([f" h={words[0]}", *words[1:]], "")


def _signature_start(key: Key) -> bytes:
    return _fold(
        [
            "DKIM-Signature:",
            "v=1;",
            f"a={key.algorithm}-sha256;",
            "c=relaxed/relaxed;",
            f"d={key.domain};",
            f"s={key.selector};",
        ],
        " ",
    )


def _fold(words: Sequence[str], gap: str) -> bytes:
    """Write words on lines of at most LINE characters, where no word is longer, with CRLF."""
    lines, line = [], words[0]
    for word in words[1:]:
        if len(line) + len(gap) + len(word) > LINE:
            lines.append(line)
            line = f" {word}"
        else:
            line += gap + word
    return "\r\n".join([*lines, line, ""]).encode()


def _raw_signature(private: PrivateKey, digest: bytes) -> bytes:
    if isinstance(private, RSAPrivateKey):
        return private.sign(digest, PKCS1v15(), _SHA256)
    return private.sign(digest)  # RFC 8463: Ed25519 over the SHA-256 hash


def _folded(signature: bytes) -> bytes:
    """Return the value of b=, which starts in the fourth column, with the CRLF of its header."""
    text = b64encode(signature)
    room = LINE - 3
    lines = [text[:room], *(text[i : i + room] for i in range(room, len(text), room))]
    return b"\r\n ".join(lines) + b"\r\n"
