"""The form of a draft: content and audience, checked before it is stored."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from newsletter import composing
from newsletter.admin import pace
from newsletter.admin.lists import members
from newsletter.models import Campaign
from subscribers.models import MailingList, Subscription

FIELDS = (
    "subject",
    "preheader",
    "from_email",
    "reply_to",
    "format",
    "body",
    "template",
    "lists",
    *pace.FIELDS,
)
# What the buttons above the body write, and what they say.
PLACEHOLDERS = (
    ("Name", "{{ subscriber.name }}"),
    ("Name or “friend”", "{{ subscriber.name or 'friend' }}"),
    ("Address", "{{ subscriber.email }}"),
    ("Attribute", "{{ subscriber.attributes.city | default('your town') }}"),
    ("If … else", "{% if subscriber.name %}…{% else %}…{% endif %}"),
)


class CampaignForm(pace.PaceFields, forms.ModelForm):  # type: ignore[type-arg]
    """A campaign as its author writes it. Mistakes in templates stand at their field."""

    class Meta:
        model = Campaign
        fields = FIELDS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in FIELDS:
            if name in self.fields:
                self.fields[name].widget.attrs.setdefault("autocomplete", "off")
        if "body" in self.fields:
            attributes = self.fields["body"].widget.attrs
            attributes["class"] = f"{attributes.get('class', '')} bs-code"
            attributes |= {"rows": 20, "spellcheck": "true"}
        if "template" in self.fields:  # without the theme's buttons to add and edit templates here
            self.fields["template"].widget = getattr(
                self.fields["template"].widget, "widget", self.fields["template"].widget
            )
        if "lists" in self.fields:
            self.fields["lists"].required = False  # a draft may be saved before that is decided

    @property
    def first_tab(self) -> str:
        """The part of the editor to begin with: where the mistakes are, if only there."""
        wrong = set(self.errors) if self.is_bound else set()
        if wrong and wrong <= set(pace.FIELDS):
            return "pace"
        return "audience" if wrong == {"lists"} else "content"

    @property
    def audience(self) -> QuerySet[MailingList]:
        """The lists to choose from, with the number of people on each."""
        return MailingList.objects.annotate(active_people=members(Subscription.Status.ACTIVE))

    @property
    def chosen_lists(self) -> set[str]:
        """The ids of the lists that are ticked."""
        return {str(getattr(value, "pk", value)) for value in self["lists"].value() or []}

    def clean(self) -> dict[str, Any]:
        """Compile the content, so that a mistake is found now and not while sending."""
        cleaned = super().clean() or {}
        if not self.errors:
            for problem in composing.check(Campaign(**self.content())):
                field = problem.field if problem.field in self.fields else None
                self.add_error(field, ValidationError(str(problem)))
        if not self.errors and self.instance.pk:
            self._lock_draft()
        return cleaned

    def _lock_draft(self) -> None:
        """Keep the draft from being started until it is saved, in the admin's transaction."""
        stored = Campaign.objects.select_for_update().filter(pk=self.instance.pk)
        status = stored.values_list("status", flat=True).first()
        if status != Campaign.Status.DRAFT:
            words = Campaign.Status(status).label.lower() if status else "deleted"
            raise ValidationError(
                f"Nothing was saved: meanwhile the campaign is no draft any more, but {words}."
            )

    def content(self) -> dict[str, Any]:
        """Return the cleaned values but the lists, which need a stored campaign."""
        return {name: self.cleaned_data[name] for name in FIELDS if name != "lists"}
