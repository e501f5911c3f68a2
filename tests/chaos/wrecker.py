"""Brings about what trouble.py has drawn, and starts again what went down."""

import random
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos import families
from tests.chaos.crashes import Crashes
from tests.chaos.stage import LEASE, STOPS_WITHIN, MailServer, Process, Stage
from tests.chaos.trouble import SERVERS, Kind, Trouble

FIND_CONNECTED = 3.0  # seconds to look for a worker that is connected


@dataclass(frozen=True)
class Done:
    """A misfortune that happened."""

    at: float  # monotonic
    kind: Kind
    whom: str
    connections: int  # that were open, of the processes it befell


class Wrecker:
    """Breaks workers and servers, one misfortune after the other."""

    def __init__(self, stage: Stage, workers: list[Process], sink: MailServer, seed: int) -> None:
        self._stage = stage
        self._workers = workers
        self._sink = sink
        self._random = random.Random(f"wrecker {seed}")
        self._later: list[tuple[float, Callable[[], None]]] = []
        self._stopping: dict[Process, float] = {}
        self._frozen: set[Process] = set()
        self._threads: dict[str, threading.Thread] = {}
        self.crashes = Crashes(stage.postgres.url)
        self.problems: list[str] = []
        self.done: list[Done] = []

    def bring_about(self, trouble: Trouble) -> None:
        """Let it happen now."""
        if trouble.kind in SERVERS:
            self._break_server(trouble)
        else:
            self._break_worker(trouble)

    def tend(self) -> None:
        """Start again what is down, and continue what was stopped for long enough."""
        now = time.monotonic()
        for item in [item for item in self._later if item[0] <= now]:
            self._later.remove(item)
            item[1]()
        for worker in self._workers:
            since = self._stopping.get(worker)
            if not worker.is_alive:
                if since is not None:
                    del self._stopping[worker]
                worker.start()
            elif since is not None and now - since > STOPS_WITHIN:
                self.problems.append(f"{worker.name} did not stop within {STOPS_WITHIN:.0f} s")
                del self._stopping[worker]
                worker.kill()

    @property
    def is_server_away(self) -> bool:
        """Whether PostgreSQL or Redis is down just now."""
        return any(thread.is_alive() for thread in self._threads.values())

    def wind_up(self) -> None:
        """Bring back whatever is still down."""
        for thread in self._threads.values():
            thread.join()
        for _, action in self._later:
            action()
        self._later.clear()
        self.tend()

    # --- workers ------------------------------------------------------------------------

    def _break_worker(self, trouble: Trouble) -> None:
        worker, child = self._victim()
        if worker is None:
            self._note(trouble.kind, "nobody was there", 0)
            return
        if trouble.kind is Kind.KILL_CHILD:
            self._kill([child or worker.pid], trouble.kind, f"{worker.name}, one process")
        elif trouble.kind is Kind.KILL_TREE:
            pids = worker.family()
            families.send(pids, signal.SIGSTOP)
            count = self._count(pids)
            worker.kill()
            self._note(trouble.kind, worker.name, count)
        elif trouble.kind is Kind.TERMINATE:
            count = self._count(worker.family())
            worker.terminate()
            self._stopping[worker] = time.monotonic()
            self._note(trouble.kind, worker.name, count)
        else:
            self._freeze(worker, trouble)

    def _freeze(self, worker: Process, trouble: Trouble) -> None:
        pids = worker.family()
        families.send(pids, signal.SIGSTOP)
        self._frozen.add(worker)
        self._note(trouble.kind, worker.name, self._count(pids))

        def go_on() -> None:
            self._frozen.discard(worker)
            families.send(pids, signal.SIGCONT)

        self._later.append((time.monotonic() + LEASE + trouble.down, go_on))

    def _kill(self, pids: list[int], kind: Kind, whom: str) -> None:
        # Stopped first: who is counted is who is killed.
        families.send(pids, signal.SIGSTOP)
        count = self._count(pids)
        families.send(pids, signal.SIGKILL)
        self._note(kind, whom, count)

    def _victim(self) -> tuple[Process | None, int | None]:
        """Return a worker, and its process that is connected, if any is before long."""
        end = time.monotonic() + FIND_CONNECTED
        while True:
            able = [each for each in self._workers if each.is_alive and self._may_break(each)]
            connected = [
                (worker, pid)
                for worker in able
                for pid in worker.family()
                if families.connections(pid, self._sink.port)
            ]
            if connected:
                return self._random.choice(connected)
            if time.monotonic() > end:
                return (self._random.choice(able), None) if able else (None, None)
            time.sleep(0.05)
            self.tend()

    def _may_break(self, worker: Process) -> bool:
        return worker not in self._frozen and worker not in self._stopping

    def _count(self, pids: list[int]) -> int:
        return sum(families.connections(pid, self._sink.port) for pid in pids)

    def _note(self, kind: Kind, whom: str, connections: int) -> None:
        self.done.append(Done(time.monotonic(), kind, whom, connections))

    # --- servers ------------------------------------------------------------------------

    def _break_server(self, trouble: Trouble) -> None:
        """Take a server away for a while, and let everything else go on meanwhile."""
        postgres, redis = self._stage.postgres, self._stage.redis
        name, server, stop = {
            Kind.REDIS: ("redis", redis, redis.kill),
            Kind.REDIS_EMPTY: ("redis", redis, redis.wipe),
            Kind.POSTGRES: ("postgres", postgres, postgres.shut_down),
            Kind.POSTGRES_CRASH: ("postgres", postgres, postgres.crash),
        }[trouble.kind]
        if name in self._threads:
            self._threads[name].join()
        self._note(trouble.kind, f"away for {trouble.down:.1f} s", 0)

        def away() -> None:
            is_crash = trouble.kind is Kind.POSTGRES_CRASH
            if is_crash:
                self.crashes.is_coming()
            begun = time.monotonic()
            stop()
            time.sleep(trouble.down)
            server.start()
            if is_crash:
                self.crashes.happened(begun, time.monotonic())

        thread = self._threads[name] = threading.Thread(target=away)
        thread.start()
