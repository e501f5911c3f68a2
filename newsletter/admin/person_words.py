"""The timeline of a person in words: what each row is called, and what stands beside it."""

from typing import Any, Final, NamedTuple

from django.urls import reverse

from newsletter.models import Delivery
from newsletter.person_reading import Choice
from newsletter.person_timeline import Entry, Source
from subscribers import consent
from subscribers.models import ConsentRecord, TrackingChoice
from tracking.classify import PEOPLE, Verdict
from tracking.models import Forward, Kind

_KINDS: Final = {
    Kind.OPEN: ("drafts", "Opened"),
    Kind.CLICK: ("ads_click", "Followed a link"),
    Kind.CANARY: ("smart_toy", "Followed the hidden link, which no person sees"),
    Kind.SHARE: ("share", "Looked at a shared page"),
    Kind.QUOTE: ("format_quote", "Loaded the picture that only quoted mail shows"),
}
_VERDICTS: Final = {
    Verdict.HUMAN: "a person",
    Verdict.LIKELY_HUMAN: "most likely a person",
    Verdict.PROXY_OPEN: "a person, through their mail service",
    Verdict.PRIVACY_PREFETCH: "a mail service, whether or not anybody reads",
    Verdict.SCANNER: "a security scanner or robot",
    Verdict.PREVIEW: "a preview",
    Verdict.UNKNOWN: "not known",
}
_ACTIONS: Final = {
    ConsentRecord.Action.REQUESTED: ("pending", "Asked to join"),
    ConsentRecord.Action.SUBSCRIBED: ("person_add", "Joined"),
    ConsentRecord.Action.CONFIRMED: ("how_to_reg", "Confirmed"),
    ConsentRecord.Action.UNSUBSCRIBED: ("person_remove", "Left"),
    ConsentRecord.Action.SUPPRESSED: ("block", "Never to be written to again"),
    ConsentRecord.Action.UNSUPPRESSED: ("lock_open", "May be written to again"),
    ConsentRecord.Action.TRACKING: ("visibility", "Chose what is recorded"),
}
_COLOURS: Final = {
    ConsentRecord.Action.SUBSCRIBED: "green",
    ConsentRecord.Action.CONFIRMED: "green",
    ConsentRecord.Action.SUPPRESSED: "red",
    ConsentRecord.Action.UNSUBSCRIBED: "amber",
}
_OUTCOMES: Final = {
    Delivery.Status.SENT: "green",
    Delivery.Status.FAILED: "red",
    Delivery.Status.IN_DOUBT: "amber",
}


class Line(NamedTuple):
    """A row of the timeline."""

    entry: Entry
    icon: str
    title: str
    badge: str = ""
    colour: str = ""  # of the badge
    detail: str = ""
    url: str = ""  # where more of it is shown
    code: str = ""  # the reason of a verdict


def line(entry: Entry, may_see_ledger: bool) -> Line:
    """Return a row in words. Those of the ledger are linked for who may see them."""
    if entry.source == Source.LEDGER:
        return _ledger(entry, may_see_ledger)
    return _WORDING[entry.source](entry)


def why_not(choice: Choice) -> dict[str, Any]:
    """Return why nothing, or not all, is kept of a person's reading; {} where everything is."""
    if choice.kept == TrackingChoice.INDIVIDUAL:
        return {}
    who = "This person has chosen" if choice.is_own else "Their lists say"
    if choice.kept is None:
        words = (
            "This person has chosen nothing, and their lists differ: what they read is kept for "
            "some lists only, and only that is shown and counted here."
        )
    elif choice.kept == TrackingChoice.AGGREGATE:
        words = f"{who} that opens and clicks are counted without a name."
    else:
        words = f"{who} that nothing of their reading is recorded."
    return {"words": words, "is_all": not choice.names, "is_own": choice.is_own, "at": choice.since}


def _hit(entry: Entry) -> Line:
    hit = entry.row
    icon, title = _KINDS[Kind(hit.kind)]
    verdict = Verdict(hit.verdict)
    is_person = verdict in PEOPLE
    return Line(
        entry,
        icon if is_person else "smart_toy",
        title,
        "Person" if is_person else "Machine",
        "green" if is_person else "",
        f"{hit.url} · " * bool(hit.url) + f"taken for {_VERDICTS[verdict]}",
        code=hit.reason,
    )


def _forward(entry: Entry) -> Line:
    forward = entry.row
    if forward.kind == Forward.Kind.SHARE:
        return Line(entry, "share", "Made a page to share")
    return Line(
        entry,
        "forward_to_inbox",
        "Forwarded to a friend",
        forward.get_state_display(),
        "green" if forward.state == Forward.State.SENT else "",
        "Whom to is not kept.",
    )


def _ledger(entry: Entry, may_see_ledger: bool) -> Line:
    record = entry.row
    action = ConsentRecord.Action(record.action)
    icon, title = _ACTIONS[action]
    if record.came_back:
        title = "Came back to" if record.mailing_list else "Came back"
    if record.mailing_list:
        title = f"{title} “{record.mailing_list}”"
    if action == ConsentRecord.Action.TRACKING:
        choice = record.evidence.get("choice")
        if choice in TrackingChoice.values:
            title = f"{title}: {TrackingChoice(choice).label.lower()}"
    url = reverse("admin:subscribers_consentrecord_change", args=[record.pk])
    return Line(
        entry,
        icon,
        title,
        record.get_method_display(),
        _COLOURS.get(action, "blue"),
        _proof(record),
        url if may_see_ledger else "",
    )


def _proof(record: ConsentRecord) -> str:
    """Return the words that somebody agreed to, and what else shows that they did."""
    parts = [f"Agreed to: {record.wording}"] if record.wording else []
    for name, label in (("note", "Note"), ("agreed", "Evidence"), ("file", "File")):
        if record.evidence.get(name):
            parts.append(f"{label}: {record.evidence[name]}")
    if record.evidence.get(consent.BEFORE) == "pending":
        parts.append("They had not confirmed.")
    return " · ".join(str(part) for part in parts)


def _mail(entry: Entry) -> Line:
    mail = entry.row
    return Line(
        entry,
        "send",
        "Mail",
        mail.get_status_display(),
        _OUTCOMES.get(mail.status, ""),
        mail.reason,
    )


def _confirmation(entry: Entry) -> Line:
    asks = entry.row.mail_asks
    return Line(
        entry,
        "mark_email_unread",
        "Was asked by mail to confirm" if asks else "Was told by mail that they are on the list",
    )


def _edit(entry: Entry) -> Line:
    return Line(
        entry,
        "edit",
        f"Edited by {entry.row.user}",
        detail=entry.row.get_change_message(),
    )


_WORDING: Final = {
    Source.HIT: _hit,
    Source.FORWARD: _forward,
    Source.MAIL: _mail,
    Source.CONFIRMATION: _confirmation,
    Source.EDIT: _edit,
}
