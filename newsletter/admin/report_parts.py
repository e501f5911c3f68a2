"""The numbers of a report in words: cards, funnel, and what is said where people are not known."""

from typing import Any, NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma

from newsletter.admin.figures import Figures
from newsletter.comparing import Usual, is_unnamed
from newsletter.templatetags.broadsheet import people, percent
from subscribers.models import TrackingChoice
from tracking.counted import Counted, clicks, opens
from tracking.forward_reports import ForwardReport
from tracking.reports import CampaignReport

UNKNOWN = "–"
SMALLEST = 0.05  # per cent; less would be written as none


class Numbers(NamedTuple):
    """What a report is made of."""

    report: CampaignReport
    figures: Figures
    forwards: ForwardReport
    usual: Usual
    counted: Counted
    choice: TrackingChoice = TrackingChoice.INDIVIDUAL  # of the campaign's lists
    is_young: bool = False  # most of what will come may still come


class Read(NamedTuple):
    """How many opened or clicked, and what there is to say of it."""

    value: str
    amount: int  # for a bar
    hint: str


class Step(NamedTuple):
    """A line of the funnel."""

    label: str
    colour: str  # --bs-… of its bar
    value: str
    share: float | None  # of what was sent, in per cent, for its bar; None: says nothing
    hint: str


def cards(numbers: Numbers) -> list[dict[str, str]]:
    """Return the cards at the top, each with its number, a line below it, and the comparison."""
    found, usual = numbers.report, numbers.usual
    opened, clicked = read_by(numbers, "opens"), read_by(numbers, "clicks")
    left = found.totals.unique_unsubscribes
    middles = (usual.opened, usual.clicked)
    if not _is_comparable(numbers):
        middles = (None, None)
    young = numbers.is_young
    rows = (
        ("sent", "send", "Sent", intcomma(found.sent), "accepted by the mail server", ""),
        (
            *("opens", "drafts", "Opened", opened.value, opened.hint),
            compared(found.open_rate, middles[0], is_young=young),
        ),
        (
            *("clicks", "ads_click", "Clicked", clicked.value, clicked.hint),
            compared(found.click_rate, middles[1], is_young=young),
        ),
        (
            *("unsubscribes", "logout", "Unsubscribed", intcomma(left)),
            of_sent(left, found.sent),
            compared(found.unsubscribe_rate, usual.left, is_young=young),
        ),
    )
    names = ("key", "icon", "label", "value", "hint", "marker")
    return [dict(zip(names, row, strict=True)) for row in rows]


def compared(rate: float, middle: float | None, *, is_young: bool = False) -> str:
    """Return how a rate stands to the usual one, both 0.0 to 1.0: "" where that is not known.

    While a campaign is young, less than usual says nothing.
    """
    if middle is None:
        return ""
    points = round(100 * (rate - middle), 1)
    if is_young and points <= 0:
        return f"usual in the end: {percent(100 * middle)}"
    if not points:
        return "= as usual"
    sign = "▲" if points > 0 else "▼"
    word = "above" if points > 0 else "below"
    return f"{sign} {abs(points):.1f} points {word} the usual {percent(100 * middle)}"


def _is_comparable(numbers: Numbers) -> bool:
    """Say whether the people who opened and clicked are known, and are what is counted."""
    return (
        numbers.counted is Counted.PEOPLE
        and numbers.choice is not TrackingChoice.OFF
        and not is_unnamed(numbers.report.totals)
    )


def funnel(numbers: Numbers) -> list[Step]:
    """Return the steps from sent to complained about.

    What nothing collects yet has no number, rather than a zero that would be made up.
    """
    found, failed, forwards = numbers.report, numbers.figures.failed, numbers.forwards
    sent, left = found.sent, found.totals.unique_unsubscribes
    opened, clicked = read_by(numbers, "opens"), read_by(numbers, "clicks")
    asked = f"{people(forwards.made, 'mail')} to friends, {people(forwards.shares, 'shared page')}"
    forwarded = forwards.made + forwards.shares
    return [
        _step("Sent", "sent", sent, sent, "accepted by the mail server"),
        _step("Delivered", "sent", sent, sent, "mail that came back later is not collected yet"),
        Step("Opened", "open", opened.value, _share(opened.amount, sent), opened.hint),
        Step("Clicked", "click", clicked.value, _share(clicked.amount, sent), clicked.hint),
        _step("Forwarded", "forward", forwarded, sent, asked),
        _step("Unsubscribed", "leave", left, sent, of_sent(left, sent)),
        _step(
            "Bounced", "refused", failed, sent + failed, "refused at once, so not among the sent"
        ),
        Step("Complained", "refused", UNKNOWN, None, "not collected yet"),
    ]


def read_by(numbers: Numbers, kind: str) -> Read:
    """Return how many opened ("opens") or clicked ("clicks"), as they are counted now."""
    found, counted = numbers.report, numbers.counted
    totals = found.totals
    times = (opens if kind == "opens" else clicks)(totals, counted)
    if counted == Counted.ALL:
        machines = getattr(totals, f"machine_{kind}")
        hint = f"{intcomma(times - machines)} by people · {intcomma(machines)} by machines"
        return Read(intcomma(times), times, f"times · {hint}")
    if counted == Counted.MACHINES:
        mails = getattr(totals, f"unique_machine_{kind}")
        return Read(intcomma(times), times, f"times, on {people(mails, 'named mail')}")
    readers = getattr(totals, f"unique_{kind}")
    if not times and numbers.choice is TrackingChoice.OFF:
        return Read(UNKNOWN, 0, "not recorded")
    if times and is_unnamed(totals):
        return Read(UNKNOWN, min(times, found.sent), f"{intcomma(times)} times; by whom is unknown")
    hint = f"{of_sent(readers, found.sent)} · {intcomma(times)} in all"
    if kind == "clicks" and 0 < readers <= totals.unique_opens:
        hint += f" · {percent(100 * readers / totals.unique_opens)} of who opened"
    if machines := getattr(totals, f"machine_{kind}"):
        hint += f" · {intcomma(machines)} by machines"
    return Read(intcomma(readers), readers, hint)


def naming_note(report: CampaignReport, choice: TrackingChoice) -> str:
    """Return why numbers of people are missing or too low, for the top of the page; "" if not."""
    if choice == TrackingChoice.OFF:
        return (
            "The lists of this campaign record nothing of who has not agreed to it. Only people "
            "who chose to be counted are in these numbers."
        )
    if choice == TrackingChoice.AGGREGATE:
        return (
            "The lists of this campaign count without names. So nobody can say whether two opens "
            "were one person: numbers of people hold only those who agreed to be named, and the "
            "times that something was opened or clicked are the better measure."
        )
    if is_unnamed(report.totals):
        return (
            "Nobody who opened or clicked so far may be named, so nobody can say whether two opens "
            "were one person. The times that something was opened or clicked are counted."
        )
    return ""


def of_sent(count: int, sent: int) -> str:
    """Return a share of what was sent in words."""
    share = 100 * count / sent if sent else 0.0
    return "under 0.1 % of sent" if 0 < share < SMALLEST else f"{percent(share)} of sent"


def _step(label: str, colour: str, count: int, whole: int, hint: str) -> Step:
    return Step(label, colour, intcomma(count), _share(count, whole), hint)


def _share(count: int, whole: int) -> float:
    return min(100.0, round(100 * count / whole, 1)) if whole else 0.0


def as_live(found: list[dict[str, str]]) -> dict[str, Any]:
    """Return the texts of cards by their names in the page."""
    values = {card["key"]: card["value"] for card in found}
    hints = {f"{card['key']}_hint": card["hint"] for card in found}
    return values | hints | {f"{card['key']}_marker": card["marker"] for card in found}
