"""How the mail server misbehaves: at random, and the same again for the same seed. Pure.

What it does to a recipient hangs on the address alone, so that a second try meets the same server.
What it does to a connection or a mail is drawn from a sequence of its own for each connection.
"""

import random
from dataclasses import asdict, dataclass
from enum import StrEnum
from hashlib import blake2b


class Treatment(StrEnum):
    """What becomes of a recipient."""

    ACCEPT = "accept"
    REFUSE = "refuse"  # 550 5.1.1 at RCPT, always
    REFUSE_MAIL = "refuse-mail"  # 550 5.1.1 at the final dot, always
    DEFER = "defer"  # 451 at RCPT, the first time
    DEFER_MAIL = "defer-mail"  # 451 at the final dot, the first time


class Drop(StrEnum):
    """Where a connection is dropped."""

    GREETING = "greeting"
    EHLO = "ehlo"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"  # in the middle of it
    DOT = "dot"  # behind the final dot, and the mail is not accepted
    REPLY = "reply"  # the mail is accepted, and nobody hears of it


# After these the sender can't know whether its mail was accepted.
DOUBTFUL = frozenset({Drop.BODY, Drop.DOT, Drop.REPLY})

_TREATMENTS = (
    (Treatment.REFUSE, 0.010),
    (Treatment.REFUSE_MAIL, 0.002),
    (Treatment.DEFER, 0.010),
    (Treatment.DEFER_MAIL, 0.003),
)
_OF_CONNECTIONS = ((Drop.GREETING, 0.02), (Drop.EHLO, 0.02))
_OF_MAILS = (
    *((drop, 0.0004) for drop in (Drop.MAIL, Drop.RCPT, Drop.DATA)),
    *((drop, 0.0003) for drop in (Drop.BODY, Drop.DOT, Drop.REPLY)),
)
SLOW = 0.002  # of the mails are answered late
SLOWEST = 1.5  # seconds


@dataclass(frozen=True)
class Habits:
    """Everything about the mail server that a variant chooses."""

    record: str = ""  # the file that it writes
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = 0
    is_wild: bool = True  # False: it takes every mail and drops nobody
    pipelining: bool = True
    mails_per_connection: int = 0  # then it hangs up; 0: no limit
    seconds: float = 0.0  # before each answer to a mail, which keeps a campaign going for a while
    certificate: str = ""  # file with certificate and key: STARTTLS is offered, and required

    def dictionary(self) -> dict[str, object]:
        """Return what makes the same habits in another process."""
        return asdict(self)


def treatment(habits: Habits, recipient: str) -> Treatment:
    """Return what becomes of this recipient."""
    if not habits.is_wild:
        return Treatment.ACCEPT
    digest = blake2b(f"{habits.seed} {recipient}".encode(), digest_size=8).digest()
    return _choose(int.from_bytes(digest) / 2**64, _TREATMENTS) or Treatment.ACCEPT


class Temper:
    """One connection's own sequence of misfortunes."""

    def __init__(self, habits: Habits, connection: int) -> None:
        self._is_wild = habits.is_wild
        self._random = random.Random(f"{habits.seed} {connection}")
        self.at_begin = _choose(self._random.random(), _OF_CONNECTIONS) if habits.is_wild else None

    def for_mail(self) -> Drop | None:
        """Return where the connection drops in the next mail, if it does."""
        return _choose(self._random.random(), _OF_MAILS) if self._is_wild else None

    def lateness(self) -> float:
        """Return for how many seconds the next answer to a mail is held back."""
        if not self._is_wild or self._random.random() >= SLOW:
            return 0.0
        return self._random.uniform(0.05, SLOWEST)


def _choose(draw: float, choices):
    for choice, share in choices:
        if draw < share:
            return choice
        draw -= share
    return None
