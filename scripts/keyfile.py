"""Small files of NAME=value lines that only their owner may read: secrets, ports, environment.

A file is replaced whole (written beside, then renamed), so a crash never leaves half of one.
"""

import os
from collections.abc import Mapping
from pathlib import Path

NOTE = "Made by the launcher. Keep it with your backups."  # in the file of secrets


def read(path: Path) -> dict[str, str]:
    """Return the pairs of `path`; none if there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value for name, _, value in pairs}


def write(path: Path, values: Mapping[str, str], note: str) -> None:
    """Replace `path` by these pairs under a comment. Raises ValueError for a value with lines."""
    for name, value in values.items():
        if "\n" in value or "\r" in value:
            raise ValueError(f"{name} holds a line break, which an environment file can't keep.")
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    # The mode is set when the file is made: it is at no moment readable by others.
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"# {note}\n{text}")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
