"""Quoted-printable in pieces that can be put together in any order (RFC 2045, 6.7).

Each encoded piece begins at the start of a line and ends at the end of one (with a soft line break
when the text has none there), so what it looks like does not depend on its neighbours. That is what
lets the text that all readers share be encoded once.

No line begins with a dot, so a message made of such pieces needs no dot-stuffing (RFC 5321, 4.5.2),
and none with "From ", which some mail stores would change.
"""

import re

# A line may have 76 characters. One is kept for the "=" of a soft break, two for a dot or an F at
# its beginning that has to be written in three.
_ROOM = 73

_SIMPLE = re.compile(rf"(?!\.|From )[ !-<>-~]{{1,{_ROOM}}}")
_LINE = re.compile(rf".{{1,{_ROOM}}}(?<!=)(?<!=.)", re.DOTALL)
_AS_IS = frozenset(range(33, 127)) - {ord("=")} | {ord(" "), ord("\t")}
_CODES = {code: chr(code) if code in _AS_IS else f"={code:02X}" for code in range(256)}
_SOFT = "=\r\n"
SOFT_BREAK = _SOFT.encode()  # ends a line that the text does not end


def encode(text: str) -> bytes:
    """Encode a piece of a text whose lines end with LF."""
    if _SIMPLE.fullmatch(text):
        return text.encode() + SOFT_BREAK
    if not text:
        return b""
    *lines, rest = text.split("\n")
    encoded = [_encode_line(line) + "\r\n" for line in lines]
    if rest:
        encoded.append(_SOFT.join(_cut(_quote(rest))) + _SOFT)
    return "".join(encoded).encode()


def _encode_line(line: str) -> str:
    quoted = _quote(line)
    if quoted[-1:] in (" ", "\t"):  # blanks at the end of a line are lost on the way
        quoted = f"{quoted[:-1]}={ord(quoted[-1]):02X}"
    return _SOFT.join(_cut(quoted))


def _quote(text: str) -> str:
    return text.encode("utf-8", "replace").decode("latin-1").translate(_CODES)


def _cut(quoted: str) -> list[str]:
    return [_guard(part) for part in _LINE.findall(quoted)]


def _guard(part: str) -> str:
    if part[0] == ".":
        return "=2E" + part[1:]
    if part.startswith("From "):
        return "=46" + part[1:]
    return part
