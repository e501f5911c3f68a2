"""Under which account the private servers run, and where it can keep their data.

PostgreSQL refuses to run as root. Started by root, the servers therefore run as an unprivileged
account. Nobody's folders are opened up for that: when the account can't reach RUN_DIR (a checkout
below /root, for example) the data goes to a folder of its own, and RUN_DIR remembers which.
"""

import hashlib
import os
import pwd
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_CANDIDATES = ("postgres", "nobody")
_ELSEWHERE = (Path("/var/lib/broadsheet"), Path("/var/tmp/broadsheet"))  # noqa: S108  (made 0711)


@dataclass(frozen=True)
class Account:
    """An account that servers are started as."""

    name: str
    uid: int
    gid: int

    def popen(self) -> dict[str, Any]:
        """Return the arguments of subprocess that start a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


@dataclass(frozen=True)
class Place:
    """A folder for the servers' data, and whose it is (None: ours)."""

    folder: Path
    account: Account | None

    def run(self, command: list[str]) -> "subprocess.CompletedProcess[str]":
        """Run a short command there, as that account, with nothing of our environment."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=clean_environment(),
            capture_output=True,
            text=True,
            check=False,
            **(self.account.popen() if self.account else {}),
        )

    def make_folder(self, name: str) -> Path:
        """Make a private folder of the account's in this place, unless it is there."""
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        self.give(path)
        return path

    def give(self, path: Path) -> None:
        """Make the account the owner of `path`."""
        if self.account:
            os.chown(path, self.account.uid, self.account.gid)


class PlaceProblem(Exception):
    """There is nowhere to keep the data; the message says what was tried."""


def clean_environment() -> dict[str, str]:
    """Return what a server needs of the environment, which is next to nothing."""
    return {"PATH": os.environ.get("PATH") or os.defpath, "LC_ALL": "C"}


def find_place(run_dir: Path) -> Place:
    """Return where the private servers of this RUN_DIR keep their data; the same each time."""
    if os.geteuid() != 0:
        return Place(run_dir, None)
    record = run_dir / "data-place"
    if record.exists():
        folder = Path(record.read_text(encoding="utf-8").strip())
        if not folder.is_dir():
            raise PlaceProblem(
                f"The data of this installation was in {folder}, which is gone. Bring it back, "
                f"or remove {record} to start with an empty database."
            )
        return Place(folder, _account(folder))
    account = _account(run_dir)
    place = Place(run_dir, account)
    if not _usable(place):
        place = Place(_make_elsewhere(run_dir), account)
        if not _usable(place):
            raise PlaceProblem(f"The account {account.name} can't use {place.folder}.")
    record.write_text(f"{place.folder}\n", encoding="utf-8")
    return place


def _account(folder: Path) -> Account:
    """Choose who owns what is there already, else the first that exists."""
    existing = folder / "postgres"
    if existing.is_dir() and (owner := existing.stat().st_uid) != 0:
        entry = pwd.getpwuid(owner)
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise PlaceProblem(
        "PostgreSQL does not run as root, and there is no account `nobody` or `postgres` to run "
        "it as: start Broadsheet as a plain user, or set DATABASE_URL and REDIS_URL."
    )


def _usable(place: Place) -> bool:
    """Try it as the account itself: modes, mounts and access lists all have a say."""
    try:
        probe = place.make_folder("probe")
        script = 'cd "$1" && : > written'
        worked = place.run(["/bin/sh", "-c", script, "-", str(probe)]).returncode == 0
        (probe / "written").unlink(missing_ok=True)
        probe.rmdir()
    except OSError:
        return False
    return worked


def _make_elsewhere(run_dir: Path) -> Path:
    name = hashlib.sha256(str(run_dir).encode()).hexdigest()[:12]
    for parent in _ELSEWHERE:
        try:
            parent.mkdir(mode=0o711, exist_ok=True)
            if parent.stat().st_uid != 0:
                continue  # somebody else's: not a place for a database
            parent.chmod(0o711)
            # A random end, so that a RUN_DIR that was removed and made anew starts anew as well.
            folder = parent / f"{name}-{secrets.token_hex(3)}"
            folder.mkdir()
            folder.chmod(0o711)
        except OSError:
            continue
        return folder
    raise PlaceProblem(f"Neither of {', '.join(map(str, _ELSEWHERE))} can be made.")
