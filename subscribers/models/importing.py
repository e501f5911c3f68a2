"""Files of people on their way into a list."""

from django.db import models
from django.db.models.functions import Now

from subscribers.models.mailing_list import MailingList


class Import(models.Model):
    """A file of people on its way into a list. The row is the job: it is taken and resumed."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        FINISHED = "finished", "Finished"
        FAILED = "failed", "Stopped"

    mailing_list = models.ForeignKey(MailingList, models.CASCADE, related_name="imports")
    file_name = models.CharField(max_length=200)  # as the marketer called it
    # Below settings.IMPORT_DIR, where workers find it; or absolute, where only the command looks.
    path = models.CharField(max_length=500)
    errors_path = models.CharField(max_length=500)  # refused rows; the same holds
    # Of a file that the command reads in place: proves, on a second run, that it is the same.
    fingerprint = models.CharField(max_length=64, blank=True)
    size = models.BigIntegerField(default=0)  # bytes
    evidence = models.TextField(
        blank=True, help_text="How these people agreed, for example the date of a signed agreement."
    )
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    # Who claims it raises the fence; an older number can no longer store anything.
    fence = models.IntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0)  # without progress
    # Where the next chunk begins, so that a stopped import resumes: rows of the file done so far,
    # and the bytes of it that they took (for the progress bar).
    rows_done = models.BigIntegerField(default=0)
    bytes_done = models.BigIntegerField(default=0)
    errors_size = models.BigIntegerField(default=0)  # bytes of the file of refused rows
    added = models.BigIntegerField(default=0)
    updated = models.BigIntegerField(default=0)
    unchanged = models.BigIntegerField(default=0)
    refused = models.BigIntegerField(default=0)
    message = models.TextField(blank=True)  # why it stopped, for the person who started it
    staff_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name
