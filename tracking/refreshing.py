"""What a process knows from the operator's files, read again when these have changed.

A list that can't be read is said so once, and what was known before stays in use.
"""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

logger = logging.getLogger(__name__)

EVERY = 60.0  # seconds between two looks at the files

_Known = TypeVar("_Known")
_all: "list[Fresh[Any]]" = []
_looked_at = 0.0


class Fresh(Generic[_Known]):
    """Something that is made of files, at first use and when `look` finds that they changed."""

    def __init__(self, name: str, load: Callable[[], _Known], paths: Callable[[], list[Path]]):
        """Take what it is called in the log, and the files or folders that `load` reads."""
        self._name, self._load, self._paths = name, load, paths
        self._known: _Known | None = None
        self._stamp: object = None
        _all.append(self)

    def get(self) -> _Known:
        """Return it. Raises what `load` raises, the first time alone."""
        if self._known is None:
            # The stamp first: what changes while it is read is read again.
            self._stamp = self._now()
            self._known = self._load()
        return self._known

    def look(self) -> bool:
        """Make it anew if its files have changed. Returns whether it was."""
        stamp = self._now()
        if self._known is None or stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._known = self._load()
        except (ValueError, OSError) as error:
            logger.error("%s changed and can't be read; the old are used: %s", self._name, error)
            return False
        logger.info("%s changed, and are used from now on", self._name)
        return True

    def _now(self) -> object:
        files = [file for path in self._paths() for file in _files(path)]
        return [(file.name, _mark(file)) for file in sorted(files)]


def look_again() -> None:
    """Look at all files, unless that was done in the last EVERY seconds."""
    global _looked_at
    if time.monotonic() - _looked_at < EVERY:
        return
    _looked_at = time.monotonic()
    for each in _all:
        each.look()


def _files(path: Path) -> list[Path]:
    return list(path.iterdir()) if path.is_dir() else [path]


def _mark(file: Path) -> object:
    try:
        status = file.stat()
    except OSError:
        return None  # it is not there, or was replaced at this moment
    return status.st_mtime_ns, status.st_size, status.st_ino
