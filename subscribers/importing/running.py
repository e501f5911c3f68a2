"""Running an import: chunk by chunk, resumed where it stopped.

A chunk's people, its refused rows and the place it reached are committed together, so a crash
loses nothing and repeats nothing. While one chunk is stored the next is read and checked; with
IMPORT_LANES of 2 or more, that many are on their way into the database at once, each on its own
connection, and are committed in their order.
"""

import gc
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from subscribers.importing import jobs, refusals, storing
from subscribers.importing.chunks import Chunk, Source
from subscribers.importing.columns import Columns
from subscribers.importing.lanes import Lanes, Turn
from subscribers.importing.reading import BadFile
from subscribers.importing.refusals import Refusal
from subscribers.models import Import

logger = logging.getLogger(__name__)

RETRIES = 6  # of one chunk, when the database fails
PAUSE = 0.5  # seconds before the first; doubled each time
# Seconds to wait for a row that another transaction holds. Two imports that wait for each other
# across their lanes are a circle that PostgreSQL can't see.
LOCK_TIMEOUT = 10

Progress = Callable[[int, int], None]  # rows and bytes done


@dataclass(slots=True)
class _Run:
    job: Import
    columns: Columns
    progress: Progress
    # Whether chunks are tried without looking anybody up.
    all_new: bool = True
    errors_size: int = 0


def run_import(
    job: Import, *, progress: Progress | None = None, stop_at: float | None = None
) -> bool:
    """Run a claimed import to its end. Returns False when it was stopped at `stop_at`.

    `stop_at` is a time of time.monotonic(): then the rest is left to another claim. Raises
    BadFile, and jobs.LostLease.
    """
    source = Source(jobs.source_path(job))
    run = _Run(job, source.columns, progress or (lambda rows, size: None))
    run.errors_size = job.errors_size
    # Inside somebody's transaction there is only this connection.
    lanes = Lanes(0 if connection.in_atomic_block else settings.IMPORT_LANES)
    try:
        with _without_collector():
            for chunk in source.chunks(settings.IMPORT_CHUNK, skip=job.rows_done):
                lanes.submit(chunk.people, partial(_store_safely, run, chunk))
                if stop_at is not None and time.monotonic() > stop_at:
                    lanes.finish()
                    jobs.give_back(job)
                    return False
            lanes.finish()
    finally:
        lanes.close()
        source.close()
    jobs.finish(job)
    return True


def run_claimed(job: Import, *, progress: Progress | None = None) -> None:
    """Run a claimed import for somebody who waits for it; whatever stops it, is raised."""
    try:
        run_import(job, progress=progress)
    except BadFile as error:
        jobs.fail(job, str(error))
        raise
    except (OperationalError, InterfaceError, OSError) as error:
        # Where the database is gone, nothing can be written down: the lease then runs out.
        with suppress(OperationalError, InterfaceError):
            if not connection.in_atomic_block:
                connection.close()  # a new one may work
            jobs.give_back(job, str(error))
        raise


@dataclass(slots=True)
class Outcome:
    """What a file would bring."""

    rows: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0


def rehearse(
    job: Import, *, errors_path: Path | None = None, progress: Progress | None = None
) -> Outcome:
    """Do an import and take each chunk back. `job` is not saved. Raises BadFile.

    Somebody who stands in two chunks counts as added in both, since the first is taken back.
    """
    source = Source(jobs.source_path(job))
    outcome, size = Outcome(), 0
    try:
        for chunk in source.chunks(settings.IMPORT_CHUNK):
            with transaction.atomic():
                stored = storing.store(job, chunk.people, all_new=False, has_choices=False)
                transaction.set_rollback(True)
            refused = _in_order(chunk, stored)
            if errors_path is not None:
                size = refusals.append(errors_path, size, source.columns.header, refused)
            outcome.rows = chunk.end
            outcome.added += stored.added
            outcome.updated += stored.updated + chunk.updated
            outcome.unchanged += stored.unchanged + chunk.unchanged
            outcome.refused += len(refused)
            if progress is not None:
                progress(chunk.end, chunk.bytes_done)
    finally:
        source.close()
    return outcome


def run_due(seconds: float = 240) -> bool:
    """Take one import that waits, and work on it for some time. Returns False when none waits.

    What is left after `seconds` goes to the next call: a task may not run for ever.
    """
    job = jobs.claim_next()
    if job is None:
        return False
    try:
        run_import(job, stop_at=time.monotonic() + seconds)
    except BadFile as error:
        jobs.fail(job, str(error))
    except jobs.LostLease:
        logger.warning("import %s was given to another worker", job.pk)
    except Exception as error:
        logger.exception("import %s stopped", job.pk)
        jobs.give_back(job, f"{type(error).__name__} while storing; it goes on by itself.")
    return True


@contextmanager
def _without_collector() -> Iterator[None]:
    """Stop looking for circular garbage: rows make none, and the search took a third of the time.

    What is no longer referred to is freed all the same, so memory stays flat.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _store_safely(run: _Run, chunk: Chunk, turn: Turn) -> None:
    """Store a chunk, again and again while the database fails."""
    for attempt in range(RETRIES + 1):
        try:
            _store(run, chunk, turn)
        except IntegrityError:
            # Somebody of this chunk is known, or joined this moment.
            if not run.all_new and attempt == RETRIES:
                raise
            run.all_new = False
        except (OperationalError, InterfaceError):
            if attempt == RETRIES or connection.in_atomic_block:
                raise
            logger.warning("the database failed at row %s, trying again", chunk.start)
            connection.close()
            time.sleep(PAUSE * 2**attempt)
            if _was_stored(run.job, chunk):
                break
        else:
            break
    run.progress(chunk.end, chunk.bytes_done)


def _was_stored(job: Import, chunk: Chunk) -> bool:
    try:
        return jobs.is_stored(job, chunk.end)
    except (OperationalError, InterfaceError):
        return False  # not there yet; the next attempt will tell


def _store(run: _Run, chunk: Chunk, turn: Turn) -> None:
    all_new = run.all_new
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}s'")
        stored = storing.store(
            run.job, chunk.people, all_new=all_new, has_choices=run.columns.tracking >= 0
        )
        turn.wait()
        refused = _in_order(chunk, stored)
        size = refusals.append(
            jobs.refused_path(run.job), run.errors_size, run.columns.header, refused
        )
        jobs.advance(
            run.job,
            chunk.start,
            rows_done=chunk.end,
            bytes_done=chunk.bytes_done,
            errors_size=size,
            added=F("added") + stored.added,
            updated=F("updated") + stored.updated + chunk.updated,
            unchanged=F("unchanged") + stored.unchanged + chunk.unchanged,
            refused=F("refused") + len(refused),
        )
    run.errors_size = size
    if not all_new:
        # Nobody known in a whole chunk: perhaps nobody is, further on.
        run.all_new = stored.added == len(chunk.people)


def _in_order(chunk: Chunk, stored: storing.Stored) -> list[Refusal]:
    return sorted([*chunk.refusals, *stored.refusals], key=lambda refusal: refusal.row[0])
