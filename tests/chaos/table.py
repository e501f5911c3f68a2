"""What a person sees of a trial: a bar or a line now and then, and a table at the end."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.judge import Verdict

EVERY = 10.0  # seconds between lines where there is no terminal
MOST = 12  # addresses named for each thing that went wrong


@contextmanager
def progress(
    console: Console, name: str, total: int, unit: str = "mails"
) -> Iterator[Callable[[int, str], None]]:
    """Show how far a trial is; yields what takes the number of mails (or `unit`), and news."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(name, total=total)
        begun = said = time.monotonic()

        def tell(mails: int, news: str) -> None:
            nonlocal said
            bar.update(task, completed=mails)
            now = time.monotonic()
            if news or (not console.is_terminal and now - said > EVERY):
                said = now
                line = f"{now - begun:6.1f} s {mails:7,} {unit}  {escape(news)}"
                bar.console.print(line, soft_wrap=True)

        yield tell


class Result(Protocol):
    """What comes of a trial."""

    verdict: Verdict
    problems: list[str]

    @property
    def is_good(self) -> bool:
        """Whether all promises were kept."""

    @property
    def facts(self) -> list[tuple[str, str, str]]:
        """What was counted, and what of it was promised."""


def show(console: Console, name: str, people: int, result: Result) -> None:
    """Print what came of a trial."""
    verdict = result.verdict
    table = Table(title=f"{name}: {people:,} people", min_width=64)
    table.add_column("What", no_wrap=True)
    table.add_column("Found", justify="right", no_wrap=True)
    table.add_column("Promised", justify="right", no_wrap=True)
    for row in _promises(verdict):
        table.add_row(*row)
    table.add_row("other problems", f"{len(result.problems)}", "0")
    table.add_section()
    for row in [*_facts(verdict), *result.facts]:
        table.add_row(*row)
    console.print(table)
    _name_wrong(console, result)


def _promises(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [
        ("missed", f"{len(verdict.missed)}", "0"),
        ("twice", f"{len(verdict.twice)}", "0"),
        ("in doubt", f"{len(verdict.in_doubt)}", f"at most {verdict.may_be_in_doubt}"),
        *_both_lost(verdict),
        ("said in our tables, denied by the record", f"{len(verdict.false)}", "0"),
        ("done by the client, not offered", f"{verdict.rude}", "0"),
        ("sum", "wrong" if verdict.unbalanced else "balanced", "balanced"),
    ]


def _both_lost(verdict: Verdict) -> list[tuple[str, str, str]]:
    if not (verdict.crashed or verdict.may_be_crashed):
        return []
    what = "the same, worker and PostgreSQL lost together"
    return [(what, f"{len(verdict.crashed)}", f"at most {verdict.may_be_crashed}")]


def _facts(verdict: Verdict) -> list[tuple[str, str, str]]:
    counts = [
        ("mails in the mail server's record", verdict.in_record),
        ("of those in doubt, have the mail", verdict.in_doubt_with_mail),
        ("people refused by the mail server", verdict.refused),
        ("times it said “later”", verdict.deferred),
        ("connections it cut between body and answer", verdict.cut),
    ]
    silence = ("seconds of silence, at most", f"{verdict.silence:.1f}", "")
    return [*((what, f"{count:,}", "") for what, count in counts if count), silence]


def _name_wrong(console: Console, result: Result) -> None:
    verdict = result.verdict
    for reason, count in Counter(verdict.reasons).most_common():
        console.print(f"{count:5} in doubt: {escape(reason)}", soft_wrap=True, highlight=False)
    wrong = {"missed": verdict.missed, "twice": verdict.twice, "false": verdict.false}
    for what, people in wrong.items():
        for who in people[:MOST]:
            console.print(f"[red]{what}[/] {escape(who)}", soft_wrap=True)
    for problem in [*result.problems, verdict.unbalanced]:
        if problem:
            console.print(f"[red]{escape(problem)}[/]", soft_wrap=True)
