"""Brings about what trouble.py names, and brings back what went down."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import RedisError

from tests.chaos import families
from tests.chaos.scene import LOOK
from tests.chaos.stage import Process, wait_until
from tests.chaos.trouble import Trouble
from tests.chaos_tracking import replays
from tests.chaos_tracking.judge import Away
from tests.chaos_tracking.scene import Edge, Scene
from tests.chaos_tracking.trouble import LONGER, Kind

STOPS_WITHIN = 25.0  # seconds that a process may take over a SIGTERM
EMPTIES_WITHIN = 25.0  # seconds that ingesters, started again, may take to empty a full Redis


class Wrecker:
    """Breaks one part after the other; parts may be away at the same time, but never both edges.

    But for EDGE_ALL, which kills both.
    """

    def __init__(self, scene: Scene, seed: int) -> None:
        self._scene = scene
        self._dice = random.Random(f"wrecker {seed}")
        names = ("edges", "redis", "postgres", *(each.name for each in scene.ingesters))
        self._locks = {name: threading.Lock() for name in names}
        self._waiting: list[Trouble] = []
        self._threads: list[threading.Thread] = []
        self.problems: list[str] = []
        self.away: list[Away] = []
        self.done: list[str] = []
        self.in_the_middle = 0  # replays that were cut in their middle
        self._actions = {
            Kind.EDGE_KILL: self._kill_edge,
            Kind.EDGE_WORKER: self._kill_serving,
            Kind.EDGE_STOP: self._stop_edge,
            Kind.EDGE_TERM: self._end_edge,
            Kind.EDGE_ALL: self._kill_edges,
            Kind.EDGE_REPLAY: self._kill_in_replay,
            Kind.REDIS_KILL: self._restart_redis,
            Kind.REDIS_STOP: self._stop_server,
            Kind.REDIS_TERM: self._restart_redis,
            Kind.REDIS_FULL: self._fill_redis,
            Kind.INGEST_KILL: self._restart_ingester,
            Kind.INGEST_STOP: self._stop_ingester,
            Kind.INGEST_LONG: self._stop_ingester,
            Kind.INGEST_TERM: self._restart_ingester,
            Kind.POSTGRES_KILL: self._restart_postgres,
            Kind.POSTGRES_STOP: self._stop_server,
            Kind.POSTGRES_FAST: self._restart_postgres,
            Kind.POSTGRES_CRASH: self._restart_postgres,
            Kind.POSTGRES_LONG: self._restart_postgres,
        }

    def bring_about(self, trouble: Trouble) -> None:
        """Let it happen as soon as its part is up: see `tend`."""
        self._waiting.append(trouble)

    def tend(self) -> list[str]:
        """Begin what can begin now. Returns what did, and to whom."""
        begun = []
        promised: set[str] = set()  # to who waits already, and is not to be overtaken
        for trouble in [*self._waiting]:
            kind = Kind(trouble.kind)
            victim = self._victim(kind)
            parts = self._parts(kind, victim)
            if promised.isdisjoint(parts) and not any(self._locks[each].locked() for each in parts):
                self._waiting.remove(trouble)
                begun.append(self._begin(trouble, victim, parts))
            promised.update(parts)
        return begun

    def _begin(self, trouble: Trouble, victim: str, parts: list[str]) -> str:
        kind = Kind(trouble.kind)
        seconds = trouble.down + LONGER.get(kind, 0.0)
        for part in parts:
            self._locks[part].acquire()

        def happen() -> None:
            try:
                self._actions[kind](kind, victim, seconds)
            except Exception as error:
                self.problems.append(f"{kind}: {type(error).__name__}: {error}")
            finally:
                for part in parts:
                    self._locks[part].release()

        self.done.append(f"{kind}: {victim}, for {seconds:.1f} s")
        self._threads.append(threading.Thread(target=happen))
        self._threads[-1].start()
        return self.done[-1]

    def finish(self) -> None:
        """Bring about what still waits."""
        while self._waiting:
            self.tend()
            time.sleep(LOOK)

    def wind_up(self) -> None:
        """Wait until everything is back."""
        for thread in self._threads:
            thread.join()

    # --- who ------------------------------------------------------------------------------

    def _victim(self, kind: Kind) -> str:
        if kind.name.startswith("EDGE"):
            return self._dice.choice(self._scene.edges).name
        if kind.name.startswith("INGEST"):
            names = [each.name for each in self._scene.ingesters]
            self._dice.shuffle(names)
            return next((name for name in names if not self._locks[name].locked()), names[0])
        return "Redis" if kind.name.startswith("REDIS") else "PostgreSQL"

    def _parts(self, kind: Kind, victim: str) -> list[str]:
        ingesters = [each.name for each in self._scene.ingesters]
        if kind is Kind.EDGE_REPLAY:
            return ["edges", "postgres", "redis", *ingesters]
        if kind is Kind.REDIS_FULL:
            return ["postgres", "redis", *ingesters]
        if victim in ingesters:
            return [victim]
        return [{"Redis": "redis", "PostgreSQL": "postgres"}.get(victim, "edges")]

    def _edge(self, name: str) -> Edge:
        return next(edge for edge in self._scene.edges if edge.name == name)

    def _ingester(self, name: str) -> Process:
        return next(each for each in self._scene.ingesters if each.name == name)

    @contextmanager
    def _noted(self, part: str) -> Iterator[None]:
        begun = time.time()
        try:
            yield
        finally:
            self.away.append(Away(part, begun, time.time()))

    # --- edges ----------------------------------------------------------------------------

    def _kill_edge(self, _: Kind, victim: str, seconds: float) -> None:
        edge = self._edge(victim)
        with self._noted(victim):
            edge.process.kill()
            time.sleep(seconds)
            edge.process.start()
            edge.wait()

    def _kill_serving(self, _: Kind, victim: str, __: float) -> None:
        """Kill what serves; what started it starts another."""
        edge = self._edge(victim)
        with self._noted(victim):
            serving = edge.process.family()[1:]
            families.send(serving, signal.SIGKILL)
            wait_until(lambda: not any(map(_is_running, serving)), 10, "the end of a process")
            edge.wait()

    def _stop_edge(self, _: Kind, victim: str, seconds: float) -> None:
        with self._noted(victim):
            _stop(self._edge(victim).process.family(), seconds)

    def _end_edge(self, kind: Kind, victim: str, seconds: float) -> None:
        edge = self._edge(victim)
        with self._noted(victim):
            self._end(edge.process)
            time.sleep(seconds)
            edge.process.start()
            edge.wait()

    def _kill_edges(self, kind: Kind, _: str, seconds: float) -> None:
        threads = [
            threading.Thread(target=self._kill_edge, args=(kind, edge.name, seconds))
            for edge in self._scene.edges
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _kill_in_replay(self, kind: Kind, victim: str, seconds: float) -> None:
        """Let the spool grow while Redis is away, and kill the edge when a part is handed on."""
        edge, redis = self._edge(victim), self._scene.stage.redis
        # A stream that is nearly full would take nothing back.
        client = self._scene.redis
        wait_until(
            lambda: replays.length(client) < replays.SMALL, EMPTIES_WITHIN, "room in the stream"
        )
        # Nothing leaves the stream meanwhile, so that one can see what was handed on.
        ingesters = [pid for each in self._scene.ingesters for pid in each.family()]
        with self._noted("ingesters"):
            families.send(ingesters, signal.SIGSTOP)
            try:
                with self._noted("Redis"):
                    redis.kill()
                    time.sleep(seconds)
                    redis.start()
                replays.wait_for_first(client, edge.spool)
                begun = time.time()
                edge.process.kill()
                self.in_the_middle += replays.is_in_the_middle(client, edge.spool)
            finally:
                families.send(ingesters, signal.SIGCONT)
        edge.process.start()
        edge.wait()
        self.away.append(Away(edge.name, begun, time.time()))

    # --- Redis ----------------------------------------------------------------------------

    def _restart_redis(self, kind: Kind, victim: str, seconds: float) -> None:
        redis = self._scene.stage.redis
        with self._noted(victim):
            redis.stop(signal.SIGKILL if kind is Kind.REDIS_KILL else signal.SIGTERM)
            time.sleep(seconds)
            redis.start()

    def _fill_redis(self, _: Kind, victim: str, seconds: float) -> None:
        """Let Redis take nothing more; who starts then has to be able to empty it."""
        redis = self._scene.redis
        with self._noted(f"{victim} (full)"):
            redis.config_set("maxmemory", 1)
            try:
                time.sleep(seconds)
                for ingester in self._scene.ingesters:
                    with self._noted(ingester.name):
                        ingester.kill()
                        ingester.start()
                self._wait_for_empty(redis)
            finally:
                redis.config_set("maxmemory", 0)

    def _wait_for_empty(self, redis) -> None:
        try:
            wait_until(lambda: not replays.length(redis), EMPTIES_WITHIN, "a full Redis is emptied")
        except (TimeoutError, RedisError) as error:
            self.problems.append(str(error))

    # --- ingesters and PostgreSQL ---------------------------------------------------------

    def _restart_ingester(self, kind: Kind, victim: str, seconds: float) -> None:
        ingester = self._ingester(victim)
        with self._noted(victim):
            if kind is Kind.INGEST_KILL:
                ingester.kill()
            else:
                self._end(ingester)
            time.sleep(seconds)
            ingester.start()

    def _stop_ingester(self, _: Kind, victim: str, seconds: float) -> None:
        with self._noted(victim):
            _stop(self._ingester(victim).family(), seconds)

    def _restart_postgres(self, kind: Kind, victim: str, seconds: float) -> None:
        postgres = self._scene.stage.postgres
        with self._noted(victim):
            if kind is Kind.POSTGRES_KILL:
                families.send(families.family(postgres.process.pid), signal.SIGKILL)
                postgres.process.wait()
                postgres.process = None
            elif kind is Kind.POSTGRES_CRASH:
                postgres.crash()
            else:
                postgres.shut_down()
            time.sleep(seconds)
            postgres.start()

    def _stop_server(self, kind: Kind, victim: str, seconds: float) -> None:
        stage = self._scene.stage
        server = stage.redis if kind is Kind.REDIS_STOP else stage.postgres
        with self._noted(victim):
            _stop(families.family(server.process.pid), seconds)

    def _end(self, process: Process) -> None:
        pids = process.family()
        process.terminate()
        try:
            wait_until(lambda: not process.is_alive, STOPS_WITHIN, f"{process.name} stops")
        except TimeoutError as error:
            self.problems.append(str(error))
            families.send(pids, signal.SIGKILL)


def _stop(pids: list[int], seconds: float) -> None:
    families.send(pids, signal.SIGSTOP)
    time.sleep(seconds)
    families.send(pids, signal.SIGCONT)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
