"""A campaign's mail for somebody who did not get it: a friend's copy, and a page of it.

Made of the edition, so that it says what the campaign said, for a reader of whom nothing is known:
nothing of whoever passes it on is in reach. The list's footer is taken out, since a friend is on no
list, and with it the owner's links; where the body has such links, they lead to pages that a
friend can use.
"""

import re
from copy import copy
from typing import NamedTuple

from django.conf import settings
from markupsafe import Markup, escape

from newsletter.composing.beacons import filled
from newsletter.composing.people import Person
from newsletter.composing.previewing import Preview, render_plainly
from newsletter.models import Edition
from newsletter.templating import TemplateProblem
from subscribers.models import TrackingChoice
from tracking import tokens
from tracking.targets import is_personal

NEUTRAL = Person(0, "", tracking=TrackingChoice.OFF)

_TEXT_FOOTER = "\n-- \n"
_RULE = "\n* * *"
_FOOTER = re.compile(
    r'(?P<open><div class="footer"[^>]*>)\s*(?P<p><p[^>]*>)(?:(?!</?div).)*?'
    r'<a href="\{\{ unsubscribe_url \}\}"(?P<a>[^>]*)>(?:(?!</?div).)*</div>',
    re.DOTALL,
)
_BODY_BEGINS = re.compile(r"<!--.*?-->|<body(?:\s+[^\s=>]+(?:=\"[^\"]*\")?)*\s*>", re.DOTALL)

_BOX = Markup(
    '<div role="note" style="margin:0;padding:16px 20px;background:#eeeefb;color:#1f1d1a;'
    "border-bottom:1px solid #c9cbee;font-family:Arial,Helvetica,sans-serif;font-size:15px;"
    'line-height:22px;text-align:left">'
    '<div style="max-width:600px;margin:0 auto">{}</div></div>\n'
)
_NOTE = Markup(
    '<blockquote style="margin:10px 0 0;padding:0 0 0 12px;border-left:3px solid #3b3fb6">{}'
    "</blockquote>"
)
_IN_BOX = Markup(' style="color:#3b3fb6;font-weight:bold"')
_LINK = Markup('<a href="{}"{}>{}</a>')


class Around(NamedTuple):
    """What stands above and below the mail."""

    above: str  # one sentence
    below: str  # why somebody sees this; one or two sentences
    links: tuple[tuple[str, str], ...] = ()  # what they can do: words, address
    note: str = ""  # of whoever passes it on
    invitation: tuple[str, str] | None = None  # stands above in HTML: words, address


class Addresses(NamedTuple):
    """Where the links of the mail lead to."""

    child_id: int  # tracking's Forward, in whose name opens and clicks count; 0: they don't
    leave: str  # in place of the owner's unsubscribe link
    join: str  # in place of the owner's preferences


def render(edition: Edition, around: Around, addresses: Addresses) -> Preview:
    """Make the mail. Raises TemplateProblem for one that says nothing without a reader's data."""
    cut = copy(edition)
    cut.html, styles = _without_footer(edition.html)
    cut.text = edition.text.rpartition(_TEXT_FOOTER)[0] or edition.text
    made = render_plainly(cut, NEUTRAL, _values(edition, addresses))
    end = _html_footer(edition.organisation, around, styles)
    return made._replace(
        html=_under_body(made.html.replace(_PLACE, end, 1), _html_above(around)),
        text=_text_above(around) + made.text + _text_footer(edition.organisation, around),
    )


def subject(edition: Edition) -> str:
    """Return the subject as somebody sees it of whom nothing is known. Raises TemplateProblem."""
    bare = copy(edition)
    bare.html = bare.text = ""
    return render_plainly(bare, NEUTRAL, {}).subject


def _values(edition: Edition, addresses: Addresses) -> dict[str, str]:
    child_id, leave, join = addresses
    values = {"unsubscribe_url": leave, "preferences_url": join, "forward_url": join}
    for number, url in enumerate(edition.link_urls):
        if not is_personal(url):
            values[f"link_{number}"] = _link(edition, child_id, number)
    if child_id:
        opened = tokens.sign_forward_open(edition.campaign_id, child_id)
        hidden = tokens.sign_forward_click(edition.campaign_id, child_id, tokens.HIDDEN_LINK)
        # As for people who are not named: whose copy it is that somebody quotes can't be said.
        values |= filled(TrackingChoice.AGGREGATE, opened, hidden)
    return values


def _link(edition: Edition, child_id: int, number: int) -> str:
    if not child_id:
        return str(edition.link_urls[number])
    link_id = edition.link_ids[number]
    token = tokens.sign_forward_click(edition.campaign_id, child_id, link_id)
    return f"{settings.TRACKING_URL}/c/{token}"


class _Styles(NamedTuple):
    """Tags of the list's footer, which carry the looks of its template."""

    opening: str
    paragraph: str
    anchor: str  # attributes


_PLACE = "\ufdd0friend\ufdd0"  # no character of any text


def _without_footer(html: str) -> tuple[str, _Styles]:
    found = list(_FOOTER.finditer(html))
    if not found:
        raise TemplateProblem("The footer of this mail can't be found.", 0, "template")
    last = found[-1]
    return (
        html[: last.start()] + _PLACE + html[last.end() :],
        _Styles(last["open"], last["p"], last["a"]),
    )


def _html_footer(organisation: dict[str, str], around: Around, styles: _Styles) -> str:
    begin, link = Markup(styles.paragraph), Markup(styles.anchor)  # noqa: S704  (of our footer)
    name, lines = organisation["name"], _lines(organisation["postal_address"])
    contact = organisation["contact_email"]
    links = Markup(" &middot; ").join(
        _LINK.format(address, link, words) for words, address in around.links
    )
    return str(
        Markup(
            "{}\n{}<strong>{}</strong>{}</p>\n{}{}{}</p>\n{}Should the links not work, write to {} "
            "and a person will help.</p>\n</div>\n"
        ).format(
            Markup(styles.opening),  # noqa: S704  (likewise)
            begin,
            name,
            Markup("<br>\n{}").format(", ".join(lines)) if lines else "",
            begin,
            around.below,
            Markup("<br>\n{}").format(links) if links else "",
            begin,
            _LINK.format(f"mailto:{contact}", link, contact),
        )
    )


def _text_footer(organisation: dict[str, str], around: Around) -> str:
    lines = [organisation["name"], *_lines(organisation["postal_address"]), ""]
    lines += [around.below, *(f"{words}: {address}" for words, address in around.links)]
    lines.append(
        f"Should the links not work, write to {organisation['contact_email']} and a person will "
        "help."
    )
    return _TEXT_FOOTER + "\n".join(lines) + "\n"


def _html_above(around: Around) -> str:
    words = escape(around.above)
    if around.invitation:
        text, address = around.invitation
        words += Markup(" ") + _LINK.format(address, _IN_BOX, text)
    if around.note:
        words += _NOTE.format(Markup("<br>\n").join(around.note.split("\n")))
    return str(_BOX.format(words))


def _text_above(around: Around) -> str:
    note = "".join(f"\n> {line}" for line in around.note.split("\n")) if around.note else ""
    return f"{around.above}\n{note}\n{_RULE}\n\n"


def _lines(postal_address: str) -> list[str]:
    return [line.strip() for line in postal_address.splitlines() if line.strip()]


def _under_body(html: str, above: str) -> str:
    for match in _BODY_BEGINS.finditer(html):
        if not match[0].startswith("<!--"):
            return html[: match.end()] + "\n" + above + html[match.end() :]
    return above + html
