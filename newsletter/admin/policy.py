"""The admin's content security policy.

The theme (unfold) runs Alpine, which needs 'unsafe-eval', and writes inline styles. Public pages
have no such need, so only answers under /admin/ get the wider policy. Nothing that a marketer or a
subscriber wrote may stand in the admin's own page: it goes into a sandboxed frame.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

ADMIN_PREFIX = "/admin/"


class AdminPolicyMiddleware:
    """Give answers under /admin/ the policy of settings.ADMIN_CONTENT_SECURITY_POLICY."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer `request`; a view that set its own policy keeps it."""
        response = self.get_response(request)
        if request.path.startswith(ADMIN_PREFIX) and not hasattr(response, "_csp_config"):
            # django-csp reads this attribute of the answer; its decorators set it too.
            response._csp_config = settings.ADMIN_CONTENT_SECURITY_POLICY  # type: ignore[attr-defined]
        return response
