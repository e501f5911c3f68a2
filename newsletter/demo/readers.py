"""What the demonstration's readers do with a mail, and what machines do with it. Pure.

They behave as people and machines were seen to (docs/verdicts.md), so that what reports show of
them is what reports show of others: most mail is never opened, most opens come in the first hours,
a link is followed some time after the mail was opened; a gateway follows all links seconds after it
came. By chance, and by the same chance on each machine.
"""

from collections.abc import Iterator
from random import Random
from typing import Final, NamedTuple

from newsletter.demo.programs import Program, Programs
from tracking.classify.verdicts import CANARY, CLICK, OPEN

SEED: Final = 20
# Beside the kinds of hits: ask for no more mail, send it to a friend, make a page of it to share.
LEAVE, SEND_ON, PUBLISH = 0, -1, -2

MINUTE, HOUR = 60.0, 3600.0  # seconds

# How many of a hundred read with which program, and follow links with which.
_KINDS: Final = (
    (24, "gmail", "chrome_android"),
    (12, "gmail", "chrome"),
    (22, "apple_prefetch", "iphone"),
    (16, "outlook", "edge"),
    (6, "thunderbird", "firefox"),
    (7, "chrome", "chrome"),
    (4, "safari", "safari"),
    (4, "yahoo", "chrome_android"),
    (3, "apple_mail", "safari"),
    (2, "samsung_mail", "samsung_mail"),
)
# How often a mail is opened by those who hardly do, sometimes do, and mostly do; of a hundred.
_ZEAL: Final = ((22, 0.03), (33, 0.35), (45, 0.75))
_CURIOSITY: Final = (0.05, 0.35)  # of a hundred mails opened, a link is followed in so many
_LAPSED: Final = 0.14  # have ceased to read, in one of the last _LAPSE weeks
_LAPSE: Final = 16
_BEHIND_GATEWAY: Final = 0.4  # of those with Outlook, who sit in offices
_OFFICES: Final = 4
_PREFETCHED: Final = 0.93
_AGAIN, _SHOWN, _LEAVES = 0.2, 0.06, 0.008
_PASSED_ON: Final = ((0.009, SEND_ON), (0.004, PUBLISH))
_LINKS: Final = (1, 1, 1, 1, 2, 2, 3)  # that are followed
_WEIGHTS: Final = (9, 3, 2, 1)  # of links by their places: the button is followed most


class Reader(NamedTuple):
    """A person, with what they read by."""

    number: int
    opener: str  # the name of a program
    clicker: str
    address: str  # that their programs have
    zeal: float  # how often they open a mail, 0.0 to 1.0
    curiosity: float  # how often they follow a link then
    reads_until: int  # weeks ago; 0: they still do
    gateway: str  # the address of what looks through their mail; "": nothing does


class Pace(NamedTuple):
    """How long people take, in seconds."""

    first: float  # after which nobody has seen the mail yet
    look: float  # the middle of the times until they do
    spread: float  # of these times
    last: float  # after which nobody does any more
    again: float  # the middle of the times until they open it again


# As people read. And so that there is something to see while somebody looks on: as those do who
# have waited for it.
USUAL: Final = Pace(40.0, 3 * HOUR, 1.6, 240 * HOUR, 20 * HOUR)
QUICK: Final = Pace(9.0, 2.5 * MINUTE, 0.9, 15 * MINUTE, 3 * MINUTE)


class Mail(NamedTuple):
    """What has to be known of an issue."""

    name: str
    links: int
    appeal: float = 1.0
    weeks_ago: int = 0


class Act(NamedTuple):
    """Somebody, or something, loads the picture, follows a link or leaves."""

    after: float  # seconds since the mail was handed over
    kind: int  # OPEN, CLICK, CANARY, LEAVE, SEND_ON or PUBLISH
    link: int  # its place in the mail, from 0; of a click only
    program: Program
    address: str  # IPv4


def reader(number: int) -> Reader:
    """Return one of the people, always the same for a number from 0 to 9,999.

    Addresses are of this machine itself (127.0.0.0/8): none can be anybody else's.
    """
    chance = Random(f"{SEED} {number}")  # noqa: S311  (a demonstration, not a secret)
    [(_, opener, clicker)] = chance.choices(_KINDS, [share for share, *_ in _KINDS])
    [(_, zeal)] = chance.choices(_ZEAL, [share for share, _ in _ZEAL])
    office = chance.randrange(_OFFICES)
    is_guarded = opener == "outlook" and chance.random() < _BEHIND_GATEWAY
    address = f"127.{1 + number % 50}.{number // 50}.1"
    return Reader(
        number,
        opener,
        clicker,
        f"127.70.{office}.1" if is_guarded else address,
        zeal,
        chance.uniform(*_CURIOSITY),
        chance.randint(1, _LAPSE) if chance.random() < _LAPSED else 0,
        f"127.80.{office}.1" if is_guarded else "",
    )


def acts(who: Reader, mail: Mail, pace: Pace, programs: Programs) -> list[Act]:
    """Return what becomes of one mail to one person, in order of time."""
    chance = Random(f"{SEED} {mail.name} {who.number}")  # noqa: S311  (likewise)
    looks_at = _moment(pace, chance)
    has_stopped = who.reads_until > mail.weeks_ago
    is_read = chance.random() < who.zeal * mail.appeal and not has_stopped
    found = [*_by_gateway(who, mail, programs, chance)]
    if who.opener == "apple_prefetch" and (is_read or chance.random() < _PREFETCHED):
        # Whether or not somebody reads, and at the latest when they do.
        after = min(_moment(pace, chance), looks_at if is_read else pace.last)
        found.append(Act(after, OPEN, 0, programs.apple_prefetch, _service(61, chance)))
    if is_read:
        found += _by_person(who, mail, looks_at, pace, programs, chance)
    return sorted(found, key=lambda act: act.after)


def _by_gateway(who: Reader, mail: Mail, programs: Programs, chance: Random) -> Iterator[Act]:
    """Try all that there is, as soon as the mail comes."""
    if not who.gateway:
        return
    after = chance.uniform(8.0, 40.0)
    yield Act(after, OPEN, 0, programs.gateway, who.gateway)
    for link in range(mail.links):
        after += chance.uniform(0.05, 0.25)
        yield Act(after, CLICK, link, programs.gateway, who.gateway)
    yield Act(after + 0.1, CANARY, 0, programs.gateway, who.gateway)


def _by_person(
    who: Reader, mail: Mail, at: float, pace: Pace, programs: Programs, chance: Random
) -> Iterator[Act]:
    opener: Program = getattr(programs, who.opener)
    # Some mail services load the picture in the reader's stead.
    address = _service(60, chance) if who.opener in ("gmail", "yahoo") else who.address
    if who.opener != "apple_prefetch":  # Apple tells nobody when they look
        yield Act(at, OPEN, 0, opener, address)
        later = at + MINUTE + chance.lognormvariate(0.0, 0.8) * pace.again
        if later < pace.last and chance.random() < _AGAIN:
            yield Act(later, OPEN, 0, opener, address)
    if chance.random() < who.curiosity:
        yield from _clicks(who, mail, at, programs, chance)
    for share, kind in ((_LEAVES, LEAVE), *_PASSED_ON):
        if chance.random() < share:
            yield Act(at + chance.uniform(5.0, 60.0), kind, 0, opener, who.address)


def _clicks(
    who: Reader, mail: Mail, opened: float, programs: Programs, chance: Random
) -> Iterator[Act]:
    """Follow a link or a few, with the time that it takes to read what lies behind it."""
    clicker: Program = getattr(programs, who.clicker)
    at = opened
    places = list(range(mail.links))
    for _ in range(min(chance.choice(_LINKS), mail.links)):
        at += 4.0 + chance.lognormvariate(2.9, 0.7)
        [link] = chance.choices(places, [_WEIGHTS[min(place, 3)] for place in places])
        places.remove(link)
        yield Act(at, CLICK, link, clicker, who.address)
        if chance.random() < _SHOWN:  # to a friend, whose chat looks at it as well
            after = at + chance.uniform(30.0, 240.0)
            yield Act(after, CLICK, link, programs.chat, f"127.90.{who.number % 250}.1")


def _moment(pace: Pace, chance: Random) -> float:
    """Return when somebody comes to see a mail, in seconds since it was handed over."""
    while True:
        after = pace.first + chance.lognormvariate(0.0, pace.spread) * pace.look
        if after < pace.last:
            return after


def _service(block: int, chance: Random) -> str:
    """Return one of the addresses of a mail service."""
    return f"127.{block}.{chance.randrange(250)}.1"
