"""How fast reports open, with ten times the events and ten times the people.

Two databases are made, with a newsletter's last months in each (benchmarks/tracking/past.py). Every
page that shows sums is opened in the one and in the other in turn, by Django's test client, and all
that it asks the database is timed where Django sends it, so that no statement is left out but those
that find out who is asking. Of some openings, a statement's fastest counts. The ratio is that of
the times of a page's statements.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from math import nan
from statistics import median
from typing import NamedTuple

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Max
from django.test import Client
from django.urls import reverse
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.report import Incomplete, Ratio, say
from benchmarks.tracking import pages, past, place
from benchmarks.tracking.pages import Opened, Query
from benchmarks.tracking.sizes import Sizes
from tracking.models import LinkTotal, Reader

OPENINGS = 7  # of each page in a round, in each database
DEEP = 100  # pages of a list
LIMIT = 0.005  # seconds, for one statement
WHOLE = 1.0  # seconds, for a page
REPORT = "report"  # what most look at, and again every few seconds


class Past(NamedTuple):
    """A database that is made, and who looks at its pages."""

    database: BaseDatabaseWrapper
    client: Client
    report: dict[str, str]  # addresses of a report's pages, by names that are the same in each
    others: dict[str, str]  # of pages beside it


class Cost(NamedTuple):
    """What one page cost in one database."""

    queries: list[Query]  # each as fast as it was in the fastest of the openings
    seconds: float  # the whole page, in the median opening
    bytes: int

    @property
    def asking(self) -> float:
        """Return the seconds of all statements."""
        return sum(query.seconds for query in self.queries)

    @property
    def slowest(self) -> Query:
        """Return the slowest statement."""
        return max(self.queries, key=lambda query: query.seconds)


class Pair(NamedTuple):
    """What one page cost, with few events and with many."""

    few: Cost
    many: Cost


def measure(sizes: Sizes) -> list[Ratio]:
    """Make both pasts, and open all pages in each in turn. Raises Incomplete when one fails."""
    with ExitStack() as stack:
        few = stack.enter_context(_past("reports_few", sizes.few, keep=sizes.keep))
        many = stack.enter_context(_past("reports_many", sizes.many, keep=sizes.keep))
        rounds = []
        for number in range(1, sizes.rounds + 1):
            rounds.append({name: _open(name, few, many) for name in (*few.report, *few.others)})
            say(f"round {number} of {sizes.rounds}")
    best = {name: _best([each[name] for each in rounds]) for name in rounds[0]}
    print(_table(best))
    for name, pair in best.items():
        _complain(name, pair.many)
    words = f"{sizes.many:,} events against {sizes.few:,}"
    return [
        _ratio(f"report, {words}", [[each[REPORT]] for each in rounds]),
        _ratio("all its pages", [[each[name] for name in few.report] for each in rounds]),
        _ratio("other pages", [[each[name] for name in few.others] for each in rounds]),
    ]


@contextmanager
def _past(name: str, events: int, *, keep: bool) -> Iterator[Past]:
    with place.own_database(name, fill=partial(_fill, events), keep=keep) as database:
        yield look(database)


def look(database: BaseDatabaseWrapper) -> Past:
    """Return what there is to see in the database that is in use."""
    return Past(database, pages.signed_in(), _report(), _others())


def _fill(events: int) -> None:
    if past.is_made():
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("", total=1.0)
        for step in past.make(events):
            words = f"{events:,} events: {step.what}"
            progress.update(bar, completed=step.share, description=words)
            if not progress.console.is_terminal:
                say(words)
        progress.update(bar, completed=1.0, description=f"{events:,} events are made")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as the server does by itself, some time later


def _report() -> dict[str, str]:
    campaign = past.campaign()
    report = reverse("admin:newsletter_campaign_report", args=[campaign.pk])
    last = Reader.objects.filter(campaign_id=campaign.pk).aggregate(Max("subscriber_id"))
    deep = last["subscriber_id__max"] * 9 // 10
    links = LinkTotal.objects.filter(campaign_id=campaign.pk).order_by("clicks")
    rare, common = links[0].link_id, links.reverse()[0].link_id
    return {
        REPORT: report,
        "report, 3 hours": f"{report}?range=start&counted=all",
        "report, a day": f"{report}?range=day&heat=clicks",
        "report, a week": f"{report}?range=week&counted=machines",
        "report, again": report.rstrip("/") + ".json",
        "report, links again": f"{report}links/",
        "programs and places": f"{report}programs/",
        "click map": f"{report}map/",
        "click map, its frame": f"{report}map/frame/",
        "who did what": f"{report}people/",
        "who did what, deep": f"{report}people/?after={deep}",
        "who opened, deep": f"{report}people/?did=opened&after={deep}",
        "who clicked, deep": f"{report}people/?did=clicked&after={deep}",
        "who left": f"{report}people/?did=left",
        "who clicked the usual": f"{report}people/?link={common}&after={deep}",
        "who clicked the rare": f"{report}people/?link={rare}&after={deep}",
    }


def _others() -> dict[str, str]:
    campaign = past.campaign()
    reader = Reader.objects.filter(campaign_id=campaign.pk, clicks__gt=0).latest("subscriber_id")
    mailing_list = campaign.lists.get().pk
    people = reverse("admin:subscribers_subscriber_changelist")
    return {
        "dashboard": reverse("admin:index"),
        "trends": reverse("admin:newsletter_trends"),
        "campaigns": reverse("admin:newsletter_campaign_changelist"),
        "progress": reverse("admin:newsletter_campaign_progress", args=[campaign.pk]),
        "a list": reverse("admin:subscribers_mailinglist_report", args=[mailing_list]),
        "a list's people": reverse("admin:subscribers_mailinglist_people", args=[mailing_list]),
        "a person": reverse("admin:subscribers_subscriber_activity", args=[reader.subscriber_id]),
        "people": people,
        "people, deep": f"{people}?p={min(DEEP, campaign.audience_size // 50)}",
        "people, found": f"{people}?q=ada.adeyemi",
        "people of a list": f"{people}?list={mailing_list}&status=active",
        "ledger": reverse("admin:subscribers_consentrecord_changelist"),
    }


def _open(name: str, few: Past, many: Past) -> Pair:
    """Open a page in each database in turn."""
    opened: tuple[list[Opened], list[Opened]] = ([], [])
    for _ in range(OPENINGS + 1):
        for where, found in zip((few, many), opened, strict=True):
            place.use(where.database)
            address = {**where.report, **where.others}[name]
            found.append(pages.open_page(where.client, address))
    # The first ones have warmed up.
    return Pair(*(_cost(name, found[1:]) for found in opened))


def _cost(name: str, opened: list[Opened]) -> Cost:
    if len({len(each.queries) for each in opened}) > 1:
        raise Incomplete(f"{name} does not ask the same each time")
    statements = zip(*(each.queries for each in opened), strict=True)
    return Cost(
        [min(same, key=lambda query: query.seconds) for same in statements],
        median(each.seconds for each in opened),
        opened[-1].bytes,
    )


def _ratio(leg: str, rounds: list[list[Pair]]) -> Ratio:
    asking = [
        (sum(pair.many.asking for pair in pairs), sum(pair.few.asking for pair in pairs))
        for pairs in rounds
    ]
    return Ratio(
        leg,
        f"{1000 * median(many for many, _ in asking):.1f} ms",
        f"{1000 * median(few for _, few in asking):.1f} ms",
        [many / few for many, few in asking],
        aim=1.2,
        at_most=True,
    )


def _best(pairs: list[Pair]) -> Pair:
    """Return each statement as fast as it was in the fastest round, and the median page."""
    return Pair(*(
        Cost(
            [min(same, key=lambda query: query.seconds)
             for same in zip(*(cost.queries for cost in costs), strict=True)],
            median(cost.seconds for cost in costs),
            costs[-1].bytes,
        )
        for costs in zip(*pairs, strict=True)
    ))  # fmt: skip


def _table(pairs: dict[str, Pair]) -> str:
    """Return a line for each page; times in milliseconds."""
    rows = [("page", "statements", "few", "many", "ratio", "slowest", "of single", "whole", "KB")]
    for name, (few, many) in pairs.items():
        rows.append((
            name,
            f"{len(many.queries)}",
            f"{1000 * few.asking:.2f}",
            f"{1000 * many.asking:.2f}",
            f"{many.asking / few.asking:.2f}",
            f"{1000 * many.slowest.seconds:.2f}",
            f"{_worst(few, many):.2f}",
            f"{1000 * many.seconds:.0f}",
            f"{many.bytes / 1000:.0f}",
        ))  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) if number else cell.ljust(width)
                  for number, (cell, width) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    )  # fmt: skip


def _complain(name: str, cost: Cost) -> None:
    for query in cost.queries:
        if query.seconds > LIMIT:
            statement = " ".join(query.sql.split())[:120]
            print(f"TOO SLOW: {name} waits {1000 * query.seconds:.1f} ms for {statement}")
    if cost.seconds > WHOLE:
        print(f"TOO SLOW: {name} takes {cost.seconds:.1f} s")


def _worst(few: Cost, many: Cost) -> float:
    """Return the highest ratio of a single statement; nan when the pages did not ask the same."""
    if [query.sql for query in few.queries] != [query.sql for query in many.queries]:
        return nan
    return max(
        large.seconds / small.seconds
        for small, large in zip(few.queries, many.queries, strict=True)
    )
