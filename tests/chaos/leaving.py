"""People leave while a campaign is sent: who was not handed over yet is not mailed.

They leave as a mail program does it: a one-click POST (RFC 8058) over HTTP to the web process. The
moment of its answer is compared with the moments in the mail server's record; both are read from
the same clock. Needs Django to be set up; imported after that only.
"""

import http.client
import random
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from newsletter import campaigns
from scripts.ports import free_port
from subscribers import tokens
from subscribers.models import Subscriber
from tests.chaos import audience, record
from tests.chaos.judge import Verdict
from tests.chaos.moods import Habits
from tests.chaos.scene import Progress, Scene
from tests.chaos.stage import Stage, wait_until

LEAVERS = 1_000
BOUND = 0.25  # seconds from the answer to whoever leaves, to the last mail that may still arrive
THREADS = 4
WORKERS = 2
BEGIN = 0.03  # part of the campaign that is sent before anybody leaves
PAUSE = 0.02  # seconds between two departures of one thread, which spreads them over the campaign


@dataclass
class Leaving:
    """What was found."""

    left: int = 0
    skipped: int = 0
    mailed_before: int = 0
    after: list[tuple[float, str]] = field(default_factory=list)  # (seconds too late, address)
    begun_before: int = 0  # of these, mails whose MAIL FROM the server had when they were told
    bound: float = BOUND
    verdict: Verdict = field(default_factory=Verdict)
    problems: list[str] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """Seconds from an answer to a mail that the server accepted all the same."""
        return max((late for late, _ in self.after), default=0.0)

    @property
    def is_good(self) -> bool:
        """Whether nobody was mailed later than promised."""
        return self.verdict.is_good and self.worst <= self.bound and not self.problems

    @property
    def summary(self) -> str:
        """All of it in one line."""
        return (
            f"{self.left} left, {self.skipped} of them before their turn, none of whom was mailed; "
            f"{len(self.after)} mails arrived after the answer ({self.begun_before} had begun "
            f"before it), at most {self.worst:.3f} s after (promised {self.bound:g} s); "
            f"{self.verdict}"
        )

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What was counted beside the promises."""
        return [
            ("left, told so by the web process", f"{self.left}", ""),
            ("of these, mailed before they left", f"{self.mailed_before}", ""),
            ("not mailed", f"{self.skipped}", ""),
            ("mailed after they were told", f"{len(self.after)}", ""),
            ("of these, begun (MAIL FROM) before that", f"{self.begun_before}", ""),
            ("at most so many seconds after", f"{self.worst:.3f}", f"{self.bound:g}"),
        ]


class Leavers(threading.Thread):
    """Leave one after the other, and note when each was told so."""

    def __init__(self, port: int, paths: list[tuple[str, str]]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._paths = paths
        self.answered: dict[str, float] = {}
        self.refused: list[str] = []

    def run(self) -> None:
        web = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        for email, path in self._paths:
            web.request("POST", path, "List-Unsubscribe=One-Click", headers)
            answer = web.getresponse()
            answer.read()
            if answer.status == 200:
                self.answered[email] = time.monotonic()
            else:
                self.refused.append(f"{email}: {answer.status}")
            time.sleep(PAUSE)


def run(
    stage: Stage, people: int, seed: int, within: float, bound: float, progress: Progress
) -> Leaving:
    """Let people leave in the middle of a campaign, and judge."""
    end = time.monotonic() + within
    leavers = min(LEAVERS, people // 20)
    with Scene(stage, "leaving", people, Habits(seed=seed, is_wild=False)) as scene:
        port = free_port()
        stage.start_process("leaving-web", "web", WEB_PORT=str(port))
        wait_until(lambda: _answers(port), 60, "the web process")
        for _ in range(WORKERS):
            scene.start_worker()
        threads = [Leavers(port, part) for part in _paths(scene, leavers, seed)]
        campaigns.start(scene.number)
        scene.wait_for_mails(int(people * BEGIN), end, progress)
        for thread in threads:
            thread.start()
        scene.wait_for_end(end, progress)
        for thread in threads:
            thread.join()
    answered = {who: at for thread in threads for who, at in thread.answered.items()}
    found = _compare(scene, answered, bound)
    found.problems += [refusal for thread in threads for refusal in thread.refused]
    if len(answered) < leavers and not found.problems:
        found.problems.append(f"only {len(answered)} of {leavers} left")
    if found.skipped < leavers // 10:
        found.problems.append(f"only {found.skipped} left before their turn: nothing is proven")
    return found


def _compare(scene: Scene, answered: dict[str, float], bound: float) -> Leaving:
    found = Leaving(left=len(answered), bound=bound)
    found.verdict = scene.judged(open_at_kills=0, may_skip=answered)
    mailed = {line.recipient: line for line in scene.sink.tail.lines if line.what in record.MAILS}
    for who, at in answered.items():
        mail = mailed.get(who)
        if mail is None:
            found.skipped += 1
        elif mail.at <= at:
            found.mailed_before += 1
        else:
            found.after.append((mail.at - at, who))
            found.begun_before += mail.begun <= at
    return found


def _paths(scene: Scene, leavers: int, seed: int) -> list[list[tuple[str, str]]]:
    """Return who leaves, with the address of their one-click POST, for each thread.

    People of the second half: on a slow machine, most of the others would have their mail already.
    """
    draw = random.Random(f"leaving {seed}")
    numbers = draw.sample(range(scene.people // 2, scene.people), leavers)
    names = [audience.address(scene.name, number) for number in numbers]
    ids = dict(Subscriber.objects.filter(email_key__in=names).values_list("email_key", "id"))
    both = [(who, urlsplit(tokens.unsubscribe_url(ids[who], scene.number)).path) for who in names]
    return [both[number::THREADS] for number in range(THREADS)]


def _answers(port: int) -> bool:
    try:
        web = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        web.request("GET", "/robots.txt")
        return web.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
