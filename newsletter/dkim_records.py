"""The DNS record of a signing key: what has to be published, and whether it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.name
import dns.resolver

from newsletter.models import DkimKey
from newsletter.sending import mail_servers

LONGEST_STRING = 255  # bytes of one string of a TXT record, RFC 1035
SHOWN = 500  # characters of what somebody else published


class State(StrEnum):
    """What DNS says of a key's record."""

    PUBLISHED = "published"
    MISSING = "missing"
    DIFFERS = "differs"
    UNKNOWN = "unknown"  # DNS could not be asked


@dataclass(frozen=True, slots=True)
class Answer:
    """A state, and for DIFFERS what is there instead, or for UNKNOWN why there was no answer."""

    state: State
    detail: str = ""

    @property
    def words(self) -> str:
        """The answer for people."""
        return {
            State.PUBLISHED: "The record is published as it should be.",
            State.MISSING: "There is no such record yet. A new one can take some minutes to be "
            "seen, and up to an hour or more where its absence was asked for before.",
            State.DIFFERS: f"Something else is published there: {self.detail}",
            State.UNKNOWN: f"DNS could not be asked: {self.detail}",
        }[self.state]


def name(key: DkimKey) -> str:
    """Return the name of the record."""
    return f"{key.selector}._domainkey.{key.domain}"


def value(key: DkimKey) -> str:
    """Return the text of the record (RFC 6376, 3.6.1)."""
    return f"v=DKIM1; k={key.algorithm}; p={key.public}"


def zone_line(key: DkimKey) -> str:
    """Return the record as a line of a zone file, its text in strings that are short enough."""
    text = value(key)
    pieces = [text[i : i + LONGEST_STRING] for i in range(0, len(text), LONGEST_STRING)]
    strings = " ".join(f'"{piece}"' for piece in pieces)
    return f"{name(key)}. IN TXT {strings if len(pieces) == 1 else f'( {strings} )'}"


def check(key: DkimKey, resolvers: Sequence[str] = ()) -> Answer:
    """Ask DNS for the record of a key; takes some seconds when nobody answers.

    `resolvers` are addresses, perhaps with a port; none means those of this machine.
    """
    try:
        resolver = mail_servers.resolver(resolvers)
        found = resolver.resolve(dns.name.from_text(name(key)), "TXT", search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return Answer(State.MISSING)
    except dns.exception.Timeout:
        return Answer(State.UNKNOWN, "no name server answered in time.")
    except dns.resolver.NoNameservers:
        return Answer(State.UNKNOWN, "the name servers answered that they can’t tell.")
    except (dns.exception.DNSException, ValueError) as error:
        return Answer(State.UNKNOWN, str(error)[:SHOWN])
    texts = [b"".join(record.strings).decode("utf-8", "replace") for record in found]
    # With several records, each verifier picks one (RFC 6376, 3.6.2.2).
    if len(texts) == 1 and _says_the_same(texts[0], key):
        return Answer(State.PUBLISHED)
    return Answer(State.DIFFERS, " and ".join(texts)[:SHOWN])


def _says_the_same(text: str, key: DkimKey) -> bool:
    """Whether a record holds this key, however it is spaced and whatever else it says."""
    tags = dict(_tag(part) for part in text.split(";") if part.strip())
    return (
        tags.get("v", "DKIM1") == "DKIM1"
        and tags.get("k", "rsa") == key.algorithm
        and tags.get("p") == key.public
    )


def _tag(part: str) -> tuple[str, str]:
    title, _, text = part.partition("=")
    return title.strip(), "".join(text.split())
