"""A campaign with its people, its mail server, beat and workers: what every trial begins with.

Needs Django to be set up; imported after that only.
"""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace

from newsletter.sending import batches
from tests.chaos import audience, certificates
from tests.chaos.judge import Allowed, Verdict, judge
from tests.chaos.moods import Habits
from tests.chaos.stage import MailServer, Process, Stage

# Mails in the record, and what just happened (or nothing).
Progress = Callable[[int, str], None]
LOOK = 0.05  # seconds between looks at the record


@dataclass
class Scene:
    """What is on the stage. Leaving it ends every process but the servers."""

    stage: Stage
    name: str
    people: int
    habits: Habits
    tls: bool = False
    number: int = 0  # the campaign's
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.tls:
            pair = certificates.make(self.stage.folder)
            self.habits = replace(self.habits, certificate=str(pair.server))
            self.variables["SSL_CERT_FILE"] = str(pair.authority)
        self.sink = MailServer(self.stage, self.name, self.habits)
        self.workers: list[Process] = []

    def __enter__(self) -> "Scene":
        """Make the people and the campaign, and start the mail server and beat."""
        self.number = audience.make(self.name, self.people)
        try:
            self.sink.start()
            self.variables["SMTP_URL"] = self.smtp_url("127.0.0.1")
            self.stage.start_process(f"{self.name}-beat", "beat", **self.variables)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.clear()
        self.sink.kill()

    def smtp_url(self, host: str) -> str:
        """Return where a worker finds the mail server."""
        return f"smtp://{host}:{self.sink.port}?tls={'starttls' if self.tls else 'none'}"

    def start_worker(self, prefix: tuple[str, ...] = (), **variables: str) -> Process:
        """Start one more worker, for example in a network namespace."""
        name = f"{self.name}-worker-{len(self.workers) + 1}"
        every = {**self.variables, **variables}
        self.workers.append(self.stage.start_process(name, "worker", prefix=prefix, **every))
        return self.workers[-1]

    def wait_for_mails(self, count: int, end: float, progress: Progress) -> None:
        """Wait until so many mails were accepted. Raises TimeoutError at `end`."""
        while (mails := self.sink.tail.read()) < count:
            progress(mails, "")
            if time.monotonic() > end:
                raise TimeoutError(f"only {mails:,} of {count:,} mails came")
            time.sleep(LOOK)

    def wait_for_end(self, end: float, progress: Progress) -> None:
        """Wait until the campaign is finished. Raises TimeoutError at `end`."""
        while (status := audience.status(self.number)) != "finished":
            progress(self.sink.tail.read(), "")
            if time.monotonic() > end or status != "running":
                raise TimeoutError(self.unfinished())
            time.sleep(0.5)
        progress(self.sink.tail.read(), "")

    def unfinished(self) -> str:
        """Say how the campaign stands, for somebody who expected it to be finished."""
        reason = audience.waiting_reason(self.number)
        waits = f", waits: {reason}" if reason else ""
        return f"the campaign is {audience.status(self.number)}, not finished{waits}"

    def judged(
        self, *, open_at_kills: int, beside_crashes: int = 0, may_skip: Collection[str] = ()
    ) -> Verdict:
        """Compare the mail server's record with the tables, and write down who is in doubt."""
        self.sink.tail.read()
        verdict = judge(
            [audience.address(self.name, number) for number in range(self.people)],
            audience.again(lambda: audience.outcomes(self.number)),
            self.sink.tail.lines,
            audience.again(lambda: audience.balance(self.number)),
            allowed=Allowed(open_at_kills, beside_crashes, batches.CRASHED),
            may_skip=may_skip,
        )
        names = "".join(f"{who}\n" for who in [*verdict.in_doubt, *verdict.crashed])
        (self.stage.folder / f"{self.name}.in-doubt").write_text(names)
        return verdict
