"""What tests of imports share: files as they are handed in, and what came of them."""

import csv
import io
import json

from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command

from subscribers import importing
from subscribers.models import Import, Subscriber

ROWS = "email,name\n" + "".join(
    f"{'bad' if number % 10 == 0 else f'reader{number}@example.org'},N\n" for number in range(100)
)


def people() -> dict[str, str]:
    """Return address and name of everybody."""
    return dict(Subscriber.objects.order_by("email_key").values_list("email", "name"))


def load(content: str | bytes, mailing_list, **fields) -> Import:
    """Import a file as the admin page does, and return how it ended."""
    raw = content if isinstance(content, bytes) else content.encode()
    upload = SimpleUploadedFile("people.csv", raw)
    job = importing.create_import(mailing_list, upload, "people.csv", "Fair in Leeds", 7)
    Import.objects.filter(pk=job.pk).update(**fields)
    while importing.run_due():
        pass
    job.refresh_from_db()
    return job


def counts(job) -> tuple[int, int, int, int]:
    assert job.added + job.updated + job.unchanged + job.refused == job.rows_done
    return job.added, job.updated, job.unchanged, job.refused


def refused(job) -> list[tuple[int, str]]:
    """Return line and reason of each refused row."""
    text = importing.refused_path(job).read_text("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text, newline="")))
    assert rows[0][:2] == ["line", "reason"]
    return [(int(row[0]), row[1]) for row in rows[1:]]


def run(path, *arguments) -> tuple[int, dict]:
    """Run the command as from a shell; return its exit code and its report."""
    out = io.StringIO()
    try:
        call_command(
            "import_subscribers", str(path), "--list", "news", "--json", *arguments, stdout=out
        )
    except SystemExit as error:
        return error.code, json.loads(out.getvalue())
    except CommandError as error:
        return error.returncode, {"error": str(error)}
    return 0, json.loads(out.getvalue())
