"""A campaign as one person would get it: on the screen, and as a test in somebody's inbox.

Rendered plainly, from the same sources as the mails that are sent (tests compare the two). Links
lead where they lead, nothing is counted, and the addresses for leaving belong to nobody: who tries
them in a test takes no reader off a list.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from markupsafe import escape

from newsletter.composing.compiled import CompiledMessage, RenderedMail
from newsletter.composing.edition import EditionContent, compile_edition
from newsletter.composing.links import write_out
from newsletter.composing.people import Person, shared_values
from newsletter.models import Campaign, Edition
from newsletter.templating import (
    CampaignEnvironment,
    compile_source,
    explain,
    html_environment,
    text_environment,
)
from subscribers.models import TrackingChoice
from subscribers.signing import sign
from tracking.targets import is_personal

NOBODY = 0


class Preview(NamedTuple):
    """What a person would see."""

    subject: str
    preheader: str
    html: str
    text: str


def preview(campaign: Campaign, person: Person) -> Preview:
    """Render a campaign for one person. Raises TemplateProblem."""
    content = compile_edition(campaign)
    links = {
        f"link_{number}": url
        for number, url in enumerate(content.link_urls)
        if not is_personal(url)
    }
    return render_plainly(
        content,
        person,
        {
            **links,
            "unsubscribe_url": f"{settings.PUBLIC_URL}/u/{sign('unsubscribe', NOBODY, NOBODY)}",
            "preferences_url": f"{settings.PUBLIC_URL}/p/{sign('preferences', NOBODY)}",
            "forward_url": f"{settings.PUBLIC_URL}/f/{sign('forward', NOBODY, NOBODY)}",
        },
    )


def render_test(campaign: Campaign, person: Person, to: str) -> RenderedMail:
    """Make the mail that `person` would get, for the inbox `to`. Nothing of it is recorded.

    Raises TemplateProblem for the texts, RenderError for what is this person's.
    """
    content = compile_edition(campaign)
    edition = Edition(
        campaign_id=campaign.pk or 0,
        link_ids=[NOBODY] * len(content.link_urls),
        **{name: getattr(content, name) for name in EditionContent.__slots__},
    )
    reader = person._replace(tracking=TrackingChoice.OFF)
    return CompiledMessage(edition).render_for(reader, to, NOBODY)


def render_plainly(
    edition: EditionContent | Edition, person: Person, addresses: Mapping[str, Any]
) -> Preview:
    """Render an edition's sources with Jinja2 alone. Raises TemplateProblem.

    Links that are not among `addresses` are written out, if they are personal.
    """
    urls = [
        "" if f"link_{number}" in addresses else url for number, url in enumerate(edition.link_urls)
    ]
    html = write_out(edition.html, urls, lambda text: str(escape(text)))
    text = write_out(edition.text, urls, str)
    values = {**shared_values(edition), "subscriber": person.values(), **addresses}
    subject = _render(text_environment, edition.subject, values, "subject")
    preheader = _render(text_environment, edition.preheader, values, "preheader")
    values |= {
        "subject": subject,
        "preheader": preheader,
        "campaign": {"subject": subject, "preheader": preheader},
    }
    return Preview(
        subject,
        preheader,
        _render(html_environment, html, values, "body"),
        _render(text_environment, text, values, "body"),
    )


def _render(
    environment: CampaignEnvironment, source: str, values: dict[str, Any], field: str
) -> str:
    template = compile_source(environment, source, field)
    try:
        return template.render(values)
    except Exception as error:  # whatever it is, the text is what is wrong
        raise explain(error, field) from error
