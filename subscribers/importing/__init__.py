"""People from a CSV file into a list: streamed, resumed after any stop, and with flat memory."""

from subscribers.importing.jobs import (
    Busy,
    LostLease,
    claim,
    claim_next,
    create_import,
    refused_path,
    resume_or_create,
    tidy,
)
from subscribers.importing.reading import BadFile
from subscribers.importing.running import Outcome, rehearse, run_claimed, run_due, run_import

__all__ = [
    "BadFile",
    "Busy",
    "LostLease",
    "Outcome",
    "claim",
    "claim_next",
    "create_import",
    "refused_path",
    "rehearse",
    "resume_or_create",
    "run_claimed",
    "run_due",
    "run_import",
    "tidy",
]
