"""The stage of a trial: servers, beat, workers and the mail server, all as real processes."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from scripts.installing import ROOT
from tests.chaos import families
from tests.chaos.moods import Habits
from tests.chaos.record import Tail
from tests.chaos.servers import Postgres, Redis, place

# What waits for a minute in real life waits for seconds here.
LEASE = 5
RETRY_AFTER = 3
CONNECTIONS = 10  # of each sending process
BATCH = 200  # people
# A sending process each, and one that stays free for mails that somebody waits for.
CONCURRENCY = 2
STOPS_WITHIN = 30.0  # seconds that a worker may take over a SIGTERM
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


class Process:
    """A process of ours and its log. Started again with the same command."""

    def __init__(self, name: str, command: list[str], environment: Mapping[str, str], log: Path):
        self.name = name
        self._command = command
        self._environment = dict(environment)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it. Does not wait until it is ready."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def family(self) -> list[int]:
        """Return its process id and those of everything below it."""
        return families.family(self.pid) if self.is_alive else []

    def kill(self) -> None:
        """End it and everything below it at once, so that none can tell another."""
        pids = self.family()
        families.send(pids, signal.SIGSTOP)
        pids = list(dict.fromkeys([*pids, *self.family()]))
        families.send(pids, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def terminate(self) -> None:
        """Ask it to stop."""
        families.send([self.pid], signal.SIGTERM)


class Stage:
    """Everything that one trial needs; leaving it leaves no process behind."""

    def __init__(self, folder: Path, hosts: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self._place = where = place(folder / "servers")
        self.postgres = Postgres(where, self.logs / "postgres.log", hosts)
        self.redis = Redis(where, self.logs / "redis.log", hosts)
        self.processes: list[Process] = []
        self.environment = {
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "PYTHONUNBUFFERED": "1",
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "SECRET_KEY": "trial-only-secret-key-that-is-long-enough-0123456789abcdef",
            "TRACKING_KEYS": "trial-only-tracking-key-0123456789",
            "PUBLIC_URL": "http://127.0.0.1:9",
            "SMTP_URL": "smtp://127.0.0.1:9?tls=none",
            "DEFAULT_FROM": "The Daily Example <news@example.org>",
            "RUN_DIR": str(folder / "run"),
            "SEND_LEASE": str(LEASE),
            "SEND_RETRY_AFTER": str(RETRY_AFTER),
            "SEND_CONNECTIONS": str(CONNECTIONS),
            "SEND_BATCH_SIZE": str(BATCH),
            "WORKER_CONCURRENCY": str(CONCURRENCY),
        }

    def __enter__(self) -> "Stage":
        """Start the servers and make the tables."""
        try:
            self.postgres.start()
            self.redis.start()
            self._manage("migrate")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.redis.kill()
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            self.postgres.crash()
        # What failed is looked at in logs and records; the data is large, and may be elsewhere.
        shutil.rmtree(self._place.folder, ignore_errors=True)

    def clear(self) -> None:
        """End every process but the servers."""
        for process in self.processes:
            if process.is_alive:
                process.kill()
        self.processes.clear()

    def start_process(
        self, name: str, *arguments: str, prefix: tuple[str, ...] = (), **variables: str
    ) -> Process:
        """Start a manage.py command that stays, for example "worker"."""
        command = [*prefix, sys.executable, str(ROOT / "manage.py"), *arguments]
        environment = {**self.environment, **variables}
        process = Process(name, command, environment, self.logs / f"{name}.log")
        process.start()
        self.processes.append(process)
        return process

    def _manage(self, *arguments: str) -> None:
        subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            check=True,
            stdout=subprocess.DEVNULL,
        )


class MailServer:
    """The mail server's process, and what it has written down by now."""

    def __init__(self, stage: Stage, name: str, habits: Habits) -> None:
        self._stage = stage
        self._name = name
        self.habits = replace(habits, record=str(stage.folder / f"{name}.record"))
        self.tail = Tail(Path(self.habits.record))
        self._process: subprocess.Popen[str] | None = None

    @property
    def port(self) -> int:
        return self.habits.port

    def start(self) -> None:
        """Start it, on the port that it had before if there was one."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.sink", json.dumps(self.habits.dictionary())],
            cwd=ROOT,
            env=self._stage.environment,
            stdout=subprocess.PIPE,
            stderr=(self._stage.logs / f"{self._name}-sink.log").open("ab"),
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the mail server does not start; see its log")
        self.habits = replace(self.habits, port=int(line))

    def kill(self) -> None:
        """End it at once: whoever is connected is cut off, whoever comes is refused."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


def wait_until(condition, within: float, what: str) -> None:
    """Wait for something. Raises TimeoutError, saying what did not come."""
    end = time.monotonic() + within
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {within:.0f} seconds")
        time.sleep(0.02)
