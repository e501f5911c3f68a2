"""Who works on an import: the row is the job, taken by a claim with a lease.

A claim raises the row's fence. Whoever holds an older number can store nothing more, so an import
that seemed dead and was given to another worker is still done once.
"""

import hashlib
import os
import re
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.crypto import get_random_string
from django.utils.timezone import now

from subscribers.models import Import, MailingList

KEPT = timedelta(days=30)  # files of imports
ATTEMPTS = 5  # without progress; then a person has to look
Status = Import.Status


class LostLease(Exception):
    """The import was given to another worker, because this one showed no sign of life."""


class Busy(Exception):
    """Somebody else works on the import."""


def create_import(
    mailing_list: MailingList,
    file: "File[bytes]",
    file_name: str,
    evidence: str,
    staff_id: int | None,
) -> Import:
    """Keep an uploaded file for a worker, which begins within seconds. Returns the job."""
    folder = Path(settings.IMPORT_DIR)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    name = f"{now():%Y%m%d-%H%M%S}-{get_random_string(8)}"
    path = folder / f"{name}.csv"
    with path.open("xb") as target:
        for piece in file.chunks():
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    return Import.objects.create(
        mailing_list=mailing_list,
        file_name=_plain(file_name),
        path=path.name,
        errors_path=f"{name}.refused.csv",
        size=path.stat().st_size,
        evidence=evidence,
        staff_id=staff_id,
    )


def resume_or_create(
    mailing_list: MailingList, path: Path, errors_path: Path | None, evidence: str = ""
) -> Import:
    """Return the unfinished import of this very file into this list, or a new one."""
    path = path.resolve()
    mark = _fingerprint(path)
    unfinished = Import.objects.filter(
        mailing_list=mailing_list, path=str(path), fingerprint=mark
    ).exclude(status=Status.FINISHED)
    job = unfinished.first() or Import.objects.create(
        mailing_list=mailing_list,
        file_name=_plain(path.name),
        path=str(path),
        fingerprint=mark,
        size=path.stat().st_size,
        evidence=evidence,
    )
    if not job.rows_done:
        default = Path(settings.IMPORT_DIR) / f"import-{job.pk}.refused.csv"
        job.errors_path = str((errors_path or default).resolve())
        job.save(update_fields=["errors_path"])
    return job


def source_path(job: Import) -> Path:
    """Return where the file of people is."""
    return Path(settings.IMPORT_DIR) / job.path


def refused_path(job: Import) -> Path:
    """Return where the file of refused rows is, or would be: without any, there is none."""
    return Path(settings.IMPORT_DIR) / job.errors_path


def claim_next() -> Import | None:
    """Take the import that has waited longest, or one whose worker is dead. None: there is none.

    Files that the command reads in place are left to the command: they may be on another machine.
    """
    due = _claimable().exclude(path__startswith="/")
    due.filter(attempts__gte=ATTEMPTS).update(
        status=Status.FAILED,
        finished_at=now(),
        message=f"Stopped: {ATTEMPTS} workers died at it. Run it again, or look at their logs.",
    )
    return _claim(due)


def claim(import_id: int) -> Import:
    """Take this import. Raises Busy when somebody else works on it."""
    mine = Import.objects.filter(pk=import_id).exclude(status=Status.FINISHED)
    # A person asks for it, so attempts that failed before don't count.
    job = _claim(mine.filter(~Q(status=Status.RUNNING) | Q(lease_until__lt=now())))
    if job is None:
        raise Busy
    return job


def _claimable() -> QuerySet[Import]:
    rested = Q(lease_until__isnull=True) | Q(lease_until__lt=now())
    return Import.objects.filter(rested, status__in=[Status.WAITING, Status.RUNNING])


def _claim(due: QuerySet[Import]) -> Import | None:
    with transaction.atomic():
        job = due.select_for_update(skip_locked=True).order_by("id").first()
        if job is None:
            return None
        job.fence += 1
        job.attempts += 1
        job.status = Status.RUNNING
        job.lease_until = now() + timedelta(seconds=settings.IMPORT_LEASE)
        job.message = ""
        job.finished_at = None
        job.save()
        return job


def advance(job: Import, start: int, **changes: Any) -> None:
    """Write down, in the chunk's own transaction, how far the import is. Raises LostLease.

    `start` is where the chunk began: a chunk can't be counted twice.
    """
    moved = _held(job, start).update(
        attempts=0, lease_until=now() + timedelta(seconds=settings.IMPORT_LEASE), **changes
    )
    if not moved:
        raise LostLease


def is_stored(job: Import, end: int) -> bool:
    """Say whether a chunk is in the tables whose commit got no answer."""
    return Import.objects.filter(pk=job.pk, fence=job.fence, rows_done__gte=end).exists()


def finish(job: Import) -> None:
    """Say that the whole file is done. Then an upload is deleted."""
    ended = _end(job, status=Status.FINISHED, finished_at=now(), lease_until=None)
    if ended and not job.path.startswith("/"):
        transaction.on_commit(partial(source_path(job).unlink, missing_ok=True))


def tidy() -> None:
    """Delete uploads and refused rows of old, also those whose import stopped or is gone.

    Only in our own folder; where the command was told to put refused rows, they stay.
    """
    eldest = time.time() - KEPT.total_seconds()
    going = Import.objects.filter(status__in=[Status.WAITING, Status.RUNNING])
    needed = {path for job in going for path in (source_path(job), refused_path(job))}
    for path in Path(settings.IMPORT_DIR).glob("*.csv"):
        if path not in needed and path.stat().st_mtime < eldest:
            path.unlink(missing_ok=True)


def fail(job: Import, message: str) -> None:
    """Say that it can't be done, and why."""
    _end(job, status=Status.FAILED, finished_at=now(), lease_until=None, message=message)


def give_back(job: Import, message: str = "") -> None:
    """Let another worker go on: at once, or a while after something went wrong."""
    pause = timedelta(seconds=2**job.attempts if message else 0)
    if message and job.attempts >= ATTEMPTS:
        fail(job, f"Stopped after {ATTEMPTS} attempts: {message}")
    else:
        _end(job, status=Status.WAITING, lease_until=now() + pause, message=message)


def _end(job: Import, **changes: Any) -> bool:
    ended = Import.objects.filter(pk=job.pk, fence=job.fence, status=Status.RUNNING)
    return bool(ended.update(**changes))


def _held(job: Import, start: int) -> QuerySet[Import]:
    return Import.objects.filter(pk=job.pk, fence=job.fence, status=Status.RUNNING, rows_done=start)


def _plain(file_name: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", " ", file_name)[-200:] or "file"


def _fingerprint(path: Path) -> str:
    """Return what changes when the file does: its size, its time and how it begins."""
    state = path.stat()
    with path.open("rb") as file:
        head = file.read(65_536)
    facts = f"{state.st_size}:{state.st_mtime_ns}:".encode()
    return hashlib.blake2b(facts + head, digest_size=32).hexdigest()
