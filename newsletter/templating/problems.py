"""What is wrong with a marketer's text: what, where, and what to do about it."""

from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

# Jinja2's words for the commonest slips, and ours.
_PLAIN = {
    "unexpected end of template": "Something is opened and never closed.",
    "Unexpected end of template": "Something is opened and never closed.",
    "expected token 'end of print statement'": "“}}” is expected here.",
    "expected token 'end of statement block'": "“%}” is expected here.",
    "unexpected '}'": "There is a “}” too many, or the “{{” is empty.",
    "Missing end of comment tag": "A comment is opened with “{#” and never closed with “#}”.",
}


class TemplateProblem(Exception):
    """A mistake in a subject, preheader, body or template, in words for its author.

    `line` counts from 1 in the text of `field`; 0 when no line can be named.
    """

    def __init__(self, message: str, line: int = 0, field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.line = line
        self.field = field

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}" if self.line else self.message

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TemplateProblem) and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def __reduce__(self) -> tuple[Any, ...]:
        return TemplateProblem, self._key()

    def _key(self) -> tuple[str, int, str]:
        return self.message, self.line, self.field


class LimitReached(TemplateError):
    """A template tried to cost more than it may."""


def explain(error: Exception, field: str = "") -> TemplateProblem:
    """Turn what parsing or rendering raised into a problem with its line."""
    if isinstance(error, TemplateProblem):
        return TemplateProblem(error.message, error.line, error.field or field)
    if isinstance(error, TemplateSyntaxError):
        return TemplateProblem(_plain(str(error.message)), error.lineno, field)
    return TemplateProblem(_reason(error), _line(error), field)


def missing_value(undefined: Undefined) -> str:
    """Say which value is missing and how to do without it."""
    name = undefined._undefined_name
    return (
        f"“{name}” has no value for some people. "
        f"Say what stands in its place: {{{{ … {name} | default('…') }}}}."
    )


def _plain(message: str) -> str:
    for start, words in _PLAIN.items():
        if message.startswith(start):
            return f"{words} ({message.rstrip('.')}.)"
    return message if message.endswith(".") else f"{message}."


def _reason(error: Exception) -> str:
    if isinstance(error, LimitReached | UndefinedError | SecurityError):
        return str(error)
    if isinstance(error, RecursionError):
        return "This is nested too deeply, or a macro calls itself."
    if isinstance(error, MemoryError):
        return "This needs too much memory."
    if isinstance(error, ZeroDivisionError):
        return "This divides by zero."
    return f"This can't be worked out ({str(error) or type(error).__name__})."


def _line(error: BaseException) -> int:
    """Find the template's line in the traceback: the innermost frame that is generated code."""
    line = 0
    traceback = error.__traceback__
    while traceback is not None:
        names = traceback.tb_frame.f_globals
        if "__jinja_template__" in names:
            line = names["__jinja_template__"].get_corresponding_lineno(traceback.tb_lineno)
        elif "__jinja_exception__" in names:  # a frame that Jinja2 has translated already
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line
