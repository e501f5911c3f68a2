"""The spool: packs on disk, for as long as the Redis stream can't take them.

Promise: a pack that `Spool.append` returned for is on the disk (fsync), and `replay` hands it on,
in order, before its file is removed. A crash during the replay hands packs on twice, which is
harmless because ingest knows them by their id.

Each process writes to a file of its own and holds a lock on it, which the system releases when
the process dies. A file that nobody has locked is left over, and anybody may replay it.
"""

import errno
import fcntl
import logging
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

logger = logging.getLogger(__name__)

_HEAD = struct.Struct(">II")  # length and CRC-32 of the pack that follows
_SUFFIX = ".spool"
REPLAY_CHUNK = 100  # packs handed on at a time
# A replay that ends half-way begins its file again: of a file that is larger than what the stream
# has room for, the end would never come.
LARGEST_FILE = 8 * 1024 * 1024  # bytes; a larger one is followed by a new one


class Spool:
    """The spool of one process. Blocking, and not for several threads at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: FileIO | None = None

    def append(self, packs: list[bytes]) -> None:
        """Put packs on the disk, to stay. Raises OSError, and then none of them counts."""
        file = self._file or self._open()
        records = b"".join(_HEAD.pack(len(pack), zlib.crc32(pack)) + pack for pack in packs)
        try:
            if file.write(records) != len(records):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), file.name)
            os.fsync(file.fileno())
        except OSError:
            # The end may be half a record, behind which nothing would be read again.
            self.seal()
            raise
        if file.tell() > LARGEST_FILE:
            self.seal()

    def seal(self) -> None:
        """Let go of the file, so that it can be replayed. The next pack begins a new one."""
        if self._file:
            self._file.close()
            self._file = None

    def _open(self) -> FileIO:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Sorted by name, files of all processes come in the order of their beginning.
        path = self._folder / f"{time.time_ns():020}-{os.getpid()}{_SUFFIX}"
        # Locked before it has its name: nobody finds it without its lock.
        unnamed = path.with_suffix(".new")
        file = FileIO(unnamed, "xb")
        fcntl.flock(file, fcntl.LOCK_EX)
        unnamed.rename(path)
        _sync_folder(self._folder)
        self._file = file
        return file


def replay(folder: Path, hand_on: Callable[[list[bytes]], None]) -> int:
    """Hand on the packs of every file that no living process writes to, oldest first.

    Returns how many. What `hand_on` raises ends the replay; the file in hand stays and is begun
    again the next time.
    """
    done = 0
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        with path.open("rb") as file:
            if not _is_left_over(file):
                continue
            for chunk in _chunks(_records(file)):
                hand_on(chunk)
                done += len(chunk)
            _remove(path, is_whole=not file.read(1))
    return done


def is_empty(folder: Path) -> bool:
    """Say whether no pack waits on the disk."""
    return not any(folder.glob(f"*{_SUFFIX}"))


def _is_left_over(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Another process may have replayed and removed it between our opening and our lock.
    return os.fstat(file.fileno()).st_nlink > 0


def _records(file: BinaryIO) -> Iterator[bytes]:
    """Yield each whole pack, and leave the file where the first torn one begins, or at its end."""
    end = 0
    while len(head := file.read(_HEAD.size)) == _HEAD.size:
        length, checksum = _HEAD.unpack(head)
        pack = file.read(length)
        if len(pack) < length or zlib.crc32(pack) != checksum:
            break
        end += _HEAD.size + length
        yield pack
    file.seek(end)


def _remove(path: Path, is_whole: bool) -> None:
    if is_whole:
        path.unlink()
        return
    # Usually the last record of a process that died while writing: nobody was answered for it.
    path.rename(path.with_suffix(".torn"))
    logger.warning("spool: %s has a torn end and is kept as .torn", path.name)


def _chunks(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    chunk: list[bytes] = []
    for record in records:
        chunk.append(record)
        if len(chunk) == REPLAY_CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
