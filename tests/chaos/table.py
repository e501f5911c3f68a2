"""What a person sees of a trial: a bar or a line now and then, and a table at the end."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tests.chaos.trial import Trial

EVERY = 10.0  # seconds between lines where there is no terminal
MOST = 12  # addresses named for each thing that went wrong


@contextmanager
def progress(console: Console, name: str, people: int) -> Iterator[Callable[[int, str], None]]:
    """Show how far a trial is; yields what takes the number of mails, and news."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(name, total=people)
        begun = said = time.monotonic()

        def show(mails: int, news: str) -> None:
            nonlocal said
            bar.update(task, completed=mails)
            now = time.monotonic()
            if news or (not console.is_terminal and now - said > EVERY):
                said = now
                bar.console.print(
                    f"{now - begun:6.1f} s {mails:7,} mails  {escape(news)}", soft_wrap=True
                )

        yield show


def show(console: Console, trial: Trial) -> None:
    """Print what came of a trial."""
    verdict = trial.verdict
    table = Table(title=f"{trial.variant.name}: {trial.variant.people:,} people", min_width=64)
    table.add_column("What")
    table.add_column("Found", justify="right")
    table.add_column("Promised", justify="right")
    rows = [
        ("missed", len(verdict.missed), "0"),
        ("twice", len(verdict.twice), "0"),
        ("in doubt", len(verdict.in_doubt), f"at most {verdict.may_be_in_doubt}"),
        ("said in our tables, denied by the record", len(verdict.false), "0"),
        ("said by the client, not offered", verdict.rude, "0"),
        ("sum", "wrong" if verdict.unbalanced else "balanced", "balanced"),
        ("other problems", len(trial.problems), "0"),
    ]
    for what, found, promised in rows:
        table.add_row(what, f"{found}", promised)
    table.add_section()
    facts = [
        ("mails in the mail server's record", verdict.in_record),
        ("of those in doubt, have the mail", verdict.in_doubt_with_mail),
        ("people refused by the mail server", verdict.refused),
        ("times it said “later”", verdict.deferred),
        ("kills of workers", trial.kills),
        ("connections open at these", trial.connections),
        ("restarts of PostgreSQL and Redis", len(trial.done) - trial.kills),
        ("seconds", round(trial.seconds)),
    ]
    for what, number in facts:
        table.add_row(what, f"{number:,}", "")
    console.print(table)
    for name in ("missed", "twice", "false"):
        for who in getattr(verdict, name)[:MOST]:
            console.print(f"[red]{name}[/] {escape(who)}", soft_wrap=True)
    if len(verdict.in_doubt) > verdict.may_be_in_doubt:
        for who in verdict.in_doubt[:MOST]:
            console.print(f"[red]in doubt[/] {escape(who)}", soft_wrap=True)
    for problem in [*trial.problems, verdict.unbalanced]:
        if problem:
            console.print(f"[red]{escape(problem)}[/]", soft_wrap=True)
