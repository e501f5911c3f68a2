"""The templates that come with Broadsheet: newsletter/frames/*.html.

They are rows like any other, so that a marketer can copy one; the files are written into them after
each migration, which is how an upgrade brings a better version.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import connections

FOLDER = Path(__file__).resolve().parent.parent / "frames"


@dataclass(frozen=True, slots=True)
class Frame:
    """A template of ours."""

    file: str
    name: str
    description: str

    @property
    def html(self) -> str:
        """Return the file."""
        return _read(self.file)


FRAMES = (
    Frame("broadsheet.html", "Broadsheet", "One column with a masthead, for reading."),
    Frame("announcement.html", "Announcement", "A card with room for one message and a button."),
    Frame("letter.html", "Plain letter", "As if you had written it yourself."),
)


@lru_cache(maxsize=8)
def _read(file: str) -> str:
    return (FOLDER / file).read_text(encoding="utf-8")


def write_after_migration(using: str, **kwargs: Any) -> None:
    """Do it for the signal `post_migrate`, which also comes when our tables have been removed."""
    if "newsletter_template" in connections[using].introspection.table_names():
        ensure_builtin_templates()


def ensure_builtin_templates() -> None:
    """Write our frames into their rows. Called after each migration; may be called again.

    A row that a marketer made under one of our names is theirs and stays as it is. The first frame
    becomes the default only where none is set.
    """
    from newsletter.models import Template  # after the tables are there

    for frame in FRAMES:
        row, created = Template.objects.get_or_create(
            name=frame.name,
            defaults={"html": frame.html, "description": frame.description, "is_builtin": True},
        )
        if not created and row.is_builtin and row.html != frame.html:
            row.html, row.description = frame.html, frame.description
            row.save(update_fields=["html", "description", "changed_at"])
    if not Template.objects.filter(is_default=True).exists():
        Template.objects.filter(name=FRAMES[0].name).update(is_default=True)


def default_frame() -> str:
    """Return the HTML of the template that campaigns without one get."""
    from newsletter.models import Template

    row = Template.objects.filter(is_default=True).first()
    return row.html if row else FRAMES[0].html
