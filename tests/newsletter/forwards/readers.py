"""What readers and their friends do, and what they get."""

from email import message_from_bytes, policy

from django.core import signing
from django.utils.timezone import now

from newsletter import forward_form
from subscribers.models import ConsentRecord, Subscriber, Suppression
from tracking import tokens
from tracking.models import Forward, ForwardRefusal

State = Forward.State
FRIEND = "friend@example.com"


def page(campaign, person) -> str:
    return f"/f/{tokens.sign_forward(campaign.pk, person.pk)}"


def stamp(campaign, person, age: float = 5) -> str:
    """Return the stamp of a form that was shown `age` seconds ago."""
    shown = [campaign.pk, person.pk, now().timestamp() - age]
    return signing.dumps(shown, salt=forward_form.STAMP_SALT)


def post(browser, campaign, person, *friends: str, **fields):
    data = {"friend": friends or [FRIEND], "sender": "Ada", "stamp": stamp(campaign, person)}
    return browser.post(page(campaign, person), {**data, **fields})


def read(mail) -> tuple[object, str, str]:
    """Return a mail, its text and its HTML."""
    message = message_from_bytes(mail.data, policy=policy.default)
    assert message.defects == []
    text, html = (message.get_body([kind]).get_content() for kind in ("plain", "html"))
    return message, text.replace("\r\n", "\n"), html.replace("\r\n", "\n")


def the_copy() -> Forward:
    return Forward.objects.get(kind=Forward.Kind.FRIEND)


def everything() -> list[object]:
    tables = (Forward, ForwardRefusal, Suppression, Subscriber, ConsentRecord)
    return [list(table.objects.order_by("pk").values()) for table in tables]
