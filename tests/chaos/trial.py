"""One trial: a campaign, a mail server with some habits, and everything that breaks meanwhile.

Needs Django to be set up; imported after that only.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from newsletter import campaigns
from tests.chaos import audience, certificates, trouble
from tests.chaos.judge import Verdict, judge
from tests.chaos.moods import Habits
from tests.chaos.stage import MailServer, Process, Stage
from tests.chaos.trouble import KILLS, Kind
from tests.chaos.wrecker import Done, Wrecker

LOOK = 0.05  # seconds between looks at the record
STATUS = 1.0  # seconds between looks at the campaign's status

Progress = Callable[[int, str], None]  # mails in the record, and what just happened (or nothing)


@dataclass(frozen=True)
class Variant:
    """What a trial is about."""

    name: str
    people: int
    kills: int
    servers: tuple[Kind, ...]
    workers: int = 3
    tls: bool = False
    pipelining: bool = True
    mails_per_connection: int = 0
    seconds: float = 0.0  # before each answer of the mail server
    apart: bool = (
        True  # no crash of PostgreSQL while a killed worker's batches are in nobody's hands
    )


@dataclass
class Trial:
    """What came of a variant."""

    variant: Variant
    verdict: Verdict
    done: list[Done]
    seconds: float
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""
        return self.verdict.is_good and not self.problems

    @property
    def kills(self) -> int:
        return sum(done.kind in KILLS for done in self.done)

    @property
    def connections(self) -> int:
        """How many connections were open at the kills, added up."""
        return sum(done.connections for done in self.done)


def run(stage: Stage, variant: Variant, seed: int, within: float, progress: Progress) -> Trial:
    """Send a campaign through all of it, and judge. `within` is in seconds."""
    begun = time.monotonic()
    number = audience.make(variant.name, variant.people)
    sink, workers = _start(stage, variant, seed)
    wrecker = Wrecker(stage, workers, sink, seed, apart=variant.apart)
    troubles = trouble.plan(seed, variant.people, variant.kills, variant.servers)
    try:
        campaigns.start(number)
        is_finished = _send(number, begun + within, sink, wrecker, troubles, progress)
        wrecker.wind_up()
        if not is_finished:
            wrecker.problems.append(_unfinished(number, within))
        time.sleep(1)  # whoever believes to have mails left shows it now
    finally:
        stage.clear()
        sink.kill()
    sink.tail.read()
    people = [audience.address(variant.name, n) for n in range(variant.people)]
    verdict = judge(
        people,
        audience.again(lambda: audience.outcomes(number)),
        sink.tail.lines,
        audience.again(lambda: audience.balance(number)),
        open_at_kills=sum(done.connections for done in wrecker.done),
    )
    seconds = time.monotonic() - begun
    return Trial(variant, verdict, wrecker.done, seconds, wrecker.problems)


def _start(stage: Stage, variant: Variant, seed: int) -> tuple[MailServer, list[Process]]:
    habits = Habits(
        record="",
        seed=seed,
        pipelining=variant.pipelining,
        mails_per_connection=variant.mails_per_connection,
        seconds=variant.seconds,
    )
    variables = {}
    if variant.tls:
        pair = certificates.make(stage.folder)
        habits = replace(habits, certificate=str(pair.server))
        variables["SSL_CERT_FILE"] = str(pair.authority)
    sink = MailServer(stage, variant.name, habits)
    sink.start()
    tls = "starttls" if variant.tls else "none"
    variables["SMTP_URL"] = f"smtp://127.0.0.1:{sink.port}?tls={tls}"
    stage.start_process(f"{variant.name}-beat", "beat", **variables)
    names = [f"{variant.name}-worker-{n + 1}" for n in range(variant.workers)]
    return sink, [stage.start_process(name, "worker", **variables) for name in names]


def _send(
    number: int,
    end: float,
    sink: MailServer,
    wrecker: Wrecker,
    troubles: list[trouble.Trouble],
    progress: Progress,
) -> bool:
    """Bring about all troubles and wait for the end. Returns whether it came in time."""
    left = list(troubles)
    looked_at = 0.0
    while time.monotonic() < end:
        mails = sink.tail.read()
        wrecker.tend()
        if left and mails >= left[0].after and wrecker.may_happen(left[0]):
            time.sleep(left[0].wait)
            wrecker.bring_about(left.pop(0))
            last = wrecker.done[-1]
            progress(mails, f"{last.kind}: {last.whom}, {last.connections} connections")
            continue
        progress(mails, "")
        now = time.monotonic()
        if now - looked_at > STATUS and not wrecker.is_server_away:
            looked_at = now
            if audience.status(number) != "running":
                return audience.status(number) == "finished"
        time.sleep(LOOK)
    return False


def _unfinished(number: int, within: float) -> str:
    reason = audience.waiting_reason(number)
    return (
        f"not finished within {within:.0f} seconds: {audience.status(number)}"
        f"{f', waits: {reason}' if reason else ''}"
    )
