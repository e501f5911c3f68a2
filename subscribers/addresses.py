"""Mail addresses: which are possible, and which two are the same person's. Pure.

An address is kept as its owner gave it, since only the owner's server knows whether case matters
(RFC 5321, 2.4). The key is what we compare: NFC (RFC 6532), folded case, domain in
A-labels (UTS 46).
"""

import re
import unicodedata
from dataclasses import dataclass

import idna

LONGEST_LOCAL = 64  # bytes, RFC 5321 4.5.3.1.1
LONGEST_DOMAIN = 255  # bytes, RFC 5321 4.5.3.1.2
LONGEST = 254  # bytes, RFC 3696 erratum 1690

# Unquoted local parts only (RFC 5322 atext, RFC 6531 for what is not ASCII). Quoted ones exist on
# paper; letting them in would let spaces, commas and line ends into headers. Nor what begins an
# encoded word (RFC 2047): many a reader of headers decodes it, and sees another address.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]+"
_LOCAL = re.compile(rf"(?!.*=\?){_ATEXT}(?:\.{_ATEXT})*")
_HOST = re.compile(
    r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])"
)
_INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp", "Cs", "Co", "Cn"}


class BadAddress(ValueError):
    """The text is not an address that mail can be sent to. The message says why."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address as given (trimmed), and the key that makes two spellings one person."""

    email: str
    key: str


def parse(text: str) -> Address:
    """Check and normalise an address. Raises BadAddress with a reason for who gave it."""
    email = unicodedata.normalize("NFC", text.strip())
    if not email:
        raise BadAddress("the address is empty")
    local, at, domain = email.rpartition("@")
    if not at or not local:
        raise BadAddress("an address has the form name@example.org")
    if len(local.encode()) > LONGEST_LOCAL:
        raise BadAddress("the part before the @ is longer than 64 bytes")
    if not _LOCAL.fullmatch(local) or _hidden(local):
        raise BadAddress("the part before the @ holds a character that is not allowed there")
    host = domain_key(domain)
    if len(local.encode()) + 1 + len(host) > LONGEST:
        raise BadAddress("the address is longer than 254 bytes")
    return Address(email, f"{unicodedata.normalize('NFC', local.casefold())}@{host}")


def domain_key(domain: str) -> str:
    """Return `domain` in lower-case A-labels (RFC 5891, UTS 46). Raises BadAddress."""
    host = domain.lower()
    if not host.isascii():
        try:
            host = idna.encode(domain, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            raise BadAddress(f"{domain!r} is not a domain name") from None
    if len(host) > LONGEST_DOMAIN or not _HOST.fullmatch(host):
        raise BadAddress(f"{domain!r} is not a domain name with at least two parts")
    return host


def _hidden(text: str) -> bool:
    return not text.isascii() and any(unicodedata.category(c) in _INVISIBLE for c in text)
