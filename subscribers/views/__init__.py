"""The public pages. GET and HEAD change nothing: mail scanners follow every link.

No page sets or reads a cookie. What stands behind a token needs no further proof, so the forms
work in every mail program's browser; Referrer-Policy keeps the token from leaking.
"""

from subscribers.views.choosing import preferences
from subscribers.views.frame import robots, show, token_page
from subscribers.views.joining import confirm, index, join, thanks
from subscribers.views.unsubscribing import ONE_CLICK, unsubscribe

__all__ = [
    "ONE_CLICK",
    "confirm",
    "index",
    "join",
    "preferences",
    "robots",
    "show",
    "thanks",
    "token_page",
    "unsubscribe",
]
