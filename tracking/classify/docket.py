"""The hits that are judged together, with what speaks against and for each. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from tracking.classify.alone import Doubt, Look
from tracking.classify.verdicts import WINDOW, Evidence, Judgement, Verdict

SETTLES = 3.0  # points from which a hit is a machine's
COUNTS = 0.75  # points from which a person is only likely
_LATE = 900  # seconds since the hand-over
# What is kept in reasons of a hit that nothing speaks against, by the role of its program.
_NO_DOUBT = {"browser": "agent:browser", "mail-program": "agent:mail-program"}


class Docket:
    """Hits, their doubts, and which of them belong to the same mail."""

    def __init__(self, hits: Sequence[Evidence], looks: Sequence[Look]) -> None:
        """Take hits with what each says by itself."""
        self.hits = hits
        self.looks = looks
        self.points = [sum(doubt.points for doubt in look.doubts) for look in looks]
        self._strongest = [max(look.doubts, default=None) for look in looks]
        self.mails = _by_mail(hits)
        # Clicks that came so early, or on a mail so unseen, that a machine is likelier.
        self.suspects: set[int] = set()
        # Clicks on mail that nobody opened in the minutes before.
        self.unopened: set[int] = set()
        # How a mail had been opened in the minutes before a click: by the same program ("own"),
        # in the same network ("near"), by a mail service ("proxy", "apple"), elsewhere ("else").
        self.seen: dict[int, str] = {}
        # Seconds from that to the click.
        self.since_open: dict[int, float] = {}
        # Clicks beside one on the same link by another program elsewhere.
        self.doubles: set[int] = set()
        # The points that a hit has been given for machines beside it.
        self.company: dict[int, float] = {}

    def doubt(self, index: int, points: float, reason: str) -> None:
        """Add a reason to believe that hit `index` is a machine's; no points: none."""
        if not points:
            return
        self.points[index] += points
        strongest = self._strongest[index]
        if strongest is None or points > strongest.points:
            self._strongest[index] = Doubt(points, reason)

    def trust(self, index: int, points: float) -> None:
        """Take points away, for something that only a person does."""
        self.points[index] -= points

    def is_machine(self, index: int) -> bool:
        """Return whether hit `index` is a scanner's, as far as is known by now."""
        settled = self.looks[index].settled
        if settled:
            return settled.verdict == Verdict.SCANNER
        return self.points[index] >= SETTLES

    def is_surely_machine(self, index: int) -> bool:
        """Return whether more speaks against hit `index` than would be needed."""
        return self.looks[index].settled is not None or self.points[index] >= SETTLES + 1

    def program(self, index: int) -> Hashable:
        """Return what tells the program of hit `index` from others."""
        return self.looks[index].program

    def is_picture(self, index: int) -> bool:
        """Return whether hit `index` loads a picture; else it follows a link."""
        return self.looks[index].is_picture

    def own_network(self, index: int) -> str:
        """Return a hit's network; all addresses of a relay are one."""
        known = self.looks[index].network
        return known.label if known and known.scope == "relay" else self.hits[index].network

    def is_late(self, index: int) -> bool:
        """Return whether nearly all scanners are done by then; False when it is not known."""
        since = self.hits[index].since_sent
        return since is not None and since > _LATE

    def is_eager(self, index: int) -> bool:
        """Return whether a reader of whom nothing odd is known has just opened the mail."""
        return (
            self.seen.get(index) in ("own", "proxy")
            and self.is_late(index)
            and not self.is_odd(index)
        )

    def oddness(self, index: int) -> float:
        """Return the points that the program and the network of hit `index` give cause for."""
        return sum(doubt.points for doubt in self.looks[index].doubts)

    def is_odd(self, index: int) -> bool:
        """Return whether the program or the network of hit `index` gives cause for doubt."""
        return bool(self.looks[index].doubts)

    def is_early(self, index: int) -> bool:
        """Return whether most scanners are at work by then; False when it is not known."""
        since = self.hits[index].since_sent
        return since is not None and since < WINDOW

    def is_soon(self, index: int) -> bool:
        """Return whether slow scanners may be at work still; False when it is not known."""
        since = self.hits[index].since_sent
        return since is not None and since < 2 * WINDOW

    def judgement(self, index: int) -> Judgement:
        """Return what hit `index` is taken for, and the strongest reason."""
        look = self.looks[index]
        if look.settled:
            return look.settled
        strongest = self._strongest[index]
        if strongest is None or self.points[index] < COUNTS:
            if "unknown" in self.hits[index].marks:
                return Judgement(Verdict.LIKELY_HUMAN, "headers:unknown")
            return Judgement(Verdict.HUMAN, _NO_DOUBT.get(look.agent.name, "agent:other"))
        is_machine = self.points[index] >= SETTLES
        return Judgement(Verdict.SCANNER if is_machine else Verdict.LIKELY_HUMAN, strongest.reason)


def _by_mail(hits: Sequence[Evidence]) -> list[list[int]]:
    """Return the indices of hits of the same mail, each list in the order of time.

    Where nobody is named, the hits of one program in one network stand for a mail.
    """
    mails: defaultdict[Hashable, list[int]] = defaultdict(list)
    for index, hit in enumerate(hits):
        if hit.subscriber or hit.forward:
            mails[hit.campaign, hit.subscriber, hit.forward].append(index)
        elif hit.network:
            mails[hit.campaign, hit.network, hit.user_agent].append(index)
        else:
            mails[index].append(index)
    for indices in mails.values():
        if len(indices) > 1:
            indices.sort(key=lambda index: hits[index].at)
    return list(mails.values())
