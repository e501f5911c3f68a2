"""The end of every mail: who wrote, from where, and how to leave, by link and by hand.

The law asks for it (PECR reg 23, CAN-SPAM, CASL), so a frame can place it with {{ footer }} but not
leave it out. As Jinja2 sources: its links are slots, everything else is the same for all.
"""

from markupsafe import Markup, escape

from subscribers.models import Organisation

_HTML = Markup(
    '<div class="footer">\n'
    "<p><strong>{name}</strong>{address}</p>\n"
    "<p>You get this mail because you are on a mailing list of {name}.<br>\n"
    '<a href="{{{{ unsubscribe_url }}}}">Unsubscribe</a> &middot; '
    '<a href="{{{{ preferences_url }}}}">Your preferences</a>{forward}{privacy}</p>\n'
    "<p>Should the links not work, write to "
    '<a href="mailto:{email}">{email}</a> and a person will take you off the list.</p>\n'
    "</div>\n"
)
_TEXT = """
-- 
{name}{address}

You get this mail because you are on a mailing list of {name}.
Unsubscribe: {{{{ unsubscribe_url }}}}
Your preferences: {{{{ preferences_url }}}}{forward}{privacy}
Should the links not work, write to {email} and a person will take you off the list.
"""  # noqa: W291  (the blank after the dashes is what marks a signature)

_HTML_FORWARD = Markup(' &middot; <a href="{{ forward_url }}">Forward to a friend</a>')
_TEXT_FORWARD = "\nForward to a friend: {{ forward_url }}"


def html(organisation: Organisation, *, may_forward: bool = True) -> str:
    """Return the footer as HTML, with a link to forward the mail where its lists allow that."""
    lines = _address_lines(organisation)
    privacy = Markup(' &middot; <a href="{}">Privacy</a>').format(organisation.privacy_url)
    return str(
        _HTML.format(
            name=_literal(escape(organisation.name)),
            address=Markup("<br>\n{}").format(_literal(escape(", ".join(lines)))) if lines else "",
            email=_literal(escape(organisation.contact_email)),
            forward=_HTML_FORWARD if may_forward else "",
            privacy=privacy if organisation.privacy_url else "",
        )
    )


def text(organisation: Organisation, *, may_forward: bool = True) -> str:
    """Return the footer as plain text, likewise."""
    return _TEXT.format(
        name=_literal(organisation.name),
        address="".join(f"\n{_literal(line)}" for line in _address_lines(organisation)),
        email=_literal(organisation.contact_email),
        forward=_TEXT_FORWARD if may_forward else "",
        privacy=f"\nPrivacy: {organisation.privacy_url}" if organisation.privacy_url else "",
    )


def _address_lines(organisation: Organisation) -> list[str]:
    return [line.strip() for line in organisation.postal_address.splitlines() if line.strip()]


def _literal(value: str) -> Markup:
    """Keep braces from being read as Jinja2: an organisation's name is no template."""
    return Markup(str(value).replace("{", "{{ '{' }}"))  # noqa: S704  (escaped by the callers)
