"""One refused recipient, a provider that refuses us, or a server that refuses everybody? Pure.

There is one breaker for each sending server in a run. A refusal is held back until the server
accepts something again; then it counts against its recipient. When refusals come one after the
other without end, they say nothing about the recipients: what was held back goes back to waiting,
and with it the campaign, visibly. Nothing is dropped. How many it takes depends on the cause:

- about us (SERVER, POLICY, CONTENT, a refused MAIL FROM): IN_A_ROW, and the server is to rest;
- about the recipients (ADDRESS, MAILBOX): MOST_IN_A_ROW, since a few old addresses in a row are
  nothing unusual, but a relay gone mad must not have a whole list suppressed;
- POLICY, or "later", of one mailbox provider: POLICY_IN_A_ROW or DEFERRALS_IN_A_ROW without a mail
  that this provider took, and only mail to this provider is to rest. What it said, and goes on to
  say of mails that were under way, is then no sign against the server.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Final, Literal, NamedTuple

from newsletter.sending.message import Outcome
from newsletter.sending.refusals import Cause, Refusal, Stage
from newsletter.sending.replies import Verdict

IN_A_ROW: Final = 20
MOST_IN_A_ROW: Final = 100
POLICY_IN_A_ROW: Final = 5
DEFERRALS_IN_A_ROW: Final = 20
# Mails that others took, after which a refusal of one provider counts: nothing more is learnt by
# holding it back, and its batch stays open for it.
PATIENCE: Final = 1_000

_ABOUT_THE_RECIPIENT: Final = (Cause.ADDRESS, Cause.MAILBOX)
_NONE: Final[Sequence[Outcome]] = ()


class Stop(NamedTuple):
    """A mailbox provider that takes none of our mail at present, and what was held back for it."""

    group: str
    cause: Literal["policy", "deferrals"]  # as in models.Pause
    reason: str  # its last reply, without addresses
    held: list[Outcome]


class _Held(NamedTuple):
    outcome: Outcome
    group: str
    until: int  # accepted mails


class _Row:
    """What one provider said since it last took a mail."""

    __slots__ = ("deferrals", "policy")

    def __init__(self) -> None:
        self.policy = 0
        self.deferrals = 0


class Breaker:
    """Refusals of one server since its last acceptance."""

    def __init__(self) -> None:
        self._held: list[Outcome] = []  # until the server takes any mail
        self._waiting: deque[_Held] = deque()  # until their provider takes one, oldest first
        self._rows: dict[str, _Row] = {}
        self._stopped: set[str] = set()  # providers that took nothing since their stop
        self._stops: list[Stop] = []
        self._about_us: Counter[str] = Counter()  # by provider
        self._all: Counter[str] = Counter()
        self._accepted = 0
        self.is_calm = True  # nothing is counted or held: the usual case, at no cost
        self.reason = ""  # why it opened; empty while it is closed
        self.cause: Literal["policy", "trouble"] = "trouble"  # of its opening, as in models.Pause
        self.refusal = ""  # what the server has against us, if nothing was accepted since

    @property
    def count(self) -> int:
        """How many refusals are held back."""
        return len(self._held) + len(self._waiting)

    def holds_back(self, outcome: Outcome, refusal: Refusal, group: str) -> bool:
        """Take a mail that was not accepted. Returns whether it is held back; else it counts.

        What was RETURNED is counted here, and never held back: it goes back to waiting anyway.
        """
        verdict, reply = outcome.verdict, outcome.reply
        if verdict is Verdict.IN_DOUBT or not reply.code:
            return False
        self.is_calm = False
        is_held = verdict is not Verdict.RETURNED
        is_the_providers = self._is_the_providers(outcome, refusal)
        if is_held and is_the_providers:
            self._waiting.append(_Held(outcome, group, self._accepted + PATIENCE))
        elif is_held:
            self._held.append(outcome)
        else:
            self.refusal = f"The mail server refuses our mail: {reply.without_addresses}"
        if not (is_the_providers and group in self._stopped):
            self._count(group, outcome, refusal)
        if is_the_providers and not self.reason:
            self._count_for(group, outcome, refusal)
        return is_held

    def accepted(self, group: str) -> Sequence[Outcome]:
        """Take note that a mail was accepted. Returns the refusals that count now.

        While the breaker is calm, there is no need to tell it.
        """
        self._accepted += 1
        if self.is_calm:
            return _NONE
        self._about_us.clear()
        self._all.clear()
        self._stopped.discard(group)
        self.refusal = ""
        released, self._held = self._held, []
        if self._rows.pop(group, None) and self._waiting:
            released += self._take_waiting(group)
        while self._waiting and self._waiting[0].until <= self._accepted:
            released.append(self._waiting.popleft().outcome)
        self.is_calm = not (self._rows or self._waiting or self._stopped)
        return released

    def take_stops(self) -> list[Stop]:
        """Return the providers that mail must wait for from now on, once."""
        stops, self._stops = self._stops, []
        return stops

    def take(self) -> list[Outcome]:
        """Return all that was held back, once."""
        held = [*self._held, *(one.outcome for one in self._waiting)]
        self._held = []
        self._waiting.clear()
        return held

    def count_of(self, is_wanted: Callable[[Outcome], bool]) -> int:
        """Return how many of some refusals are held back."""
        return sum(map(is_wanted, self._held)) + sum(
            is_wanted(one.outcome) for one in self._waiting
        )

    def take_of(self, is_wanted: Callable[[Outcome], bool]) -> list[Outcome]:
        """Return some of what was held back, once."""
        taken = [one for one in self._held if is_wanted(one)]
        taken += [one.outcome for one in self._waiting if is_wanted(one.outcome)]
        self.forget(is_wanted)
        return taken

    def forget(self, is_gone: Callable[[Outcome], bool]) -> None:
        """Drop refusals that are no longer ours to count."""
        self._held = [outcome for outcome in self._held if not is_gone(outcome)]
        self._waiting = deque(one for one in self._waiting if not is_gone(one.outcome))

    @staticmethod
    def _is_the_providers(outcome: Outcome, refusal: Refusal) -> bool:
        """Whether other mails to the same provider show what this refusal means."""
        if outcome.stage in (Stage.CONNECT, Stage.MAIL) and outcome.verdict is Verdict.RETURNED:
            return False  # it knew of no recipient
        return refusal.cause is Cause.POLICY or not refusal.is_final

    def _count(self, group: str, outcome: Outcome, refusal: Refusal) -> None:
        is_about_us = refusal.cause not in _ABOUT_THE_RECIPIENT
        self._all[group] += 1
        self._about_us[group] += is_about_us or outcome.verdict is Verdict.RETURNED
        said = outcome.reply.without_addresses
        if self._about_us.total() >= IN_A_ROW:
            self.reason = f"The mail server refuses everybody: {said}"
        elif self._all.total() >= MOST_IN_A_ROW:
            self.reason = f"The mail server refuses one address after the other: {said}"
        self.cause = "policy" if refusal.cause is Cause.POLICY else "trouble"

    def _count_for(self, group: str, outcome: Outcome, refusal: Refusal) -> None:
        row = self._rows.setdefault(group, _Row())
        row.policy += refusal.cause is Cause.POLICY
        row.deferrals += not refusal.is_final
        is_policy = row.policy >= POLICY_IN_A_ROW
        if is_policy or row.deferrals >= DEFERRALS_IN_A_ROW:
            del self._rows[group], self._about_us[group], self._all[group]
            self._stopped.add(group)
            said = outcome.reply.without_addresses
            held = self._take_waiting(group)
            self._stops.append(Stop(group, "policy" if is_policy else "deferrals", said, held))

    def _take_waiting(self, group: str) -> list[Outcome]:
        taken = [one.outcome for one in self._waiting if one.group == group]
        if taken:
            self._waiting = deque(one for one in self._waiting if one.group != group)
        return taken
