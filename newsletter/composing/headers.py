"""Header lines: the one place where a value becomes part of a header.

No value can end its line. What a marketer sets (From, Reply-To) is refused when it holds anything
but a name and an address; what a reader's data says (a name, a personalised subject) has its
control characters turned into blanks, and is then written with printable ASCII only: as it is, as
a quoted string, or as encoded words (RFC 2047).
"""

import re
import unicodedata
from base64 import b64encode
from typing import NamedTuple

from subscribers import addresses

LINE = 76  # characters of a line with encoded words, RFC 2047; RFC 5322 would like 78
WORD = 75  # characters of an encoded word, RFC 2047
LONGEST_LIST_ID = 255  # characters, RFC 2919
LONGEST_TEXT = 1_000  # characters of a subject or a name; the rest is cut off

_PRINTABLE = re.compile(r"[ -~]*")
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/?^_`{|}~-]+)*")
_MAILBOX = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]*)>|(?P<bare>[^<>]+)")
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[a-z0-9.-]{1,253}")
# Q-encoding for phrases is the strictest (RFC 2047, 5 (3)), so it serves everywhere.
_Q = {
    code: chr(code) if re.match(r"[A-Za-z0-9!*+/-]", chr(code)) else f"={code:02X}"
    for code in range(256)
}
_Q[ord(" ")] = "_"


class BadHeader(ValueError):
    """The text can't stand in a header. The message says why, for who wrote it."""


class Mailbox(NamedTuple):
    """A name (perhaps empty) and an address as it goes over the wire, its domain in A-labels."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        """The part after the @."""
        return self.address.rpartition("@")[2]


def mailbox(text: str) -> Mailbox:
    """Read "Name <address>" or "address". Raises BadHeader."""
    if _controls(text):
        raise BadHeader("a line break or another control character stands in it")
    found = _MAILBOX.fullmatch(text.strip())
    if not found:
        raise BadHeader("it has to look like: Name <name@example.org>")
    name = re.sub(r'^"(.*)"$', r"\1", (found["name"] or "").strip()).replace('\\"', '"')
    try:
        return Mailbox(name, wire_address(found["address"] or found["bare"] or ""))
    except addresses.BadAddress as error:
        raise BadHeader(str(error)) from None


def wire_address(email: str) -> str:
    """Return an address with its domain in A-labels, the local part as given.

    Raises addresses.BadAddress for what is none.
    """
    if _PLAIN_ADDRESS.fullmatch(email) and ".." not in email:
        return email
    parsed = addresses.parse(email)
    return f"{parsed.email.rpartition('@')[0]}@{parsed.key.rpartition('@')[2]}"


def address(name: str, value: tuple[str, str]) -> str:
    """Return the header `name` with one mailbox, folded, with its CRLF.

    `value` is a Mailbox, or a name and an address as a Mailbox has them.
    """
    shown, email = value
    if not shown:
        return f"{name}: {email}\r\n"
    line = f"{name}: {shown} <{email}>"
    if len(line) <= LINE and _PLAIN_NAME.fullmatch(shown):  # what most names are
        return line + "\r\n"
    words = phrase(shown, len(name) + 2)
    used = len(name) + 2 + len(words) if "\r\n" not in words else len(words.rpartition("\r\n")[2])
    gap = " " if used + len(email) + 3 <= LINE else "\r\n "
    return f"{name}: {words}{gap}<{email}>\r\n"


def phrase(text: str, column: int = 0) -> str:
    """Return a display name that starts at `column`: atoms, a quoted string or encoded words."""
    text = " ".join(one_line(text).split())  # one blank between the words of a phrase
    if _PRINTABLE.fullmatch(text) and "=?" not in text and column + len(text) + 2 <= LINE:
        if _ATOMS.fullmatch(text):
            return text
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return _encoded_words(text, column)


def unstructured(name: str, text: str) -> str:
    """Return the header `name` with free text, folded, with its CRLF."""
    text = one_line(text)
    column = len(name) + 2
    if _PRINTABLE.fullmatch(text) and "=?" not in text:
        if column + len(text) <= LINE:
            return f"{name}: {text}\r\n"
        folded = _fold(text, column)
        if folded:
            return f"{name}: {folded}\r\n"
    return f"{name}: {_encoded_words(text, column)}\r\n"


def one_line(text: str) -> str:
    """Turn every line end and control character into a blank, and cut what is gigantic."""
    if not (_PRINTABLE.fullmatch(text)):
        text = "".join(" " if _is_control(char) else char for char in text)
    return text.strip()[:LONGEST_TEXT].strip()


def _controls(text: str) -> bool:
    return any(map(_is_control, text))


def _is_control(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs")


def _fold(text: str, column: int) -> str:
    """Fold at blanks. Returns "" where a word is too long for a line."""
    lines, line = [], ""
    for word in re.findall(r" *[^ ]+", text):
        if line and column + len(line) + len(word) > LINE:
            lines.append(line)
            line, column = word, 0
        else:
            line += word
        if column + len(line) > LINE:
            return ""
    return "\r\n".join([*lines, line])


def _encoded_words(text: str, column: int) -> str:
    """Write `text` as encoded words, in whichever of Q and B is shorter, never cutting a character.

    The blank between two encoded words is not part of the text (RFC 2047, 6.2).
    """
    raw = text.encode("utf-8", "replace")
    quoted = len(raw.decode("latin-1").translate(_Q))
    as_base64 = quoted > (len(raw) + 2) // 3 * 4
    words, start, used = [], 0, 0
    room = min(WORD, LINE - column) - len("=?utf-8?q??=")
    for place, char in enumerate(text):
        size = len(char.encode("utf-8", "replace")) if as_base64 else _quoted_length(char)
        if used and used + size > (room // 4 * 3 if as_base64 else room):
            words.append(text[start:place])
            start, used = place, 0
            room = WORD - len("=?utf-8?q??=")
        used += size
    words.append(text[start:])
    return "\r\n ".join(_encoded_word(word, as_base64) for word in words)


def _quoted_length(char: str) -> int:
    return len(_Q[ord(char)]) if char.isascii() else 3 * len(char.encode("utf-8", "replace"))


def _encoded_word(text: str, as_base64: bool) -> str:
    raw = text.encode("utf-8", "replace")
    if as_base64:
        return f"=?utf-8?b?{b64encode(raw).decode()}?="
    return f"=?utf-8?q?{raw.decode('latin-1').translate(_Q)}?="


def list_id(name: str, identifier: str) -> str:
    """Return the List-ID header (RFC 2919), at most 255 characters of value, with its CRLF."""
    identifier = "".join(one_line(identifier).split())[-LONGEST_LIST_ID + 2 :]
    value = Mailbox(name, identifier)
    if len(address("List-ID", value)) > LONGEST_LIST_ID:
        value = Mailbox("", identifier)
    return address("List-ID", value) if value.name else f"List-ID: <{identifier}>\r\n"
