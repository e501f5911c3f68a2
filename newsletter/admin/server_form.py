"""The form of a sending server. Secrets go in and never come out: empty means "as it was".

A stored secret stays with the host that it was entered for: who may edit servers, but does not know
the password, can't have it sent to a host of their own.
"""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminPasswordWidget

from newsletter import vault
from newsletter.admin.lines_field import DomainsField
from newsletter.models import SendingServer
from newsletter.sending import rows

# Form field: the column of its sealed text, its purpose, and the field that says where it is sent.
SECRETS = {
    "password": ("password_sealed", rows.PASSWORD, "host"),
    "client_secret": ("oauth_client_secret_sealed", rows.CLIENT_SECRET, "oauth_token_url"),
    "refresh_token": ("oauth_refresh_token_sealed", rows.REFRESH_TOKEN, "oauth_token_url"),
}
FIELDS = (
    "name",
    "is_active",
    "host",
    "port",
    "tls",
    "auth",
    "username",
    "oauth_token_url",
    "oauth_client_id",
    "priority",
    "weight",
    "per_second",
    "per_minute",
    "per_hour",
    "per_day",
    "connections",
    "mails_per_connection",
    "from_domains",
    "relay_signs",
    "warmup_from",
    "warmup_start",
    "warmup_growth",
    "warmup_ceiling",
)
OAUTH = ("oauth_token_url", "oauth_client_id")


def _secret(label: str) -> forms.CharField:
    # Without strip: a password may begin or end with a blank.
    widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, required=False, strip=False, max_length=4096, widget=widget)


class ServerForm(forms.ModelForm):  # type: ignore[type-arg]
    """A sending server as its owner writes it."""

    password = _secret("Password")
    client_secret = _secret("Client secret")
    refresh_token = _secret("Refresh token")
    from_domains = DomainsField(label="May send for")

    class Meta:
        model = SendingServer
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (column, _, _) in SECRETS.items():
            if name in self.fields and getattr(self.instance, column):
                self.fields[name].help_text = "One is stored. Leave empty to keep it."
        if "warmup_from" in self.fields:
            self.fields["warmup_from"].widget = forms.DateInput(
                format="%Y-%m-%d",
                attrs={**self.fields["warmup_from"].widget.attrs, "type": "date"},
            )

    def clean(self) -> dict[str, Any]:
        """Refuse a sign-in that lacks its secret, and a secret that would go elsewhere."""
        cleaned = super().clean() or {}
        if not cleaned.get("username"):
            return cleaned
        wanted = ("password",)
        if cleaned.get("auth") == SendingServer.Auth.XOAUTH2:
            wanted = ("refresh_token",)
            for name in OAUTH:
                if not cleaned.get(name):
                    self.add_error(name, "XOAUTH2 needs this.")
        for name in wanted:
            if not cleaned.get(name) and not getattr(self.instance, SECRETS[name][0]):
                self.add_error(name, "Without it, the server can’t be signed in to.")
        self._keep_at_home(cleaned)
        return cleaned

    def _keep_at_home(self, cleaned: dict[str, Any]) -> None:
        for name, (column, _, place) in SECRETS.items():
            is_kept = getattr(self.instance, column) and not cleaned.get(name)
            if is_kept and place in self.changed_data:
                where = self.fields[place].label or place
                self.add_error(name, f"“{where}” has changed, so enter this again.")

    def save(self, commit: bool = True) -> SendingServer:
        """Seal the secrets that were entered; forget them all without a user name."""
        for name, (column, purpose, _) in SECRETS.items():
            if not self.cleaned_data.get("username"):
                setattr(self.instance, column, "")
            elif text := self.cleaned_data.get(name):
                setattr(self.instance, column, vault.seal(text, purpose))
        saved: SendingServer = super().save(commit)
        return saved
