"""One campaign's mails in a worker's memory, on their way to whichever server may take them."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from math import inf
from typing import TYPE_CHECKING

from django.utils import timezone

from newsletter.sending import windows
from newsletter.sending.content import Content
from newsletter.sending.gates import Gate
from newsletter.sending.holding import Hold, Job
from newsletter.sending.windows import Window

if TYPE_CHECKING:
    from newsletter.sending.lane import Lane

PATIENCE = 5.0  # seconds that mails wait in memory for a limit
LONGEST = 300.0  # seconds until it is looked again whether a limit still holds
MOST_HELD = 10  # times what is enough


class Queue:
    """The mails of one campaign that were claimed and are on no connection."""

    def __init__(self, content: Content, gate: Gate) -> None:
        self.content = content
        self.gate = gate  # the campaign's own throttle
        self.window: Window | None = None
        self.lanes: list[Lane] = []  # the servers that may send for it
        self.is_running = True
        self.holds: list[Hold] = []
        self.ready: deque[Job] = deque()
        self.held: dict[str, deque[Job]] = {}  # by provider, which no server admitted lately
        self.has_claimed_all = False
        self.is_stopped = False
        self.waiting = ""  # why it had to stop
        self.waits_as_wanted = False  # for its own window or limit
        self.retry_after: float | None = None  # seconds; None: as waiting.py sees fit
        self.sent = 0
        self.is_known_to_move = False  # that it waits no more was said
        # Mails accepted since the last publication, by server and provider.
        self.tally: dict[tuple[int, str], int] = {}

    @property
    def campaign_id(self) -> int:
        """Whose mails these are."""
        return self.content.campaign_id

    @property
    def size(self) -> int:
        """How many mails wait for a connection."""
        return len(self.ready) + sum(map(len, self.held.values()))

    @property
    def is_over(self) -> bool:
        """Whether nothing more can come of it in this run."""
        return not self.holds and (self.is_stopped or self.has_claimed_all)

    def wants_more(self, enough: int) -> bool:
        """Whether it is time to claim more."""
        is_over = self.is_stopped or self.has_claimed_all
        return not is_over and len(self.ready) < enough and self.size < MOST_HELD * enough

    def take(self, lane: "Lane") -> Job | None:
        """Return the next mail that a server admits, once. The campaign's throttle is asked."""
        if self.gate.left < 1 and not self.gate.lets_through():
            return None
        if self.held and (job := self._take_held(lane)):
            return job
        while self.ready:
            job = self.ready.popleft()
            if not lane.is_choosy or lane.admits(job.group):
                return job
            self.held.setdefault(job.group, deque()).append(job)
        return None

    def take_held(self, lane: "Lane") -> Job | None:
        """Return a mail that was not admitted elsewhere."""
        return self._take_held(lane) if self.held and self.gate.lets_through() else None

    def _take_held(self, lane: "Lane") -> Job | None:
        for group, jobs in self.held.items():
            if lane.admits(group):
                job = jobs.popleft()
                if not jobs:
                    del self.held[group]
                return job
        return None

    def put_back(self, job: Job) -> None:
        """Have a mail go next, over another connection."""
        job.connection = None
        self.ready.appendleft(job)

    def remove(self, unwanted: set[Job]) -> None:
        """Take mails out."""
        self.ready = deque(job for job in self.ready if job not in unwanted)
        for group in list(self.held):
            self.held[group] = deque(job for job in self.held[group] if job not in unwanted)
            if not self.held[group]:
                del self.held[group]

    def empty(self) -> Iterator[Job]:
        """Take all mails out and yield them."""
        while self.ready:
            yield self.ready.popleft()
        while self.held:
            _, jobs = self.held.popitem()
            yield from jobs

    # --- what waits ------------------------------------------------------------------------

    def why_it_waits(self, now: datetime, clock: float) -> tuple[str, float | None] | None:
        """Say why it can't go on for longer than PATIENCE, and the seconds until it is tried again.

        None when it can. `clock` is the monotonic clock. Without seconds, it is tried again as
        waiting.py sees fit.
        """
        if self.window is not None and not windows.is_open(self.window, now):
            self.waits_as_wanted = True
            opening = windows.next_opening(self.window, now)
            seconds = (opening - now).total_seconds()
            reason = f"Outside its sending hours until {_moment(opening)}."
            return reason, min(seconds, LONGEST)
        if not self.lanes:
            domain = self.content.from_domain
            return f"No sending server in use may send for {domain}.", None
        if (seconds := self.gate.seconds(clock)) > PATIENCE:
            self.waits_as_wanted = True
            return "It has reached its own limit of mails.", min(seconds, LONGEST)
        waits = {lane: lane.wait() for lane in self.lanes}
        first = min(waits, key=waits.__getitem__)
        if waits[first] <= PATIENCE:
            return None
        seconds = waits[first]
        self.waits_as_wanted = not first.trouble
        reason = first.trouble or f"The limit of {first.server.name} is reached."
        return reason, None if seconds == inf else min(seconds, LONGEST)

    def give_back(self, clock: float, most: int) -> Iterator[tuple[Job, float]]:
        """Take out the mails whose provider lets nothing through for long; yield their seconds.

        When more than `most` are in memory, those too that would wait longest: others are to come.
        """
        for group in list(self.held):
            wait = min((lane.wait(group) for lane in self.lanes), default=inf)
            pauses = [lane.has_paused(group) for lane in self.lanes]
            paused = pauses[0] if pauses and all(pauses) else ""
            if wait > PATIENCE or paused:
                if paused and not self.sent:
                    self.waiting, self.retry_after = paused, min(wait, LONGEST)
                for job in self.held.pop(group):
                    yield job, min(wait, LONGEST)
        if self.size >= most and self.held:
            group = max(self.held, key=lambda name: len(self.held[name]))
            rate = max((lane.rate(group) for lane in self.lanes), default=0.0)
            jobs = self.held[group]
            delay = min(LONGEST, len(jobs) / rate if rate else LONGEST)
            while len(jobs) > rate * PATIENCE + 1:
                yield jobs.pop(), delay

    # --- what is told ------------------------------------------------------------------------

    def take_news(self) -> dict[str, float]:
        """Return what is to be published, once (see live.Publisher)."""
        news: dict[str, float] = {}
        for (server_id, group), count in self.tally.items():
            for name in (f"server:{server_id}", f"provider:{group}"):
                news[name] = news.get(name, 0) + count
        self.tally.clear()
        for group, jobs in self.held.items():
            news[f"waiting:{group}"] = len(jobs)
            wait = min((lane.wait(group) for lane in self.lanes), default=inf)
            if 0 < wait < inf:
                news[f"limited:provider:{group}"] = wait
        for lane in self.lanes:
            if lane.gate.is_shut:
                news[f"limited:server:{lane.server.id}"] = lane.wait()
        return news


def _moment(moment: datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local:%A} {local:%H:%M}"
