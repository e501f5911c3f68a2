"""The Jinja2 environment of our own pages and mails. Campaigns have templating/."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse
from jinja2 import Environment, StrictUndefined


def public_environment(**options: Any) -> Environment:
    """Return the environment that settings.TEMPLATES names. A misspelt variable is an error."""
    environment = Environment(**{**options, "autoescape": True, "undefined": StrictUndefined})  # noqa: S701  (it is set)
    environment.globals.update(static=static, url=reverse)
    return environment
