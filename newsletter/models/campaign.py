"""A campaign, its template, and the edition that its start freezes."""

from collections.abc import Collection

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxLengthValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from subscribers import passing_on
from subscribers.models import MailingList

BODY_LIMIT = 1_000_000  # characters; a mail over 102 KB is clipped by Gmail anyway


class Template(models.Model):
    """The frame around a body: HTML with Jinja2, and {{ content }} where the body goes."""

    name = models.CharField(max_length=100, unique=True)
    description = models.CharField(max_length=200, blank=True)
    html = models.TextField(validators=[MaxLengthValidator(BODY_LIMIT)])
    is_builtin = models.BooleanField(default=False, editable=False)
    is_default = models.BooleanField(default=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                "is_default", condition=Q(is_default=True), name="template_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Campaign(models.Model):
    """One piece of mail to some lists. newsletter/campaigns.py holds the rules of its life."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SCHEDULED = "scheduled", "Scheduled"
        RUNNING = "running", "Sending"
        PAUSED = "paused", "Paused"
        FINISHED = "finished", "Sent"
        CANCELLED = "cancelled", "Cancelled"

    class Format(models.TextChoices):
        MARKDOWN = "markdown", "Markdown"
        HTML = "html", "HTML"

    subject = models.CharField(max_length=250)
    preheader = models.CharField(
        max_length=250, blank=True, help_text="The line that inboxes show after the subject."
    )
    from_email = models.CharField(
        "from", max_length=320, blank=True, help_text="Name <address>. Empty: DEFAULT_FROM."
    )
    reply_to = models.CharField(max_length=320, blank=True)
    lists = models.ManyToManyField(MailingList, related_name="campaigns")
    format = models.CharField(max_length=8, choices=Format, default=Format.MARKDOWN)
    body = models.TextField(blank=True, validators=[MaxLengthValidator(BODY_LIMIT)])
    template = models.ForeignKey(
        Template, models.PROTECT, null=True, blank=True, help_text="Empty: the default template."
    )
    # Its pace: may be changed while it runs (campaigns.set_pace).
    throttle = models.PositiveIntegerField(
        "mails a minute", null=True, blank=True, help_text="Empty: as fast as the servers take it."
    )
    send_days = ArrayField(  # ISO: 1 is Monday
        models.PositiveSmallIntegerField(), default=list, blank=True, help_text="Empty: every day."
    )
    send_from = models.TimeField("not before", null=True, blank=True)
    send_until = models.TimeField("not after", null=True, blank=True)
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT, editable=False)
    scheduled_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)
    # Why nothing moves although the campaign runs ("the mail server does not answer").
    waiting_reason = models.CharField(max_length=300, blank=True, editable=False)
    waiting_since = models.DateTimeField(null=True, editable=False)
    retry_at = models.DateTimeField(null=True, editable=False)  # not woken before
    audience_size = models.BigIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    # Who pressed the button, or scheduled it; empty: a command, or somebody who is gone.
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            # Read by each tick.
            models.Index(
                fields=["status"],
                condition=Q(status__in=["scheduled", "running"]),
                name="campaign_going",
            ),
        ]

    # Of a campaign that is not saved, which can have no `lists`: ids of those in its form.
    lists_in_form: Collection[int] = ()

    def __str__(self) -> str:
        return self.subject

    @property
    def may_be_forwarded(self) -> bool:
        """Whether all of its lists let readers forward its mail (one or two queries)."""
        if self.pk is None:
            return passing_on.do_allow(self.lists_in_form)
        return passing_on.is_allowed(self.pk)


class Edition(models.Model):
    """What a campaign said at its start. Never changed, so that every recipient gets the same.

    `subject`, `preheader`, `html` and `text` are Jinja2 sources after everything that is the same
    for all has been done: Markdown, frame, inlined styles, footer, links replaced by slots
    (`{{ link_0 }}`). newsletter/composing makes it and reads it.
    """

    campaign = models.OneToOneField(Campaign, models.PROTECT, primary_key=True)
    subject = models.TextField()
    preheader = models.TextField(blank=True)
    html = models.TextField()
    text = models.TextField()
    from_email = models.CharField(max_length=320)
    reply_to = models.CharField(max_length=320, blank=True)
    list_name = models.CharField(max_length=200, blank=True)
    list_id = models.CharField(max_length=255)  # RFC 2919, without its name
    feedback_id = models.CharField(max_length=150)
    organisation = models.JSONField(default=dict)  # what {{ organisation.… }} says
    # In the order of the slots: where a link leads, and its id (tracking.Link) in click tokens.
    link_urls = models.JSONField(default=list)
    link_ids = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"edition of campaign {self.campaign_id}"
