"""A form field for a list of names: one on each line, or with commas between them."""

import re
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminTextareaWidget

from newsletter.models.server import DOMAIN


class DomainsField(forms.CharField):
    """Domain names, in lower case, each once, in the order in which they were written."""

    def __init__(self, **options: Any) -> None:
        widget = UnfoldAdminTextareaWidget(attrs={"rows": 3, "spellcheck": "false"})
        super().__init__(**{"required": False, "widget": widget, **options})

    def prepare_value(self, value: Any) -> Any:
        """Write each name on a line."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the names."""
        if isinstance(value, list):
            return value
        words = re.split(r"[\s,;]+", (value or "").lower())
        return list(dict.fromkeys(word.strip(".").lstrip("@") for word in words if word))

    def validate(self, value: Any) -> None:
        """Refuse what is no domain."""
        super().validate(value)
        for name in value:
            if not DOMAIN.fullmatch(name):
                raise forms.ValidationError(f"“{name}” is not a domain, such as example.org.")

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare the names, not how they were written."""
        return bool(list(initial or []) != self.to_python(data))
