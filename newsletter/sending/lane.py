"""One sending server inside a run: its connections, its limits, its troubles."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from math import inf
from typing import Protocol, cast

from newsletter.sending.breaker import Breaker
from newsletter.sending.connection import Connection
from newsletter.sending.gates import Gates
from newsletter.sending.holding import Job
from newsletter.sending.message import Message, Outcome
from newsletter.sending.pace import Limits
from newsletter.sending.pauses import Pause
from newsletter.sending.pool import Pool
from newsletter.sending.rows import Server

LEARNING = 0.05  # how much one more mail changes what is known of a server's speed
HOLD_OFF = 3.0  # seconds, until the table is read again in any case

_NEVER = 0.0, ""


class Sender(Protocol):
    """Who gives the lanes their mails: the engine."""

    def feed(self, lane: "Lane", connection: Connection) -> None:
        """Offer mails while the conversation wants some."""

    def settle(self, lane: "Lane", outcome: Outcome) -> None:
        """Take the end of one message."""

    def opened(self) -> None:
        """Take note that a connection is ready."""

    def closed(self) -> None:
        """Take note that a connection is gone."""


class Lane:
    """A server on its way through a run. It is the owner of its connections."""

    def __init__(self, server: Server, name: str, sender: Sender, gates: Gates, limit: int) -> None:
        """`limit`: connections at once; `name`: what we call ourselves."""
        self.server = server
        self.pool = Pool(server.endpoint, name, self, limit, sender.opened)
        self.breaker = Breaker()
        self.gate = gates.get(f"server:{server.id}", server.limits)
        self.is_retired = False  # nothing new goes to it
        self.is_off = False  # nothing new goes to it for now
        self.is_choosy = False  # not for every provider
        self.served = 0.0  # mails offered, for each unit of weight
        self.is_starved = False  # it may not run ahead of the others
        self.accepted_mails = 0  # since they were last stored, as all of these
        self.counts: Counter[str] = Counter()
        self._share = 1 / server.weight
        self._seconds = 0.0  # that a connection needs for a mail, about; 0: not known
        self.moved_at = time.monotonic()  # when it last accepted a mail
        self.is_broken = False  # that the breaker opened was told
        self.rests_until = 0.0  # at least, on the monotonic clock
        self._paused_until = 0.0  # on the monotonic clock
        self._paused_because = ""
        self._groups: dict[str, tuple[float, str]] = {}  # provider: paused until when, and why
        self._over: set[str] = set()  # pauses whose time is over; '': the whole server's
        self.ended: set[str] = set()  # those of them after which mail was accepted
        self._leaving: set[Connection] = set()  # they get no more mail
        self._sender = sender
        self.settle = partial(sender.settle, self)  # takes the end of one message
        self._gates = gates
        self._limits: Mapping[str, Limits] = {}

    # --- the owner of connections ---------------------------------------------------------

    def feed(self, connection: Connection) -> None:
        """Offer mails while the conversation wants some; say goodbye on one too many."""
        if not (self.is_retired or connection in self._leaving):
            self._sender.feed(self, connection)
        elif connection.conversation.is_idle:
            connection.quit()

    def closed(self, connection: Connection) -> None:
        """Take note that a connection is gone."""
        self.pool.closed(connection)
        self._leaving.discard(connection)
        self._sender.closed()

    def permits(self, message: Message) -> bool:
        """Whether a body may go out: not when our lease is over, for example after a long stop."""
        hold = cast("Job", message).hold
        return not hold.is_lost and time.monotonic() < hold.deadline

    # --- what it lets through -------------------------------------------------------------

    @property
    def priority(self) -> int:
        """Lower goes first."""
        return self.server.priority

    @property
    def capacity(self) -> float:
        """How many mails a second it could take, for each unit of weight; 0: not known yet."""
        return len(self.pool.connections) * self._share / self._seconds if self._seconds else 0.0

    @property
    def trouble(self) -> str:
        """Why no mail goes to it now; empty when it works."""
        return self.breaker.reason or self.pool.trouble or self._paused_because

    @property
    def is_usable(self) -> bool:
        """Whether it takes mails now, as far as is known."""
        return not (self.is_off or self.gate.is_shut)

    @property
    def is_ready(self) -> bool:
        """Whether a connection waits for mails."""
        return bool(self.pool.connections) and not self.is_off

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it is left, after it was retired."""
        return self.is_retired and self.pool.is_empty and not self.breaker.count

    @property
    def has_rested(self) -> bool:
        """Whether a pause that was begun for it stands in the table no more."""
        return not self._paused_because and time.monotonic() > self.rests_until

    def look(self) -> None:
        """Put into plain attributes what the hot path asks for each mail."""
        self.is_off = bool(self.is_retired or self.trouble)
        self.is_choosy = bool(self._groups or self._limits)

    def admits(self, group: str) -> bool:
        """Whether mail for a mailbox provider may go to it now."""
        if self._groups and self.has_paused(group):
            return False
        limits = self._limits.get(group) if self._limits else None
        return limits is None or self._gates.get(f"provider:{group}", limits).lets_through()

    def has_paused(self, group: str) -> str:
        """Return why nothing goes to a provider over it for now; empty when something does."""
        until, reason = self._groups.get(group, _NEVER)
        return reason if until > time.monotonic() else ""

    def took(self, job: Job) -> None:
        """Count a mail that was offered to it against its limits."""
        self.gate.left -= 1
        self.served += self._share
        job.offered_at = time.monotonic()
        if self._limits and (limits := self._limits.get(job.group)) is not None:
            self._gates.get(f"provider:{job.group}", limits).left -= 1

    def accepted(self, job: Job, now: float) -> Sequence[Outcome]:
        """Take note that it accepted a mail. Returns the refusals that count now."""
        group = job.group
        self.moved_at = now
        taken = time.monotonic() - job.offered_at
        self._seconds += LEARNING * (taken - self._seconds) if self._seconds else taken
        self.accepted_mails += 1
        if self._over:
            self.ended |= self._over & {group, ""}
        return () if self.breaker.is_calm else self.breaker.accepted(group)

    def wait(self, group: str = "") -> float:
        """Return the seconds until it takes a mail for `group`, as far as is known; inf: never."""
        now = time.monotonic()
        if self.is_retired or (self.pool.trouble and not self.is_broken):
            return inf
        wait = max(self._paused_until - now, self.rests_until - now, self.gate.seconds(now), 0.0)
        if group:
            wait = max(wait, self._groups.get(group, _NEVER)[0] - now)
            if limits := self._limits.get(group):
                wait = max(wait, self._gates.get(f"provider:{group}", limits).seconds(now))
        return wait

    def rate(self, group: str) -> float:
        """Return about how many mails a second go to a provider over it; inf: no limit."""
        limits = self._limits.get(group, Limits())
        rates = [
            limit / seconds
            for limit, seconds in (
                (limits.rate, 1),
                (limits.per_hour, 3_600),
                (limits.per_day, 86_400),
            )
            if limit is not None
        ]
        return min(rates, default=inf)

    # --- what changes while it runs ---------------------------------------------------------

    def tend(self, wanted: int) -> None:
        """Open the connections that are missing for `wanted` mails, and use those there are."""
        if self.accepted_mails:
            self.pool.widen()
        if self.is_broken and self.has_rested:
            self.breaker, self.is_broken = Breaker(), False
            self.pool.revive()
        self.look()
        self.pool.tend(wanted=0 if self.is_off else wanted)
        if not self.is_off:
            self._pump_idle()

    def refresh(self, server: Server, providers: Mapping[str, Limits]) -> None:
        """Take note of what the tables say now."""
        self.server = server
        self._share = 1 / server.weight
        self.gate.change(server.limits)
        self._gates.get(self.gate.key, server.limits)
        self._limits = providers
        self.look()

    def take_pauses(self, pauses: Mapping[tuple[int, str], Pause]) -> None:
        """Take note of the pauses that stand in the table."""
        clock = time.monotonic()
        self._paused_until, self._paused_because = 0.0, ""
        self._groups = {}
        self._over = set()
        for (server_id, group), pause in pauses.items():
            if server_id != self.server.id:
                continue
            if pause.is_over:
                self._over.add(group)
            elif group:
                self._groups[group] = clock + pause.seconds, pause.reason
            else:
                self._paused_until, self._paused_because = clock + pause.seconds, pause.reason
        self.look()

    @property
    def trouble_to_tell(self) -> str:
        """A trouble of its own that no pause stands for yet."""
        if self.is_broken or self.is_retired:
            return ""
        return self.breaker.reason or self.pool.trouble

    def rest(self) -> None:
        """Take note that a pause was begun for its trouble."""
        self.is_broken = True
        self.look()
        self.rests_until = time.monotonic() + HOLD_OFF

    def hold_off(self, group: str, reason: str) -> None:
        """Send nothing to one provider until the table is read again."""
        self._groups[group] = time.monotonic() + HOLD_OFF, reason
        self.look()

    def take_counts(self) -> Counter[str]:
        """Return how many mails it accepted, deferred and refused, once."""
        counts, self.counts = self.counts, Counter()
        if self.accepted_mails:
            counts["accepted"], self.accepted_mails = self.accepted_mails, 0
        return counts

    def pump(self) -> None:
        """Let idle connections ask for mails."""
        for connection in list(self.pool.connections):
            connection.pump([])

    def _pump_idle(self) -> None:
        """Let those ask again that found nothing, since the other servers' state has changed."""
        for connection in list(self.pool.connections):
            if connection.conversation.is_idle:
                connection.pump([])

    def trim(self) -> None:
        """Close connections that are too many: idle ones now, others after their present mails."""
        limit = 0 if self.is_retired else self.pool.limit
        surplus = max(0, len(self.pool.connections) - limit)
        chosen = sorted(self.pool.connections, key=self._goes_late)[:surplus]
        self._leaving = set(chosen)
        for connection in chosen:
            if connection.conversation.is_idle:
                connection.quit()

    def _goes_late(self, connection: Connection) -> tuple[bool, bool, bool]:
        conversation = connection.conversation
        is_leaving = connection in self._leaving
        return not conversation.ended, not conversation.is_idle, not is_leaving

    def retire(self) -> None:
        """Begin nothing new; what is under way comes to its end."""
        self.is_retired = True
        self.look()
        self.trim()
