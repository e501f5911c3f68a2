"""Two hosts, each with a worker; one loses power in the middle of a campaign, which completes.

Its worker reaches the database, the broker and the mail server over a network. Power is lost
without a word: the cable goes first, then everything dies at once, so that nobody hears a FIN or a
RST. The same happens to the other host later. Needs Django to be set up.
"""

import time
from dataclasses import dataclass, field

from django.db import connection

from newsletter import campaigns
from tests.chaos import families
from tests.chaos.judge import Verdict
from tests.chaos.moods import Habits
from tests.chaos.network import HUB, Host
from tests.chaos.scene import Progress, Scene
from tests.chaos.stage import Process, Stage

# Parts of the campaign at which the first host loses power, has it again, and the second loses it.
FIRST, BACK, SECOND = 0.25, 0.45, 0.65
# Locks that a dead host would keep: nobody else could ever have its batches.
_HELD = """
    SELECT count(*) FROM pg_stat_activity
    WHERE client_addr <<= '10.213.0.0/16' AND state LIKE 'idle in transaction%%'
      AND state_change < now() - interval '10 seconds'
"""


@dataclass
class Power:
    """What was found."""

    connections: int = 0  # open at the moments when power was lost
    seconds: float = 0.0
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether the campaign completed as it should."""
        return self.verdict.is_good and not self.problems

    @property
    def summary(self) -> str:
        """All of it in one line."""
        return f"{self.verdict}"

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What was counted beside the promises."""
        return [
            ("hosts that lost power", "2", ""),
            ("connections open at these moments", f"{self.connections}", ""),
            ("seconds", f"{self.seconds:.0f}", ""),
        ]


def run(
    stage: Stage, hosts: list[Host], people: int, seed: int, within: float, progress: Progress
) -> Power:
    """Send a campaign from both hosts; each loses power once, and the first comes back."""
    begun = time.monotonic()
    end = begun + within
    found = Power()
    first, second = hosts
    habits = Habits(seed=seed, host="0.0.0.0", seconds=0.01)
    with Scene(stage, "hosts", people, habits) as scene:
        workers = {host: _start_worker(scene, host) for host in hosts}
        campaigns.start(scene.number)
        scene.wait_for_mails(int(people * FIRST), end, progress)
        _lose_power(scene, first, workers[first], found, progress)
        scene.wait_for_mails(int(people * BACK), end, progress)
        first.connect()
        _start_worker(scene, first)
        progress(scene.sink.tail.read(), f"host {first.name} has power again")
        scene.wait_for_mails(int(people * SECOND), end, progress)
        _lose_power(scene, second, workers[second], found, progress)
        try:
            scene.wait_for_end(end, progress)
        except TimeoutError as error:
            found.problems.append(str(error))
        if held := _held():
            found.problems.append(f"{held} transactions of dead hosts are still open")
    found.verdict = scene.judged(open_at_kills=found.connections)
    found.seconds = time.monotonic() - begun
    return found


def _start_worker(scene: Scene, host: Host) -> Process:
    """Start a worker on a host. It knows everything by the hub's address."""
    environment = scene.stage.environment
    return scene.start_worker(
        host.prefix,
        DATABASE_URL=environment["DATABASE_URL"].replace("127.0.0.1", HUB),
        REDIS_URL=environment["REDIS_URL"].replace("127.0.0.1", HUB),
        SMTP_URL=scene.smtp_url(HUB),
    )


def _lose_power(
    scene: Scene, host: Host, worker: Process, found: Power, progress: Progress
) -> None:
    host.disconnect()
    pids = worker.family()
    count = sum(families.connections(pid, scene.sink.port) for pid in pids)
    worker.kill()
    found.connections += count
    news = f"host {host.name} lost power, with {count} connections open"
    progress(scene.sink.tail.read(), news)


def _held() -> int:
    with connection.cursor() as cursor:
        cursor.execute(_HELD)
        (count,) = cursor.fetchone() or (0,)
    return int(count)
