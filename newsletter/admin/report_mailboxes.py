"""The table and the chart of a campaign's mailbox providers."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from newsletter.models import MailboxTotal
from tracking.counted import Counted

BARS = 8
OTHERS = "All others"
# A provider whose people open less than this part of what the others' do may be putting the mail
# where nobody looks. Of few mails, chance alone does that.
LOW = 0.5
ENOUGH = 100  # mails, at the provider and at the others
_COLUMNS = {
    Counted.PEOPLE: ("opened", "clicked"),
    Counted.ALL: ("any_opened", "any_clicked"),
    Counted.MACHINES: ("machine_opened", "machine_clicked"),
}
_COLOURS = {
    Counted.PEOPLE: ("open", "click"),
    Counted.ALL: ("open", "click"),
    Counted.MACHINES: ("machine-open", "machine-click"),
}


class Rate(NamedTuple):
    """How many people, and their part in per cent; None: not known."""

    people: int | None
    share: float | None


class Row(NamedTuple):
    """A provider."""

    name: str
    mails: int  # that were tried
    delivered: Rate
    refused: Rate
    opened: Rate  # of those delivered, as the others below
    clicked: Rate
    left: Rate
    is_low: bool  # opened far less than by the others'


def mailbox_rows(totals: Sequence[MailboxTotal], counted: Counted, hides_people: bool) -> list[Row]:
    """Return the providers in order. `hides_people`: nobody may be named, so nobody is counted."""
    columns = _COLUMNS[counted]
    watched = counted == Counted.PEOPLE and not hides_people
    sent, opened = sum(row.sent for row in totals), sum(row.opened for row in totals)
    rows = []
    for row in totals:
        opens, clicks = (None if hides_people else getattr(row, name) for name in columns)
        rows.append(
            Row(
                row.name or OTHERS,
                row.sent + row.refused,
                _rate(row.sent, row.sent + row.refused),
                _rate(row.refused, row.sent + row.refused),
                _rate(opens, row.sent),
                _rate(clicks, row.sent),
                _rate(row.leavers, row.sent),
                watched and _is_low(row, sent - row.sent, opened - row.opened),
            )
        )
    return rows


def mailbox_chart(
    totals: Sequence[MailboxTotal], counted: Counted, hides_people: bool
) -> dict[str, Any]:
    """Return the rates of the largest providers as bars, in per cent of what was delivered."""
    shown = [row for row in totals if row.sent][:BARS]
    labels = ("Opened", "Clicked")
    series = [
        {
            "label": label,
            "colour": colour,
            "data": [_rate(getattr(row, column), row.sent).share or 0.0 for row in shown],
        }
        for label, column, colour in zip(labels, _COLUMNS[counted], _COLOURS[counted], strict=True)
        if not hides_people
    ]
    return {
        "type": "bar",
        "is_lying": True,
        "is_fine": True,
        "unit": "%",
        "labels": [row.name or OTHERS for row in shown],
        "series": series,
    }


def _is_low(row: MailboxTotal, others_sent: int, others_opened: int) -> bool:
    if min(row.sent, others_sent) < ENOUGH:
        return False
    return row.opened / row.sent < LOW * others_opened / others_sent


def _rate(people: int | None, whole: int) -> Rate:
    if people is None or not whole:
        return Rate(people, None)
    return Rate(people, round(100 * people / whole, 1))
