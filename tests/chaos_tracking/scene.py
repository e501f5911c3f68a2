"""Two edges, two ingesters, people who chose, campaigns with links: what a trial begins with.

Needs Django to be set up; imported after that only.
"""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import redis
from django.conf import settings
from django.db import connection

from newsletter import campaigns
from scripts.installing import ROOT
from scripts.ports import free_port
from subscribers.models import MailingList, Subscriber
from tests.chaos import audience
from tests.chaos.stage import Process, Stage, wait_until
from tests.chaos_tracking.hits import AGGREGATE, INDIVIDUAL, OFF, Facts, Person, World
from tests.chaos_tracking.judge import Stored
from tests.chaos_tracking.readers import Orders
from tests.chaos_tracking.record import Tail
from tests.chaos_tracking.trouble import Size
from tracking import links, spool, stream

PEOPLE = 3_000
CAMPAIGNS = 3
LINKS = 12  # in each campaign
STARTS_WITHIN = 60.0  # seconds
_EVENTS = """
    SELECT user_agent, extract(epoch FROM occurred_at)::float8,
           kind, campaign_id, subscriber_id, forward_id, link_id, coalesce(host(network), ''),
           coalesce(marks->>'method', '') = 'HEAD'
    FROM tracking_event
"""


class Edge:
    """An edge's process, and what it keeps on its disk."""

    def __init__(self, number: int, process: Process, port: int, run_dir: Path) -> None:
        self.name = f"edge {number}"
        self.process = process
        self.port = port
        self.spool = run_dir / "spool"

    def is_ready(self) -> bool:
        """Say whether it answers."""
        try:
            url = f"http://127.0.0.1:{self.port}/healthz"
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait(self) -> None:
        """Wait until it answers. Raises TimeoutError."""
        wait_until(self.is_ready, STARTS_WITHIN, f"{self.name} answers")


class Scene:
    """What is on the stage. Leaving it ends every process but the servers."""

    def __init__(self, stage: Stage, size: Size, seed: int) -> None:
        self.stage = stage
        self.size = size
        self.seed = seed
        self.edges: list[Edge] = []
        self.ingesters: list[Process] = []
        self.tail = Tail(stage.folder / "readers.record")
        self.redis = redis.Redis.from_url(stage.redis.url, socket_timeout=5)
        self._readers: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Scene":
        """Make people, campaigns and links, and start edges and ingesters."""
        self.world = _make_world()
        try:
            for number in range(2):
                self.edges.append(self._start_edge(number))
            for number in (1, 2):
                self.ingesters.append(self.stage.start_process(f"ingester {number}", "ingest"))
            for edge in self.edges:
                edge.wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._readers is not None:
            self._readers.kill()
            self._readers.wait()
        self.stage.clear()
        self.redis.close()

    def start_readers(self) -> None:
        """Let them begin."""
        world = self.stage.folder / "world.json"
        self.world.write(world)
        orders = Orders(
            self.seed,
            self.size.hits,
            self.size.rate,
            self.size.clients,
            [edge.port for edge in self.edges],
            str(world),
            str(self.stage.folder / "readers.record"),
        )
        self._readers = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos_tracking.readers", orders.text()],
            cwd=ROOT,
            env=self.stage.environment,
            stderr=(self.stage.logs / "readers.log").open("ab"),
            start_new_session=True,
        )

    @property
    def are_reading(self) -> bool:
        """Whether the readers are not done yet. Raises RuntimeError when they failed."""
        assert self._readers is not None
        code = self._readers.poll()
        if code:
            raise RuntimeError(f"the readers failed: see {self.stage.logs / 'readers.log'}")
        return code is None

    def wait_for_ingest(self, end: float) -> str:
        """Wait until all that was taken is stored. Returns what is left at `end`, or nothing."""
        while left := self._left():
            if time.monotonic() > end:
                return left
            time.sleep(0.2)
        return ""

    def events(self) -> list[Stored]:
        """Return every event that is stored."""
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS)
            return [Stored(row[0], Facts(*row[2:]), row[1]) for row in cursor.fetchall()]

    def _left(self) -> str:
        try:
            backlog, dead = stream.backlog(), self.redis.xlen(stream.dead_letters())
        except stream.AWAY as error:
            return f"Redis does not answer: {error}"
        waiting = [edge.name for edge in self.edges if not spool.is_empty(edge.spool)]
        if dead:
            return f"{dead} packs were set aside as not to be stored"
        if backlog.packs or backlog.pending or waiting:
            return f"{backlog.packs} packs in the stream; on the disk of {waiting or 'nobody'}"
        return ""

    def _start_edge(self, number: int) -> Edge:
        # The first shares its disk with the ingesters; the second is as on a machine of its own,
        # where only itself can bring in what it left.
        run_dir = Path(self.stage.environment["RUN_DIR"])
        if number:
            run_dir = run_dir.with_name(f"run-{number}")
        run_dir.mkdir(exist_ok=True)
        port = free_port()
        variables = {"EDGE_PORT": str(port), "RUN_DIR": str(run_dir)}
        process = self.stage.start_process(f"edge {number}", "edge", **variables)
        return Edge(number, process, port, run_dir)


def _make_world() -> World:
    numbers = [audience.make("readers", PEOPLE)]
    mailing_list = MailingList.objects.get(name="readers")
    for number in range(1, CAMPAIGNS):
        made = campaigns.create(lists=[mailing_list], subject=f"Issue {number}", body="Hello")
        numbers.append(int(made.pk))
    people = [Person(pk, _choice(pk)) for pk in Subscriber.objects.values_list("pk", flat=True)]
    for choice in (INDIVIDUAL, AGGREGATE, OFF):
        chosen = [person.id for person in people if person.choice == choice]
        Subscriber.objects.filter(pk__in=chosen).update(tracking=choice)
    targets: dict[int, str] = {}
    campaign_of = {}
    for campaign in numbers:
        urls = [f"https://example.org/{campaign}/story/{n}?from=mail" for n in range(LINKS)]
        for url, link in links.ensure(campaign, urls).items():
            targets[link], campaign_of[link] = url, campaign
        links.publish(campaign)
    return World(settings.PUBLIC_URL, numbers, people, targets, campaign_of)


def _choice(number: int) -> str:
    return {0: OFF, 1: AGGREGATE, 2: AGGREGATE}.get(number % 20, INDIVIDUAL)
