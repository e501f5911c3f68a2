"""What a person sees at the end of a trial."""

from collections import Counter

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tests.chaos.table import MOST
from tests.chaos_tracking.judge import Away, Verdict


def show(
    console: Console,
    verdict: Verdict,
    away: list[Away],
    facts: list[tuple[str, str]],
    problems: list[str],
) -> None:
    """Print what came of it."""
    table = Table(title=f"tracking: {verdict.wanted:,} hits", min_width=64)
    table.add_column("What", no_wrap=True)
    table.add_column("Found", justify="right", no_wrap=True)
    table.add_column("Promised", justify="right", no_wrap=True)
    for name, found in verdict.faults.items():
        table.add_row(name, f"{len(found)}", "0")
    table.add_row("other problems", f"{len(problems)}", "0")
    table.add_row("rollups exact", "no" if verdict.differing else "yes", "yes")
    table.add_section()
    for name, value in [*_facts(verdict), *facts]:
        table.add_row(name, value, "")
    table.add_section()
    for name, value in _seconds(away):
        table.add_row(name, value, "")
    console.print(table)
    for name, found in verdict.faults.items():
        for each in found[:MOST]:
            console.print(f"[red]{name}[/] {escape(each)}", soft_wrap=True, highlight=False)
    for problem in problems:
        console.print(f"[red]{escape(problem)}[/]", soft_wrap=True, highlight=False)


def _facts(verdict: Verdict) -> list[tuple[str, str]]:
    return [
        ("hits answered", f"{verdict.answered:,}"),
        ("requests", f"{verdict.requests:,}"),
        ("of those without an answer, but stored", f"{verdict.unanswered_stored:,}"),
        ("events", f"{verdict.stored:,}"),
        ("answered and rightly not stored (forged, or off)", f"{verdict.silent:,}"),
        ("longest answer of an edge that was up, seconds", f"{verdict.longest:.2f}"),
    ]


def _seconds(away: list[Away]) -> list[tuple[str, str]]:
    times: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    for each in away:
        times[each.part] += 1
        seconds[each.part] += each.seconds
    return [
        (f"{part}: away, times and seconds", f"{times[part]} / {seconds[part]:.1f}")
        for part in sorted(times)
    ]
