"""Tries a template in a process of its own, which may use little memory and little time.

The rules and budgets of this package should stop whatever is too much. Should one of them have a
gap, the process that finds it is this one: not the web server's, and not a worker's.

`try_out` is for the process that asks. Run as a program, this file is the process that tries: it
reads parts as JSON from its input and writes problems as JSON to its output.
"""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

MEMORY = 512 * 1024 * 1024  # bytes of address space
PROCESSOR = 3  # seconds
PATIENCE = 15  # seconds on the clock, for a busy machine
NEWSLETTER = Path(__file__).resolve().parent.parent

Names = Literal["subject", "body", "frame"]


@dataclass(frozen=True, slots=True)
class Part:
    """One text to try: what it is called in the form, and what it may name."""

    field: str
    source: str
    names: Names = "body"
    html: bool = True


def try_out(parts: list[Part]) -> list[Any]:
    """Return a TemplateProblem for each mistake that reading and rendering `parts` shows."""
    from newsletter.templating.problems import TemplateProblem

    field = parts[0].field if len(parts) == 1 else "body"
    try:
        child = subprocess.run(  # noqa: S603  (our own file, nothing of it from outside)
            [sys.executable, "-I", __file__],
            input=json.dumps([asdict(part) for part in parts]).encode(),
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        found = json.loads(child.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        return [TemplateProblem("This takes too long or needs too much memory.", 0, field)]
    return [TemplateProblem(*problem) for problem in found]


def _limit_this_process() -> None:
    import resource
    import signal

    def too_long(*_: Any) -> None:
        raise TimeoutError("it takes too long")

    signal.signal(signal.SIGXCPU, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR, PROCESSOR + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _people() -> list[dict[str, Any]]:
    """Return someone of whom nothing is known but the address, and someone with everything."""
    email = "reader@example.org"
    nobody = {"id": 1, "name": "", "first_name": "", "email": email, "language": ""}
    somebody = {**nobody, "name": "Ann O’Reader", "first_name": "Ann", "language": "en-GB"}
    return [{**nobody, "attributes": {}}, {**somebody, "attributes": {"city": "Leith"}}]


def _try_part(part: Part) -> list[Any]:
    from newsletter import templating
    from newsletter.templating import limits, rules
    from newsletter.templating.problems import LimitReached

    environment = templating.html_environment if part.html else templating.text_environment
    known = {
        "subject": rules.SUBJECT_NAMES,
        "body": rules.BODY_NAMES,
        "frame": rules.FRAME_NAMES,
    }[part.names]
    try:
        tree = environment.parse(part.source)
        problems = rules.check_names(tree, known)
        if problems:
            return problems
        template = templating.compile_source(environment, part.source)
        for person in _people():
            left = limits.CHARACTERS
            for chunk in template.generate(_values(person)):
                left -= len(chunk)
                if left < 0:
                    raise LimitReached(f"This makes more than {limits.CHARACTERS:,} characters.")
    except Exception as error:  # noqa: BLE001  (whatever it is, the text is what is wrong)
        return [templating.explain(error)]
    return []


def _values(person: dict[str, Any]) -> dict[str, Any]:
    text = "text"
    return {
        "subscriber": person,
        "organisation": dict.fromkeys(("name", "postal_address", "contact_email", "website"), text),
        "campaign": {"subject": text, "preheader": text},
        **dict.fromkeys(("subject", "preheader", "content", "footer"), text),
        **dict.fromkeys(
            ("unsubscribe_url", "preferences_url", "forward_url"), "https://example.org/"
        ),
    }


def _main() -> None:
    # The package newsletter starts Celery when it is imported, which nothing here needs: an empty
    # one in its place makes the start three times as quick.
    import types

    package = types.ModuleType("newsletter")
    package.__path__ = [str(NEWSLETTER)]
    sys.modules["newsletter"] = package
    import newsletter.templating  # noqa: F401  (loaded before the limits hold)

    parts = [Part(**part) for part in json.loads(sys.stdin.buffer.read())]
    _limit_this_process()
    found = [
        (problem.message, problem.line, part.field) for part in parts for problem in _try_part(part)
    ]
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    _main()
