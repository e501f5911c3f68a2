"""The servers that take our mail, the providers that it goes to, and what each of them allows."""

import re

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, URLValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

LARGEST_PORT = 65_535
DOMAIN = re.compile(r"[^\s@,;/:]+\.[^\s@,;/:]+|localhost")
_HOST = re.compile(r"[^\s/\\@\[\]<>,;?#\"']+")


class Limited(models.Model):
    """How much mail may go somewhere, from all workers together. Empty: as much as it takes."""

    per_second = models.FloatField(
        "a second", null=True, blank=True, validators=[MinValueValidator(0.001)]
    )
    per_minute = models.PositiveIntegerField(
        "a minute", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    per_hour = models.PositiveIntegerField(
        "an hour", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    per_day = models.PositiveIntegerField(
        "a day", null=True, blank=True, validators=[MinValueValidator(1)]
    )

    class Meta:
        abstract = True


class SendingServer(Limited):
    """A mail server that takes our mail. While there is no row, SMTP_URL names the only server."""

    class Tls(models.TextChoices):
        STARTTLS = "starttls", "STARTTLS, required (usually port 587)"
        IMPLICIT = "implicit", "TLS from the first byte (usually port 465)"
        OPPORTUNISTIC = "opportunistic", "STARTTLS when the server offers it"
        NONE = "none", "None: only for a server on this machine or network"

    class Auth(models.TextChoices):
        AUTO = "auto", "What the server offers"
        PLAIN = "plain", "PLAIN"
        LOGIN = "login", "LOGIN"
        XOAUTH2 = "xoauth2", "XOAUTH2 (Google, Microsoft)"

    name = models.CharField(max_length=100, unique=True)
    is_active = models.BooleanField("in use", default=True)
    host = models.CharField(max_length=255, help_text="A name or an address.")
    port = models.PositiveIntegerField(default=587)
    tls = models.CharField("encryption", max_length=13, choices=Tls, default=Tls.STARTTLS)
    auth = models.CharField("sign-in", max_length=7, choices=Auth, default=Auth.AUTO)
    username = models.CharField(max_length=255, blank=True, help_text="Empty: no sign-in.")
    # Sealed by newsletter/vault.py; never shown again.
    password_sealed = models.TextField(blank=True, editable=False)
    oauth_token_url = models.CharField(
        "token address", max_length=200, blank=True, validators=[URLValidator(["https", "http"])]
    )
    oauth_client_id = models.CharField("client id", max_length=255, blank=True)
    oauth_client_secret_sealed = models.TextField(blank=True, editable=False)
    oauth_refresh_token_sealed = models.TextField(blank=True, editable=False)

    priority = models.SmallIntegerField(
        default=10, help_text="Servers with a lower number are used first."
    )
    weight = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1)],
        help_text="Among servers of the same priority, one of weight 2 gets twice as much as 1.",
    )
    connections = models.PositiveSmallIntegerField(
        default=20,
        validators=[MinValueValidator(1)],
        help_text="Open at once, from all workers together.",
    )
    mails_per_connection = models.PositiveIntegerField(
        default=0, help_text="After so many, a new connection is opened. 0: no limit."
    )
    from_domains = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Domains of From addresses that it may send for. Empty: all.",
    )
    relay_signs = models.BooleanField(
        "signs by itself", default=False, help_text="It adds the DKIM signature, so we don't."
    )

    warmup_from = models.DateField(
        "warm-up since", null=True, blank=True, help_text="Empty: no warm-up."
    )
    warmup_start = models.PositiveIntegerField(
        "mails on the first day", default=200, validators=[MinValueValidator(1)]
    )
    warmup_growth = models.FloatField(
        "growth a day",
        default=1.5,
        validators=[MinValueValidator(1.0)],
        help_text="1.5: half as many again each day.",
    )
    warmup_ceiling = models.PositiveIntegerField(
        "until so many a day",
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="When it is reached, the warm-up is over.",
    )
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["priority", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(port__gte=1, port__lte=LARGEST_PORT), name="server_port"
            ),
            models.CheckConstraint(condition=Q(weight__gte=1), name="server_weight"),
            models.CheckConstraint(condition=Q(connections__gte=1), name="server_connections"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Refuse what can't be, or can't work together. Raises ValidationError."""
        if self.host and not _HOST.fullmatch(self.host):
            raise ValidationError({"host": "This is neither the name nor the address of a host."})
        if self.port is not None and not 1 <= self.port <= LARGEST_PORT:
            raise ValidationError({"port": f"Ports are numbers from 1 to {LARGEST_PORT:,}."})
        for domain in self.from_domains:
            if not DOMAIN.fullmatch(domain):
                raise ValidationError({"from_domains": f"“{domain}” is not a domain."})
        if self.username and self.tls == self.Tls.NONE and not self.is_near:
            raise ValidationError({"tls": "A password is not sent over an unprotected connection."})
        if self.warmup_from and not self.warmup_ceiling and self.warmup_growth <= 1:
            raise ValidationError({"warmup_growth": "Without growth, a warm-up needs a ceiling."})

    @property
    def is_near(self) -> bool:
        """Whether the server runs on this machine."""
        return self.host in ("localhost", "127.0.0.1", "::1")


class Provider(Limited):
    """A mailbox provider, known by its domains and by the servers that take mail for others."""

    name = models.CharField(max_length=100)
    slug = models.SlugField(unique=True)
    domains = ArrayField(
        models.CharField(max_length=255), default=list, blank=True, help_text="gmail.com, …"
    )
    mx = ArrayField(
        models.CharField(max_length=255),
        default=list,
        blank=True,
        help_text="Ends of the names of its mail servers (MX): google.com, …",
    )
    is_builtin = models.BooleanField(default=False, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class MailDomain(models.Model):
    """Who takes the mail of a domain: a memory of look-ups in DNS."""

    domain = models.CharField(max_length=255, primary_key=True)
    provider = models.CharField(max_length=255, blank=True)  # a slug or a domain; '': not known
    looked_up_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.domain}: {self.provider or 'not known'}"


class Pause(models.Model):
    """A server, or one provider at a server, that mail waits for. newsletter/sending/pauses.py."""

    class Cause(models.TextChoices):
        POLICY = "policy", "Our mail is refused"
        TROUBLE = "trouble", "The server is in trouble"
        DEFERRALS = "deferrals", "It asks us to come back later"

    server_id = models.BigIntegerField()  # 0: the server of SMTP_URL
    provider = models.CharField(max_length=255, blank=True)  # '': the whole server
    cause = models.CharField(max_length=9, choices=Cause)
    reason = models.CharField(max_length=500)
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    times = models.SmallIntegerField(default=1)  # one after the other; each is longer

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server_id", "provider"], name="pause_once")]

    def __str__(self) -> str:
        return f"{self.get_cause_display()} until {self.until:%H:%M}"


class ServerUsage(models.Model):
    """How much a server took in an hour (UTC). For people, and for limits after a loss of Redis."""

    server_id = models.BigIntegerField()  # 0: the server of SMTP_URL
    hour = models.DateTimeField()
    accepted = models.IntegerField(default=0)
    deferred = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    class Meta:
        verbose_name_plural = "server usage"
        constraints = [models.UniqueConstraint(fields=["server_id", "hour"], name="usage_once")]

    def __str__(self) -> str:
        return f"server {self.server_id}, {self.hour:%d %B %H:00}: {self.accepted}"


class DkimKey(models.Model):
    """A key that signs the mail of a domain (RFC 6376, RFC 8463). newsletter/dkim_keys.py."""

    class Algorithm(models.TextChoices):
        RSA = "rsa", "RSA, 2048 bits"
        ED25519 = "ed25519", "Ed25519"

    domain = models.CharField(max_length=255)
    selector = models.CharField(max_length=63)
    algorithm = models.CharField(max_length=7, choices=Algorithm, default=Algorithm.RSA)
    private_sealed = models.TextField(editable=False)  # by newsletter/vault.py
    public = models.TextField(editable=False)  # as in the DNS record: base64
    is_active = models.BooleanField("signs", default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "signing key"
        ordering = ["domain", "algorithm", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["domain", "selector"], name="dkim_selector_once"),
            models.UniqueConstraint(
                fields=["domain", "algorithm"],
                condition=Q(is_active=True),
                name="dkim_one_active",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"
