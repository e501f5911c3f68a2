"""The places in an edition that differ from mail to mail by an address of ours.

`{{ link_0 }}`, `{{ open_pixel }}`, `{{ unsubscribe_url }}`, `{{ preferences_url }}` and
`{{ forward_url }}` printed as they are become marks in the static text, so that a mail with fifty
links is still one chunk. The same names inside an expression, or inside a macro, are ordinary
values.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from django.conf import settings
from jinja2 import nodes
from jinja2.visitor import NodeTransformer

from newsletter.composing.beacons import HIDDEN_LINK, NAMES, beacons
from newsletter.templating import CampaignEnvironment
from subscribers.models import TrackingChoice
from subscribers.signing import Lasts, MailSigner, Signer, spell, varint
from tracking.tokens import HIDDEN_LINK as HIDDEN_LINK_ID

# Places in the list of a reader's tokens.
MESSAGE_ID, UNSUBSCRIBE, PREFERENCES, FORWARD, OPEN, HIDDEN, FIRST_LINK = range(7)
MARK = "\0"  # around a slot's name; no source and no value can hold it
# Looking them up in their class costs more than comparing them.
_INDIVIDUAL, _OFF = TrackingChoice.INDIVIDUAL.value, TrackingChoice.OFF.value
_NAME = re.compile(rf"link_\d+|(?:unsubscribe|preferences|forward)_url|{'|'.join(NAMES)}")


class Slot(NamedTuple):
    """What stands in a slot: fixed text, a token (its place in the list of tokens), fixed text."""

    before: str
    token: int | None = None
    after: str = ""


class SlotEnvironment(CampaignEnvironment):
    """Compiles editions: slots become marks in the static text."""

    def prepare(self, tree: nodes.Template) -> nodes.Template:
        """Mark the slots of a tree that passed the rules."""
        return _Marker().visit(super().prepare(tree))  # type: ignore[no-any-return]


class _Marker(NodeTransformer):
    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        node.nodes = [
            nodes.TemplateData(f"{MARK}{child.name}{MARK}", lineno=child.lineno)
            if isinstance(child, nodes.Name) and _NAME.fullmatch(child.name)
            else child
            for child in node.nodes
        ]
        return node

    def _as_it_is(self, node: nodes.Node) -> nodes.Node:
        """Leave what is gathered into a value: a mark in a value would not be found again."""
        return node

    visit_Macro = visit_CallBlock = visit_FilterBlock = visit_AssignBlock = _as_it_is


def slots(link_urls: list[str], choice: str, escape: Callable[[str], str]) -> dict[str, Slot]:
    """Return the slots of an edition, for people who made this choice about tracking."""
    tracked = choice != TrackingChoice.OFF
    filled = {
        "unsubscribe_url": Slot(escape(f"{settings.PUBLIC_URL}/u/"), UNSUBSCRIBE),
        "preferences_url": Slot(escape(f"{settings.PUBLIC_URL}/p/"), PREFERENCES),
        "forward_url": Slot(escape(f"{settings.PUBLIC_URL}/f/"), FORWARD),
        **dict.fromkeys(NAMES, Slot("")),
    }
    click = escape(f"{settings.TRACKING_URL}/c/")
    for number, url in enumerate(link_urls):
        name = f"link_{number}"
        filled[name] = Slot(click, FIRST_LINK + number) if tracked else Slot(escape(url))
    for name, (before, after) in beacons(choice).items():
        filled[name] = Slot(before, HIDDEN if name == HIDDEN_LINK else OPEN, after)
    return filled


class Tokens:
    """The tokens of one campaign's mails."""

    def __init__(self, campaign_id: int, link_ids: list[int]) -> None:
        self._campaign = varint(campaign_id)
        self._links = Lasts([HIDDEN_LINK_ID, *link_ids])
        self._unsubscribe = Signer("unsubscribe")
        self._preferences = Signer("preferences")
        self._mail = MailSigner(campaign_id)
        self._click = Signer("click", campaign_id)
        # Everyone who may be counted but not named gets the same ones.
        nobody = varint(0)
        self._nameless = spell([self._mail.raw_all(nobody)[0], *self._clicks(nobody)])

    def of(self, reader: bytes, choice: str) -> tuple[list[bytes], bytes]:
        """Return a reader's tokens, in the order of the constants above, and the one for bounces.

        `reader` is `signing.varint` of the subscriber's id. The last one is not spelt: see verp.py.
        """
        opened, message_id, bounce, forward = self._mail.raw_all(reader)
        raws = [
            message_id,
            self._unsubscribe.raw(reader + self._campaign),
            self._preferences.raw(reader),
            forward,
        ]
        if choice == _INDIVIDUAL:
            return spell([*raws, opened, *self._clicks(reader)]), bounce
        spelt = spell(raws)
        return (spelt if choice == _OFF else spelt + self._nameless), bounce

    def _clicks(self, reader: bytes) -> list[bytes]:
        return self._click.raw_each(reader, self._links)
