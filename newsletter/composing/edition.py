"""From a campaign, as its author sees it, to the edition that is sent.

`compile_edition` does the work, without a trace in the database; `freeze` stores the result when a
campaign starts, and gives its links the ids that click tokens name.
"""

from dataclasses import dataclass, field
from email.utils import parseaddr

from django.conf import settings
from jinja2 import TemplateSyntaxError

from newsletter.composing import document, footer, headers, markdown, plaintext
from newsletter.composing.frames import default_frame
from newsletter.composing.links import Links
from newsletter.models import Campaign, Edition
from newsletter.templating import (
    TemplateProblem,
    compile_source,
    explain,
    html_environment,
    rules,
    text_environment,
)
from subscribers.models import MailingList, Organisation
from tracking import links as tracked

LONGEST_LIST_ID = 200  # characters, which leaves room for a name (RFC 2919: 255)


@dataclass(frozen=True, slots=True)
class EditionContent:
    """What an Edition holds besides its campaign and its link ids."""

    subject: str
    preheader: str
    html: str
    text: str
    from_email: str
    reply_to: str
    list_name: str
    list_id: str
    feedback_id: str
    organisation: dict[str, str]
    link_urls: list[str] = field(default_factory=list)


def compile_edition(campaign: Campaign, frame: str | None = None) -> EditionContent:
    """Compile what a campaign says now. Raises TemplateProblem for a mistake in its texts.

    `frame` takes the place of the campaign's template.
    """
    frame = frame or (campaign.template.html if campaign.template else default_frame())
    _refuse_unknown_names(campaign, frame)
    organisation = Organisation.current()
    said = {
        "name": organisation.name,
        "postal_address": organisation.postal_address,
        "contact_email": organisation.contact_email,
        "website": organisation.website,
    }
    may_forward = campaign.may_be_forwarded
    links = Links([organisation.privacy_url] if organisation.privacy_url else [], said)
    content = body_html(campaign)
    html = document.build(
        frame,
        document.Parts(
            content=content,
            footer=footer.html(organisation, may_forward=may_forward),
            subject=campaign.subject,
            preheader=campaign.preheader,
        ),
        links,
    )
    below = footer.text(organisation, may_forward=may_forward)
    text = plaintext.to_text(content, links) + below
    for environment, source in ((html_environment, html), (text_environment, text)):
        compile_source(environment, source, "body")
    mailing_list = _list_of(campaign)
    return EditionContent(
        subject=campaign.subject,
        preheader=campaign.preheader,
        html=html if html.endswith("\n") else html + "\n",
        text=text,
        from_email=campaign.from_email or settings.DEFAULT_FROM_EMAIL,
        reply_to=campaign.reply_to,
        list_name=mailing_list.name if mailing_list else "",
        list_id=_list_id(mailing_list),
        feedback_id=_feedback_id(campaign, mailing_list),
        organisation=said,
        link_urls=links.urls,
    )


def _refuse_unknown_names(campaign: Campaign, frame: str) -> None:
    """Look at the texts once more: not every campaign comes from a form that checked them."""
    for name, source, known in (
        ("subject", campaign.subject, rules.SUBJECT_NAMES),
        ("preheader", campaign.preheader, rules.SUBJECT_NAMES),
        ("body", campaign.body, rules.BODY_NAMES),
        ("template", frame, rules.FRAME_NAMES),
    ):
        try:
            problems = rules.check_names(text_environment.parse(source), known)
        except (TemplateSyntaxError, TemplateProblem, RecursionError) as error:
            raise explain(error, name) from error
        if problems:
            raise explain(problems[0], name)


def freeze(campaign: Campaign) -> Edition:
    """Store a campaign's edition. Raises TemplateProblem.

    Called once, by the transaction that starts the campaign.
    """
    content = compile_edition(campaign)
    try:
        link_ids = register_links(campaign.pk, content.link_urls)
    except tracked.BadTarget as error:
        raise TemplateProblem(f"A link can't work in a mail: {error}.", 0, "body") from error
    return Edition.objects.create(
        campaign=campaign,
        link_ids=link_ids,
        **{name: getattr(content, name) for name in EditionContent.__slots__},
    )


def register_links(campaign_id: int, urls: list[str]) -> list[int]:
    """Return the ids of a campaign's links, in the order of `urls`."""
    ids = tracked.ensure(campaign_id, urls)
    return [ids[url] for url in urls]


def body_html(campaign: Campaign) -> str:
    """Return a campaign's body as HTML with Jinja2. Raises TemplateProblem."""
    if campaign.format == Campaign.Format.MARKDOWN:
        return markdown.to_html(campaign.body)
    if "<body" in campaign.body.lower():
        raise TemplateProblem(
            "Write what stands between <body> and </body> only: the rest comes from the template.",
            campaign.body[: campaign.body.lower().index("<body")].count("\n") + 1,
            "body",
        )
    return campaign.body


def _list_of(campaign: Campaign) -> MailingList | None:
    """Return the list that stands in the headers. The oldest, so that it is always the same."""
    if campaign.pk is None:
        return None
    return campaign.lists.order_by("id").first()


def _list_id(mailing_list: MailingList | None) -> str:
    # Below the installation's own domain, so that it stays when a campaign has another sender.
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    domain = headers.wire_address(address).rpartition("@")[2]
    label = mailing_list.slug.lower().replace("_", "-") if mailing_list else "newsletter"
    return f"{label}.{domain}"[-LONGEST_LIST_ID:]


def _feedback_id(campaign: Campaign, mailing_list: MailingList | None) -> str:
    label = mailing_list.slug if mailing_list else "none"
    return f"c{campaign.pk or 0}:{label}:newsletter:{settings.SENDER_ID}"
