"""A PostgreSQL and a Redis of our own that are stopped, crashed and emptied, and come back."""

import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from scripts import binaries, postgres, redis_server
from scripts.account import Place, clean_environment, find_place
from scripts.ports import free_port

PASSWORD = "for-the-time-of-a-trial"
PATIENCE = 60  # seconds for a server to come up


class Server:
    """One server process, started again on the same data."""

    def __init__(self, place: Place, folder: Path, log: Path) -> None:
        self._place = place
        self._folder = folder
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Start it and wait until it can be used."""
        account = self._place.account
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self._folder,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **(account.popen() if account else {}),
            )
        end = time.monotonic() + PATIENCE
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{self.command()[0]} does not start:\n{self._log.read_text()}")
            time.sleep(0.02)

    def stop(self, number: signal.Signals) -> None:
        """Send a signal and wait for the end."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)
            self.process.wait(PATIENCE)
            self.process = None


class Postgres(Server):
    """PostgreSQL. It keeps its promises: what is tried here is whether we keep ours."""

    def __init__(self, place: Place, log: Path, hosts: tuple[str, ...] = ()) -> None:
        found = binaries.postgres_binaries(place)
        self._server = postgres.prepare(found, place, free_port(), PASSWORD)
        self._hosts = hosts
        super().__init__(place, self._server.data, log)
        if hosts:
            with (self._server.data / "pg_hba.conf").open("a") as file:
                file.write("host all all 10.0.0.0/8 scram-sha-256\n")

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return self._server.url

    def command(self) -> list[str]:
        listen = ",".join(("127.0.0.1", *self._hosts))
        return [*self._server.command(), "-c", f"listen_addresses={listen}"]

    def is_ready(self) -> bool:
        return self.process is not None and self._server.ready(self.process.pid)

    def start(self) -> None:
        super().start()
        self._server.make_database()

    def shut_down(self) -> None:
        """`pg_ctl stop -m fast`: connections are cut, everything is written."""
        self.stop(signal.SIGINT)

    def crash(self) -> None:
        """`pg_ctl stop -m immediate`: what was not in the log is gone."""
        self.stop(signal.SIGQUIT)


class Redis(Server):
    """Redis or Valkey."""

    def __init__(self, place: Place, log: Path, hosts: tuple[str, ...] = ()) -> None:
        found = binaries.redis_binaries(place)
        self._server = redis_server.prepare(found, place, free_port(), PASSWORD)
        self._hosts = hosts
        super().__init__(place, self._server.folder, log)

    @property
    def port(self) -> int:
        return self._server.port

    @property
    def url(self) -> str:
        return self._server.url

    def command(self) -> list[str]:
        return [*self._server.command(), "--bind", "127.0.0.1", *self._hosts]

    def is_ready(self) -> bool:
        return self._server.ready()

    def kill(self) -> None:
        """End it without a chance to say goodbye; its data stays."""
        self.stop(signal.SIGKILL)

    def wipe(self) -> None:
        """End it and lose everything that it held."""
        self.kill()
        for path in self._server.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.suffix in (".rdb", ".aof"):
                path.unlink()


def place(folder: Path) -> Place:
    """Return where the servers' data goes, and under which account they run."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o711)
    return find_place(folder)
