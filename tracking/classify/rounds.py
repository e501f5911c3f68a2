"""Who goes from mail to mail: through stored mail, at night, quickly, in turn, or in drops. Pure.

Each function takes the clicks of a party (tracking/classify/parties.py) and returns which of them
a machine would have made, and the evidence for one in nats.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isnan
from typing import NamedTuple

from tracking.classify.docket import Docket
from tracking.classify.signs import Signs
from tracking.classify.spans import unevenness

_LEAST = 3  # mails; of fewer nothing can be said
_BY_CHANCE = 0.4  # how orderly people may be; nats for each mail that are added or taken
_BESIDE = 120.0  # seconds between mails of one sweep
_EVEN = 1.5  # pauses that are more even than chance makes them
_LATE = 900  # seconds since the hand-over; nearly all scanners are done by then
_NIGHTLY = 600.0  # seconds between mails of one round at an hour at which hardly anybody reads
_BY_DAY = -0.5  # nats for each mail at other hours
# Seconds for each mail -> nats for touching them all at once.
_TOGETHER = ((3.0, 4.0), (15.0, 2.0))
# Nats at most, and at least, that the pauses in one mail add: they are one person's, or machine's.
_QUICK, _SLOW = 1.5, -3.0
_AGAIN = 0.5  # of the nats for a person's other mails: they may be a person's habit
_UNSEEN = 2.0  # nats at most for mails that were not open, which is how some offices are
_OTHERS = -0.9  # nats for a mail that somebody else had opened
_NEXT = 300.0  # seconds between mails that are taken one after the other
_AT_ONCE = -3.0  # nats for two mails at once
_BUNCHED = 2.0  # nats for a party that is seen in such bouts only
_BOUTS = 0.9  # of its mails, if it is
# Times at which somebody came for one more link of a mail -> nats. Of a hundred readers 90 come
# once, eight twice.
_COMINGS = (0.0, -1.0, 0.0, 1.5, 3.0)
_PAUSE = 300.0  # seconds between two of these
_DROPS, _ALWAYS = 3, 0.7  # that often on one mail; on so many mails that it is meant with all
_OWN = 6  # mailboxes that may be one person's


class Manner(NamedTuple):
    """How a party goes from mail to mail: as a machine (above 0) or as people do, in nats."""

    paces: Mapping[int, float]  # of each mail in which there were pauses
    quick: float  # hardly anybody would have read what is there
    in_turn: float  # no mail is begun before the one before is done with
    bouts: Sequence[int]  # the first clicks on mails that follow each other closely


class Round(NamedTuple):
    """The clicks that a machine would have made, and the evidence for one in nats."""

    clicks: Sequence[int]
    nats: float


def touches(docket: Docket, clicks: Sequence[int]) -> Sequence[int]:
    """Return the first click on each mail."""
    mail = docket.mail
    firsts = {mail[click]: click for click in reversed(clicks)}
    return clicks if len(firsts) == len(clicks) else sorted(firsts.values())


def sweeps(
    docket: Docket, signs: Signs, clicks: Sequence[int], firsts: Sequence[int]
) -> Iterator[Round]:
    """Return the rounds through stored mail, of which `firsts` are the first clicks on each."""
    for run in _runs(firsts, docket.at, _BESIDE):
        yield Round(_of_run(docket, signs, clicks, run), _sweep(docket, signs, run))


def nights(docket: Docket, signs: Signs, clicks: Sequence[int], manner: Manner) -> Iterator[Round]:
    """Return the rounds from mail to mail, slowly, at hours at which hardly anybody else reads.

    Where it is day, whole offices may read: they take their time, and all at once.
    """
    night, since = signs.night, docket.since
    dark = [click for click in clicks if click in night]
    if len(dark) <= _LEAST:
        return
    firsts = touches(docket, dark)
    late = {docket.mail[click] for click in clicks if since[click] > _LATE}
    by_day = (len(late) - len(firsts)) * _BY_DAY + min(max(manner.quick, manner.in_turn), 0.0)
    for run in _runs(firsts, docket.at, _NIGHTLY):
        nats = sum([night[touch] + signs.opened[touch] for touch in run]) + by_day
        yield Round(_of_run(docket, signs, dark, run), nats)


def walk(
    docket: Docket, signs: Signs, clicks: Sequence[int], manner: Manner, has_company: bool
) -> Round:
    """Return the mails that are done with as quickly as nobody reads, or never two at once.

    `has_company`: others may be in the party as well, so that only who is quick is meant.
    """
    quick, in_turn = max(manner.quick, 0.0), max(manner.in_turn, 0.0)
    if not quick + in_turn:
        return Round((), 0.0)
    mail, opened = docket.mail, signs.opened
    firsts = touches(docket, clicks)
    nats = quick + in_turn + min([docket.oddness[touch] for touch in firsts])
    nats += min(sum([opened[touch] for touch in firsts if opened[touch] > 0]), _UNSEEN)
    nats += sum([opened[touch] for touch in firsts if opened[touch] < _OTHERS])
    unknown = _SLOW if has_company else 0.0
    meant = {mail[touch] for touch in firsts if manner.paces.get(mail[touch], unknown) >= 0.0}
    if in_turn > quick:  # who may take as long as a person for each mail
        meant.update([mail[touch] for touch in manner.bouts])
    meant.difference_update([mail[touch] for touch in firsts if opened[touch] < _OTHERS])
    return Round([click for click in clicks if mail[click] in meant], nats)


def drops(docket: Docket, clicks: Sequence[int]) -> Round:
    """Return the mails to which somebody comes back for one link after the other, for hours."""
    at, mail, links = docket.at, docket.mail, docket.links
    last: dict[int, float] = {}
    comings: Counter[int] = Counter()
    followed: set[tuple[int, int]] = set()
    for click in clicks:
        number, link = mail[click], links[click]
        if (number, link) not in followed and at[click] - last.get(number, -_PAUSE) >= _PAUSE:
            comings[number] += 1
        followed.add((number, link))
        last[number] = at[click]
    nats = sum([_COMINGS[min(count, len(_COMINGS) - 1)] for count in comings.values()])
    often = {number for number, count in comings.items() if count >= _DROPS}
    if len(often) > _ALWAYS * len(comings):
        return Round(clicks, nats)
    return Round([click for click in clicks if mail[click] in often], nats)


def manner(docket: Docket, signs: Signs, clicks: Sequence[int], firsts: Sequence[int]) -> Manner:
    """Return how a party goes from mail to mail, of which `firsts` are the first clicks on each."""
    paces = _paces(docket, signs, clicks)
    in_turn = _in_turn(docket, clicks, firsts)
    return Manner(paces, _quick(docket, signs, paces, firsts), in_turn.nats, in_turn.clicks)


def _paces(docket: Docket, signs: Signs, clicks: Sequence[int]) -> dict[int, float]:
    """Return the nats of each mail in which there were pauses."""
    pace, mail = signs.pace, docket.mail
    paces: dict[int, float] = {}
    for click in clicks:
        if click in pace:
            nats = paces.get(mail[click], 0.0) + pace[click]
            paces[mail[click]] = max(min(nats, _QUICK), _SLOW)
    return paces


def _quick(
    docket: Docket, signs: Signs, paces: Mapping[int, float], firsts: Sequence[int]
) -> float:
    """Return the evidence of mails in which hardly anybody would have read what is there."""
    if len(paces) <= _LEAST:
        return 0.0
    nats = 0.0
    people: set[int] = set()
    for touch in firsts:
        pace = paces.get(docket.mail[touch], 0.0)
        person = docket.is_named[touch]
        if pace > 0:
            pace *= signs.haste * _AGAIN if person in people else signs.haste
        nats += pace
        people.add(person)
    return nats


def _in_turn(docket: Docket, clicks: Sequence[int], firsts: Sequence[int]) -> Round:
    """Return the mails of which none is begun before the one before is done with.

    People who read in the same minutes do not wait for each other.
    """
    ends = _ends(docket, clicks)
    begins = {touch: _begin(docket, touch) for touch in firsts}
    nats = 0.0
    meant: list[int] = []
    for run in _runs(sorted(firsts, key=begins.__getitem__), begins, _NEXT):
        spans = [(begins[touch], ends[docket.mail[touch]]) for touch in run]
        rate = (len(run) - 1) / max(spans[-1][0] - spans[0][0], 1.0)
        for (begin, end), (following, _) in pairwise(spans):
            nats += _AT_ONCE if following < end else rate * (end - begin)
        meant += run
    if len(meant) > _BOUTS * len(firsts):
        nats += _BUNCHED
    if nats > 0:  # one person may have several mailboxes, and go through them
        people = len({docket.is_named[touch] for touch in firsts})
        nats *= max(people - _OWN, 0) / people
    return Round(meant, nats)


def _begin(docket: Docket, touch: int) -> float:
    """Return when a mail was opened, if by the same program, or else first clicked."""
    is_own = docket.seen.get(touch) == "own"
    return docket.at[touch] - (docket.since_open[touch] if is_own else 0.0)


def _ends(docket: Docket, clicks: Sequence[int]) -> dict[int, float]:
    """Return of each mail when it was done with for the first time."""
    at, mail = docket.at, docket.mail
    ends: dict[int, float] = {}
    for click in clicks:
        if at[click] - ends.get(mail[click], at[click]) <= _BESIDE:
            ends[mail[click]] = at[click]
    return ends


def _runs(
    firsts: Sequence[int], begins: Sequence[float] | Mapping[int, float], beside: float
) -> Iterator[Sequence[int]]:
    """Return touches that follow each other closely, if they are many enough to say something.

    `firsts`: in the order of when they begin, which `begins` tells.
    """
    times = [begins[touch] for touch in firsts]
    pauses = enumerate(pairwise(times), 1)
    ends = [place for place, (before, at) in pauses if at - before > beside]
    for start, end in pairwise((0, *ends, len(times))):
        if end - start > _LEAST:
            yield firsts[start:end]


def _of_run(docket: Docket, signs: Signs, clicks: Sequence[int], run: Sequence[int]) -> list[int]:
    """Return all clicks on the mails of a run, without those that somebody else had opened."""
    at, mail = docket.at, docket.mail
    people = {mail[touch] for touch in run if signs.opened[touch] > -0.5}
    start, end = at[run[0]], at[run[-1]] + _BESIDE
    return [click for click in clicks if start <= at[click] <= end and mail[click] in people]


def _sweep(docket: Docket, signs: Signs, run: Sequence[int]) -> float:
    """Return the evidence for a machine that goes through stored mail."""
    times = [docket.at[touch] for touch in run]
    sent = [docket.at[touch] - docket.since[touch] for touch in run]
    nats = sum([signs.opened[touch] for touch in run]) + _order(times, sent)
    if len(run) >= 8 and unevenness(times) < 0.5:
        nats += _EVEN
    each = (times[-1] - times[0]) / len(run)
    return nats + next((more for pause, more in _TOGETHER if each < pause), 0.0)


def _order(times: Sequence[float], sent: Sequence[float]) -> float:
    """Return the evidence of mails that are taken in the order in which they were handed over."""
    if any(map(isnan, sent)) or len(set(sent)) < 0.5 * len(sent):  # not known, or all at once
        return 0.0
    if max(sent) - min(sent) > 0.5 * (times[-1] - times[0]):  # which explains the order
        return 0.0
    ranks = sorted(range(len(sent)), key=lambda place: (sent[place], -place))
    count = len(sent)
    off = sum((rank - place) ** 2 for place, rank in enumerate(ranks))
    likeness = 1.0 - 6.0 * off / (count * (count * count - 1))  # Spearman's
    return count * (likeness - _BY_CHANCE)
