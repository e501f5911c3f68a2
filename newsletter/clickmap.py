"""A sent mail with its clicks drawn over it, at each link.

The picture is made of the edition that was sent, for one reader, with Jinja2; links get a number
and a colour by how often they were followed, and lead nowhere. Badges take no room, so the mail
looks as it did. The same address in two places is one link, and has the same number at both.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from newsletter.composing.people import Person
from newsletter.composing.previewing import render_plainly
from newsletter.models import Edition

STEPS = 4  # of colour

# What the sanitised mails of editions hold; quotes may hold a ">".
_LINK = re.compile(
    r"""<a\b(?P<before>(?:[^>"']|"[^"]*"|'[^']*')*?)\shref="click-map-(?P<number>\d+)"
        (?P<after>(?:[^>"']|"[^"]*"|'[^']*')*)>""",
    re.IGNORECASE | re.VERBOSE,
)
_OTHERS = re.compile(r'\shref="(?:click-map-\d+|https?:[^"]*)"', re.IGNORECASE)

_STYLE = """<style>
a[data-clicks] { outline: 2px solid #64748b !important; outline-offset: 2px; cursor: default; }
a[data-clicks="1"] { outline-color: #0f766e !important; }
a[data-clicks="2"] { outline-color: #b45309 !important; }
a[data-clicks="3"] { outline-color: #c2410c !important; }
a[data-clicks="4"] { outline-color: #b91c1c !important; }
a[data-clicks] > b[data-badge] {
  position: absolute; z-index: 9; margin: -17px 0 0 -6px; padding: 2px 7px; border-radius: 99px;
  box-shadow: 0 1px 3px rgb(0 0 0 / 40%); background: #475569; color: #fff !important;
  font: 700 11px/15px system-ui, sans-serif; letter-spacing: 0; text-align: left;
  text-decoration: none; text-transform: none; text-shadow: none; white-space: nowrap;
}
a[data-clicks="1"] > b[data-badge] { background: #0f766e; }
a[data-clicks="2"] > b[data-badge] { background: #b45309; }
a[data-clicks="3"] > b[data-badge] { background: #c2410c; }
a[data-clicks="4"] > b[data-badge] { background: #b91c1c; }
body { padding-top: 20px; }
</style>"""


@dataclass(frozen=True, slots=True)
class Heat:
    """How often one link was followed."""

    clicks: int
    share: float  # of all clicks of the mail, in per cent


@dataclass(frozen=True, slots=True)
class ClickMap:
    """The picture, and which links are in it: what stands in a condition, not everybody got."""

    html: str
    shown: frozenset[int]  # ids of links


def heats(clicks: Mapping[int, int]) -> dict[int, Heat]:
    """Return the heat of each link from its clicks."""
    whole = sum(clicks.values())
    return {
        link_id: Heat(count, round(100 * count / whole, 1) if whole else 0.0)
        for link_id, count in clicks.items()
    }


def draw(edition: Edition, person: Person, clicks: Mapping[int, int]) -> ClickMap:
    """Draw the clicks on each link id over the mail that `person` got. Raises TemplateProblem."""
    marks = {f"link_{number}": f"click-map-{number}" for number in range(len(edition.link_urls))}
    own = dict.fromkeys(("unsubscribe_url", "preferences_url", "forward_url"), "#")
    made = render_plainly(edition, person, marks | own)
    heat_of = heats(clicks)
    most = max(clicks.values(), default=0)
    shown: set[int] = set()

    def badge(match: re.Match[str]) -> str:
        number = int(match["number"])
        link_id = edition.link_ids[number]
        shown.add(link_id)
        heat = heat_of.get(link_id, Heat(0, 0.0))
        return (
            f'<a{match["before"]}{match["after"]} data-clicks="{step(heat.clicks, most)}">'
            f"<b data-badge>{escape(words(heat))}</b>"
        )

    # Whatever else names an address (an area, a shape for Outlook) leads nowhere either.
    html = _OTHERS.sub("", _LINK.sub(badge, made.html))
    return ClickMap(_styled(html), frozenset(shown))


def step(clicks: int, most: int) -> int:
    """Return the colour of a link: 0 where nobody clicked, STEPS for the most."""
    return -(-STEPS * clicks // most) if most else 0


def words(heat: Heat) -> str:
    """Return what stands on a badge."""
    share = f"{heat.share:.0f}" if heat.share >= 10 or not heat.clicks else f"{heat.share:.1f}"
    return f"{heat.clicks:,} · {share} %"


def _styled(html: str) -> str:
    head, end, rest = html.partition("</head>")
    # Before its doctype, a style would change how browsers lay the mail out.
    return f"{head}{_STYLE}{end}{rest}" if end else f"{_STYLE}{html}"
