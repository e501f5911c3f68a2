"""What a campaign sends: its frozen edition, compiled, the lists that it goes to, and its keys."""

from collections.abc import Callable
from dataclasses import dataclass

from newsletter import audience, dkim_keys
from newsletter.composing import CompiledMessage, Person, RenderedMail, headers
from newsletter.models import Edition
from newsletter.sending.envelope import Mail
from subscribers import recording


@dataclass(frozen=True, slots=True)
class Content:
    """All that a run has to know of its campaign."""

    campaign_id: int
    list_ids: list[int]
    from_domain: str
    render: Callable[[Person], RenderedMail]  # raises composing's RenderError
    sign: Callable[[Mail], Mail]  # puts our signatures in front, where we have keys


def load(campaign_id: int) -> Content:
    """Read and compile the edition of a campaign that was started."""
    edition = Edition.objects.get(campaign_id=campaign_id)
    list_ids = audience.campaign_list_ids(campaign_id)
    domain = headers.mailbox(edition.from_email).domain
    return Content(
        campaign_id=campaign_id,
        list_ids=list_ids,
        from_domain=domain,
        render=CompiledMessage(edition, recording.of_lists(list_ids).value).render,
        sign=signing(domain),
    )


def signing(domain: str) -> Callable[[Mail], Mail]:
    """Return what signs mail from `domain`; without keys for it, what leaves it as it is."""
    signer = dkim_keys.signer_for(domain)
    if signer is None:
        return lambda mail: mail

    def sign(mail: Mail) -> Mail:
        data = signer.sign(mail.data) + mail.data
        return RenderedMail(
            mail.envelope_from, mail.recipient, mail.message_id, data, mail.needs_smtputf8
        )

    return sign
