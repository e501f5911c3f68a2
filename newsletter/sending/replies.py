"""What a mail server said, and what that means for a mail. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

LONGEST_REASON = 500  # characters, as the tables keep it
LONGEST_LINE = 8_192  # bytes; RFC 5321 asks for 512, servers that explain themselves send more
MOST_LINES = 200  # in one reply

_ADDRESS = re.compile(r"\S+@\S+")
_CODES: Final = {b"%d" % code: code for code in range(200, 600)}
_MARKS: Final = frozenset((b" ", b"\r", b""))  # of the last line of a reply
_ENDLESS: Final = "the mail server sent an endless reply"


class Ended(Exception):
    """The conversation is over. The message says why, for the person who runs the server."""


class Verdict(Enum):
    """What became of one mail in one conversation."""

    SENT = auto()  # the 250 after the final dot came
    REFUSED = auto()  # a final no to this recipient, or to this mail
    DEFERRED = auto()  # "later", to this recipient or to this mail
    RETURNED = auto()  # not accepted, for a reason that has nothing to do with the recipient
    IN_DOUBT = auto()  # the final dot was written, and the answer never came


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's whole answer to one command. Code 0: we say it, not the server."""

    code: int
    text: str

    def __str__(self) -> str:
        return (f"{self.code} {self.text}" if self.code else self.text)[:LONGEST_REASON]

    @property
    def without_addresses(self) -> str:
        """What may stand in a log, or in what is said of a whole campaign."""
        return _ADDRESS.sub("…", str(self))


ACCEPTED: Final = Reply(250, "")


def reply(code: int, lines: list[bytes]) -> Reply:
    """Make a Reply of the lines of an answer, each of which still begins with the code."""
    text = " ".join(line[4:].decode("utf-8", "replace").strip() for line in lines)
    # What a server says is shown to people, and PostgreSQL takes no NUL.
    return Reply(code, "".join(c if c.isprintable() else "�" for c in text)[:LONGEST_REASON])


class Reader:
    """Cuts what a server sends into replies, whatever the packets were."""

    def __init__(self) -> None:
        self.is_empty = True  # whether everything received so far was part of a whole reply
        self._partial = b""
        self._lines: list[bytes] = []

    def feed(self, data: bytes) -> Iterator[tuple[int, list[bytes]]]:
        """Yield the code and lines of each reply that `data` completes. Raises Ended."""
        lines = (self._partial + data).split(b"\n")
        self._partial = lines.pop()
        for line in lines:
            code, mark = _CODES.get(line[:3]), line[3:4]
            if code is None or len(line) > LONGEST_LINE or not (mark in _MARKS or mark == b"-"):
                raise Ended(f"the mail server answered {line[:60]!r}, which is not SMTP")
            if mark == b"-":
                self._lines.append(line)
                if len(self._lines) > MOST_LINES:
                    raise Ended(_ENDLESS)
            elif self._lines:
                whole, self._lines = [*self._lines, line], []
                yield code, whole
            else:
                yield code, [line]
        self.is_empty = not self._partial and not self._lines
        if len(self._partial) > LONGEST_LINE:
            raise Ended(_ENDLESS)
