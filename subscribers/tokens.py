"""The signed links of the public pages, as they stand in mail."""

from django.conf import settings

from subscribers import signing
from subscribers.signing import BadToken

__all__ = [
    "BadToken",
    "confirm_url",
    "preferences_url",
    "read_confirm",
    "read_preferences",
    "read_unsubscribe",
    "sign_confirm",
    "sign_preferences",
    "sign_unsubscribe",
    "unsubscribe_url",
]


def sign_unsubscribe(subscriber_id: int, campaign_id: int) -> str:
    """Return the token for leaving what `campaign_id` was sent to (0: every list)."""
    return signing.sign("unsubscribe", subscriber_id, campaign_id)


def read_unsubscribe(token: str) -> tuple[int, int]:
    """Return the subscriber's and the campaign's id. Raises BadToken."""
    subscriber_id, campaign_id = signing.read("unsubscribe", token, 2)
    return subscriber_id, campaign_id


def sign_preferences(subscriber_id: int) -> str:
    """Return the token of a person's preference page."""
    return signing.sign("preferences", subscriber_id)


def read_preferences(token: str) -> int:
    """Return the subscriber's id. Raises BadToken."""
    return signing.read("preferences", token, 1)[0]


def sign_confirm(confirmation_id: int) -> str:
    """Return the token of a confirmation."""
    return signing.sign("confirm", confirmation_id)


def read_confirm(token: str) -> int:
    """Return the confirmation's id. Raises BadToken."""
    return signing.read("confirm", token, 1)[0]


def unsubscribe_url(subscriber_id: int, campaign_id: int) -> str:
    """Return the address that answers GET with a page and a one-click POST (RFC 8058)."""
    return f"{settings.PUBLIC_URL}/u/{sign_unsubscribe(subscriber_id, campaign_id)}"


def preferences_url(subscriber_id: int) -> str:
    """Return the address of a person's preference page."""
    return f"{settings.PUBLIC_URL}/p/{sign_preferences(subscriber_id)}"


def confirm_url(confirmation_id: int) -> str:
    """Return the address where a person confirms that they asked to join."""
    return f"{settings.PUBLIC_URL}/confirm/{sign_confirm(confirmation_id)}"
