"""Keeps tokens out of the logs: who can read a log could otherwise act as a reader.

Django names the path of a request in its complaints, and hands the request itself to whatever
listens; the path of a page behind a token holds the token.
"""

import logging
import re
from typing import Any

LOGGERS = ("django.request", "django.security")
_TOKEN = re.compile(r"/(u|p|f|n|v|confirm)/[^\s?\"']+")


class WithoutTokens(logging.Filter):
    """Cuts the path of a page behind a token, in the lines of LOGGERS and those below them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Clean the record, and let it pass."""
        if record.name.startswith(LOGGERS):
            record.msg = _cut(record.msg)
            if isinstance(record.args, tuple):
                record.args = tuple(_cut(each) for each in record.args)
            request = getattr(record, "request", None)
            if _TOKEN.search(getattr(request, "path", "")):
                del record.__dict__["request"]
        return True


def _cut(part: Any) -> Any:
    return _TOKEN.sub(r"/\1/…", part) if isinstance(part, str) else part
