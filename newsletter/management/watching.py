"""A campaign on its way, in a terminal: redrawn in place, or a line now and then without one."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from newsletter import wording
from newsletter.models import Campaign
from newsletter.places import Place
from newsletter.problems import Filter, Row, page
from newsletter.progress import Progress
from newsletter.situation import Situation, situation

LOOK_EVERY = 0.5  # seconds
LINE_EVERY = 5.0  # seconds, without a terminal
NEWEST = 5  # problems shown
GONE_ON = {Campaign.Status.RUNNING.value, Campaign.Status.SCHEDULED.value}
PARTS = (("sent", "blue"), ("failed", "red"), ("skipped", "white"), ("in_doubt", "yellow"))
COLOURS = {"sending": "green", "paused": "red", "limited": "yellow"}


@dataclass(frozen=True, slots=True)
class Watcher:
    """Shows a campaign until it ends, is paused, or somebody stops watching."""

    campaign_id: int
    say: Callable[[str], object]  # takes a line, where there is no terminal
    console: Console

    def watch(self) -> Progress:
        """Return where it stood at the end. KeyboardInterrupt ends the watching, nothing else."""
        if self.console.is_terminal:
            return self._draw()
        return self._tell()

    def _draw(self) -> Progress:
        subject = Campaign.objects.values_list("subject", flat=True).get(id=self.campaign_id)
        with Live(console=self.console, auto_refresh=False, transient=False) as screen:
            while True:
                now = situation(self.campaign_id)
                newest = page(Filter(self.campaign_id), size=NEWEST).rows
                screen.update(picture(subject, now, newest, self.console.width), refresh=True)
                if now.progress.state not in GONE_ON:
                    return now.progress
                time.sleep(LOOK_EVERY)

    def _tell(self) -> Progress:
        last, said = "", 0.0
        while True:
            now = situation(self.campaign_id)
            is_over = now.progress.state not in GONE_ON
            words = line(now)
            if is_over or time.monotonic() - said >= LINE_EVERY:
                if words != last or is_over:
                    self.say(words)
                last, said = words, time.monotonic()
            if is_over:
                return now.progress
            time.sleep(LOOK_EVERY)


def line(now: Situation) -> str:
    """Write a situation as one line."""
    numbers = now.progress
    parts = [
        f"{numbers.state}: {numbers.sent:,} sent, {numbers.failed:,} failed, "
        f"{numbers.skipped:,} skipped, {numbers.in_doubt:,} in doubt, "
        f"{numbers.pending:,} pending of {numbers.audience:,}"
    ]
    if numbers.per_second:
        left = wording.duration(numbers.seconds_left)
        parts.append(f"{wording.rate(numbers.per_second)}, {left} left")
    parts += [wording.in_words(note) for note in now.notes]
    parts += [
        f"{place.name} {wording.in_words(place)}"
        for place in (*now.servers, *now.providers)
        if place.state in ("paused", "limited")
    ]
    return "; ".join(parts)


def picture(subject: str, now: Situation, newest: list[Row], width: int) -> RenderableType:
    """Draw a situation."""
    numbers = now.progress
    head = Text.assemble((subject, "bold"), "  ", (numbers.state, "bold cyan"))
    parts: list[RenderableType] = [head, _bar(numbers, min(width, 100) - 2), _sum(numbers), Text()]
    if numbers.state == Campaign.Status.RUNNING:
        parts.append(_pace(now))
    parts += [
        Text(f"  ● {wording.in_words(note)}", style="dim" if note.is_usual else "yellow")
        for note in now.notes
    ]
    if now.servers:
        parts += [Text(), _places("Sending servers", now.servers)]
    if now.providers:
        parts += [Text(), _places("Mailbox providers", now.providers)]
    if newest:
        parts += [Text(), _problems(newest)]
    return Group(*parts)


def _bar(numbers: Progress, width: int) -> Text:
    bar = Text(" ")
    drawn = 0
    for name, colour in PARTS:
        share = max(0, getattr(numbers, name)) / (numbers.audience or 1)
        cells = round(share * width) or int(share > 0)
        cells = min(cells, width - drawn)
        bar.append("━" * cells, colour)
        drawn += cells
    bar.append("━" * (width - drawn), "bright_black")
    return bar


def _sum(numbers: Progress) -> Text:
    text = Text(f" {numbers.audience:,} = ")
    for name, colour in PARTS:
        text.append(f"{getattr(numbers, name):,}", f"bold {colour}")
        text.append(f" {name.replace('_', ' ')} + ")
    return text.append(f"{numbers.pending:,}", "bold").append(" pending")


def _pace(now: Situation) -> Text:
    numbers = now.progress
    left = wording.duration(numbers.seconds_left)
    workers = f"{now.runs} worker{'' if now.runs == 1 else 's'}"
    return Text(f" {wording.rate(numbers.per_second)}, time left: {left}, {workers}")


def _places(title: str, places: list[Place]) -> Table:
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 1), expand=False)
    table.add_column("", overflow="fold")
    table.add_column("rate", justify="right")
    table.add_column("state", overflow="fold")
    table.add_column("", overflow="fold", style="dim")
    for place in places:
        detail = f"{place.waiting:,} wait for its limit" if place.waiting else place.detail
        table.add_row(
            Text(place.name),
            wording.rate(place.per_second),
            Text(wording.in_words(place), style=COLOURS.get(place.state, "dim")),
            Text(detail),
        )
    return table


def _problems(rows: list[Row]) -> Table:
    table = Table(title="Last not sent", title_justify="left", box=None, padding=(0, 2, 0, 1))
    table.add_column("")
    table.add_column("")
    table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    for row in rows:
        table.add_row(Text(row.email or "erased"), row.status_words, Text(row.reason))
    return table
